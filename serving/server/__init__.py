"""Between the socket and the app: bounded connections, and requests handed straight to the app."""
