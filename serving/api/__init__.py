"""The HTTP service: routes, limits, errors, OpenAPI and Prometheus metrics."""
