"""Drivers of the scores, overall and by segment."""
