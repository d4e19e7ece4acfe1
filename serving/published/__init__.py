"""Published scores: read into memory, filtered, and turned into answers and CSV."""
