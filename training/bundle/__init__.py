"""The trained model as serving loads it: files, predictions and attributions."""
