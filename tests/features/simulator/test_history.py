"""The history of a simulated world: the state of any day, and a journal of what happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.features.simulator.small_world import SMALL, same_state
from undertow.features.simulator import World, run


def test_the_state_of_any_day_is_the_one_reached_by_walking_there(village: World) -> None:
    from_the_start = replace(village, frozen={0: village.frozen[0]})
    for day in (*village.frozen, 17, 45, village.parameters.days - 1):
        assert same_state(from_the_start.state_at(day), village.state_at(day)), day


def test_the_journal_tells_what_happens_in_the_months_lived_again() -> None:
    town = run(replace(SMALL, accounts=300, merge_rate=1e-3), seed=1)
    j = town.journal
    assert (j.heir >= 0).sum() > 5
    for number, month in enumerate(town.months()):
        first = town.parameters.month_start(number)
        lines = j.take((j.day >= first) & (j.day < first + len(month.left)))
        at = lines.day - first, lines.account
        for name in ("left", "arrived", "heir"):
            dense = getattr(month, name)
            nothing = -1 if name == "heir" else 0
            assert np.array_equal(dense[at], getattr(lines, name)), name
            assert (dense != nothing).sum() == (getattr(lines, name) != nothing).sum(), name
        for name in ("billed", "card_failed", "repriced", "opened", "resolved", "called"):
            dense = np.where(month.present, getattr(month.lived, name), 0)
            told = np.where(lines.present, getattr(lines, name), 0)
            assert np.array_equal(dense[at], told) and (dense != 0).sum() == (told != 0).sum(), name


def test_the_journal_is_sorted_by_account_and_then_by_day(village: World) -> None:
    assert (np.diff(village.journal.account * 100_000 + village.journal.day) > 0).all()
