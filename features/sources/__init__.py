"""Read, check, merge and keep the input tables."""
