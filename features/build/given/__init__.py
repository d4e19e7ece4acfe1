"""Feature rows that a project computed itself, read from one file, checked, and kept like our own."""
