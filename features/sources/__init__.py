"""Reads the source files, checks them against the data contract, merges accounts, stores the input tables."""
