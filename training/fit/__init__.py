"""Fits one model on what was known by some date, and fits a judged one again on everything known."""
