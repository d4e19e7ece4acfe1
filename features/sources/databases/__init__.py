"""Databases as sources: the rows of each are read in one transaction into Parquet snapshots, which tables come from."""
