"""Serving: published scores with their reasons over HTTP, as pages and on the command line."""
