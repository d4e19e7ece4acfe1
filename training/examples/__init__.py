"""Training examples: snapshots with labels, split by time, as person-period rows."""
