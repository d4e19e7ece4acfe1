"""The published scores: read into memory, filtered, and turned into answers."""
