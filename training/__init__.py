"""Training: labels, models, evaluation, the leakage audit, business metrics and the model registry."""
