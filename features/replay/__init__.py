"""Leakage checks by replay: old snapshots are rebuilt from only the rows recorded by then, and compared."""
