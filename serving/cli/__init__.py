"""The command line: `undertow`."""
