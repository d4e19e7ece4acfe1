"""Every feature as a card, by family, and the language in which the cards are written."""
