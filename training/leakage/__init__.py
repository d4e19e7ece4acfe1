"""The leakage audit: replay, source record and statistics."""
