"""From history to a model that someone can trust."""
