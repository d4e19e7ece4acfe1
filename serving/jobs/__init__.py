"""The scoring jobs: what `undertow score` computes and publishes."""
