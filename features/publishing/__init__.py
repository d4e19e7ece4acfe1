"""Atomic publishing: writers fill hidden folders, readers see whole versions."""
