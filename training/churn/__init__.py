"""The churn model: hazards by cause, the curves computed from them, and the baselines."""
