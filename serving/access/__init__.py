"""Access to the service: keys with roles and owners, sessions, rate limits, allowed hosts and the audit log."""
