"""Commands of two words: `undertow models list`, `undertow keys add`, and what they print."""
