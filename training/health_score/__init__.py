"""The health score that a team already keeps, judged beside the model: as a baseline, and by its mistakes."""
