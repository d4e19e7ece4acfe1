"""Drivers month by month: shares of risk and of money by family and group, since when, and direction plots."""
