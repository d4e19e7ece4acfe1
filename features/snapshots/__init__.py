"""Snapshots: the as_ofs at which features are computed, and the accounts at risk at each of them."""
