"""The page of one account: its score, how it adds up, what moved, and its scores over time; or that it has left."""
