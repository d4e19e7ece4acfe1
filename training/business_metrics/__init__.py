"""Business metrics per month: churn rate, MRR, NPS, CSAT, error rate, conversion and more."""
