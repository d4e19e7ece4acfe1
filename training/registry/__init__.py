"""The model registry: MLflow runs, the registered model and its champion."""
