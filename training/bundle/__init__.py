"""The bundle: the trained model as serving loads it, its scores and its attributions."""
