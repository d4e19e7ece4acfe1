"""The rows of one table: cast to their types, carried to one form, judged by the contract, and settled by key."""
