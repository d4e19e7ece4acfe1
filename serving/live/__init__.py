"""Live scores: a process of its own beside each worker that answers requests, so that look-ups never wait for rows."""
