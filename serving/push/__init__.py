"""Sends the published list to other systems: databases, files, CRMs, Slack, webhooks."""
