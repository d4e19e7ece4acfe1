"""Point-in-time features: what was known about each account at an as_of; nothing here is fitted."""
