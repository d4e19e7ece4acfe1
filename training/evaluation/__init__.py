"""Evaluation of models: performance with confidence intervals, plots, the promotion gate and the report."""
