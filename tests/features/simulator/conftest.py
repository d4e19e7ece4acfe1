"""The simulated town that several modules look at."""

from __future__ import annotations

import pytest

from undertow.features.simulator import Parameters, World, run


@pytest.fixture(scope="session")
def town() -> World:
    """1,000 accounts x 24 months: large enough for rates."""
    return run(Parameters(accounts=1000, months=24), seed=3)
