"""Builds the feature table: snapshots computed, in parts that fit into memory, and stored as Parquet."""
