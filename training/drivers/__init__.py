"""What drives the scores, overall and by segment."""
