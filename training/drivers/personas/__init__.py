"""Personas: few, stable groups of accounts by what they met and did, with their churn and value."""
