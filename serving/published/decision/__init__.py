"""The list as a decision: its parts by why accounts may leave, and the contacts with them, in words."""
