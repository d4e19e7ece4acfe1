"""The `undertow` command line: its commands and what they print."""
