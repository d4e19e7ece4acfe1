"""The leakage audit: replay of the past, older exports, recorded_at, and statistics of columns and model."""
