"""The events, the largest table: which files only grew since they were last read, visits, and monthly files."""
