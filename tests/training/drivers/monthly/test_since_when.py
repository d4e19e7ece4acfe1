"""Since when a family adds more: the month of a planted step is found, and where nothing changed nothing is said."""

from __future__ import annotations

import pytest

from tests.training.drivers.monthly.by_hand import DAYS, of_accounts, scored_world
from undertow.training.drivers.monthly.scored_months import ScoredMonths
from undertow.training.drivers.monthly.shares import Shares
from undertow.training.drivers.monthly.since_when import changes

WORLDS = 40


def found(scored: ScoredMonths, number: int = 0) -> dict[str, dict[str, object]]:
    """Return the changes of a group by part; 0: everybody."""
    groups, _ = Shares(scored).groups()
    return {str(each["part"]): each for each in changes(groups[number].months, scored.as_ofs)}


@pytest.mark.parametrize(("step", "since"), [(0.02, 5), (0.02, 3), (-0.02, 6), (0.01, 7)])
def test_a_planted_step_is_found_in_its_month(step: float, since: int) -> None:
    change = found(scored_world(step=step, since=since))["cx"]
    assert change["since"] == DAYS[since] and change["why_not"] is None
    estimate = change["change"]
    assert isinstance(estimate, dict) and estimate["value"] == pytest.approx(step, abs=0.003)
    assert estimate["low"] < estimate["value"] < estimate["high"] and estimate["low"] * estimate["high"] > 0


def test_the_other_families_stay_silent_beside_a_step() -> None:
    others = found(scored_world(step=0.02))
    assert [part for part, each in others.items() if each["since"]] == ["cx"]


def test_a_constant_world_stays_silent() -> None:
    """Five parts in each of 40 worlds, for everybody and both segments: 600 chances to be wrong."""
    said = [
        each["since"]
        for seed in range(WORLDS)
        for number in range(3)
        for each in found(scored_world(accounts=150, seed=seed), number).values()
    ]
    assert len(said) == 15 * WORLDS and sum(since is not None for since in said) <= 1


def test_a_change_that_has_gone_again_is_none() -> None:
    whole = scored_world(step=0.02, since=4)
    gone = scored_world(step=0.0)
    last = whole.month == 7
    whole.by_family[last] = gone.by_family[last]
    assert found(whole)["cx"]["since"] is None


def test_a_change_too_small_to_matter_is_not_named() -> None:
    assert found(scored_world(accounts=4_000, step=0.0015))["cx"]["since"] is None


def test_with_too_few_months_or_accounts_it_is_said_that_nothing_can_be_said() -> None:
    few = found(scored_world(months=3, since=2))["cx"]
    assert (few["change"], few["why_not"]) == (None, "not enough data: 3 months, 4 are needed")
    scored = scored_world(step=0.05)
    small = found(of_accounts(scored, (scored.account < 20) | (scored.month == 7)))["cx"]
    assert str(small["why_not"]).startswith("not enough data: 20 accounts in one of the months compared")


def test_the_months_before_do_not_change_with_what_came_later() -> None:
    whole = scored_world(step=0.02)
    cut = of_accounts(whole, whole.month < 6)
    groups, _ = Shares(whole).groups()
    earlier, _ = Shares(cut).groups()
    for with_later, without in zip(groups[0].months[:6], earlier[0].months[:6], strict=True):
        assert with_later.parts[0].tolist() == without.parts[0].tolist()
