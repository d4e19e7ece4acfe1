"""The pages of journeys and personas: what happened at each touchpoint, and groups of accounts by behaviour."""
