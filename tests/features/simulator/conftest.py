"""Simulated worlds that several modules look at: a town, and a small world as files and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.simulator.small_world import SMALL
from undertow.features.simulator import Parameters, World, run, simulate


@pytest.fixture(scope="session")
def town() -> World:
    """1,000 accounts x 24 months: large enough for rates."""
    return run(Parameters(accounts=1000, months=24), seed=3)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 accounts x 5 months as files."""
    out: Path = tmp_path_factory.mktemp("small")
    simulate(SMALL, out)
    return out


@pytest.fixture(scope="session")
def village() -> World:
    """The same 60 accounts x 5 months, as a world."""
    return run(SMALL, seed=7)
