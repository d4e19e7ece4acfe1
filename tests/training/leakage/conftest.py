"""A simulated world as tables in memory, and few feature cards instead of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.leakage.planted import World, read_world, use_few_cards


@pytest.fixture(scope="session")
def frames(simulated: Path) -> World:
    """The simulated tables; to be copied before they are changed."""
    return read_world(simulated)


@pytest.fixture
def planted(frames: World) -> World:
    """A copy of the world that a test may plant a leak in."""
    return {name: frame.copy() for name, frame in frames.items()}


@pytest.fixture
def few_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some feature cards of each kind instead of all of them."""
    use_few_cards(monkeypatch)
