"""Hyperparameter tuning: a search with Optuna inside the training data, used only if surely better on the test."""
