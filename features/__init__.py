"""What we knew about a customer at a moment: accounts, time, and nothing fitted."""
