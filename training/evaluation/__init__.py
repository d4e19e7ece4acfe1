"""How good a model is: scores with confidence intervals, plots, the gate and the report."""
