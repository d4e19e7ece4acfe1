"""One question, one answer, with reasons: HTTP, pages, command line."""
