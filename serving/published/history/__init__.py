"""The history of publications: what each list said of every account, and the roll-up of a book."""
