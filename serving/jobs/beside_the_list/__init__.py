"""What is published beside the list: features described, journeys and personas, drivers month by month."""
