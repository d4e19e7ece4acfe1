"""The feature catalogue: every feature as a card, by family, and the language of their definitions."""
