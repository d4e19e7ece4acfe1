"""Leakage checks by replay: old snapshots rebuilt from what was recorded by then, and compared."""
