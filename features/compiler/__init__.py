"""Compiles feature cards to SQL, by two query plans: the slot plan, and the range join it is tested against."""
