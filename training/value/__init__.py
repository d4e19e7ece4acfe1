"""Customer lifetime value (CLV)."""
