"""Parameters of a simulated world: the named worlds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from undertow.features.errors import SettingsError
from undertow.features.simulator import WORLDS, Parameters, PlantedCause, Shock, simulate


def test_an_unknown_world_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Unknown world 'dmo'.*Did you mean 'demo'"):
        simulate("dmo", tmp_path)


@pytest.mark.parametrize("size", [{"accounts": 0}, {"months": 0}, {"accounts": -1}])
def test_a_world_without_anybody_or_any_time_is_refused(tmp_path: Path, size: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="at least 1 account and 1 month"):
        simulate("tiny", tmp_path / "out", **size)
    assert not (tmp_path / "out").exists()


def test_the_worlds_are_the_ones_that_the_documents_name() -> None:
    assert set(WORLDS) == {"tiny", "demo", "bench", "noise", "leak", "confounded", "treated"}
    assert (WORLDS["tiny"].accounts, WORLDS["tiny"].months) == (300, 18)
    assert (WORLDS["demo"].accounts, WORLDS["demo"].months) == (2000, 30)


@pytest.mark.parametrize(
    "shocks",
    [
        (Shock(PlantedCause.card, 900),),
        (Shock(PlantedCause.card, -1),),
        (Shock(PlantedCause.card, 5, 0.6), Shock(PlantedCause.habit, 5, 0.6)),
    ],
)
def test_a_shock_outside_the_history_or_for_more_than_all_is_refused(shocks: tuple[Shock, ...]) -> None:
    with pytest.raises(SettingsError, match=r"Shocks fall on days 0 to 58 .* card on day"):
        Parameters(accounts=10, months=2, shocks=shocks)
