"""MLflow: runs, the registered model and its champion."""
