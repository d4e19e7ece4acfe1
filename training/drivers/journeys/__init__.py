"""Journeys: touchpoints in order, the accounts in each, and churn and value of those who met trouble there."""
