"""The page about the model: results beside baselines and over time, freshness, definitions, limits, model card."""
