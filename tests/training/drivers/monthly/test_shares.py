"""Shares of risk and of money by family: told by hand, adding up, and with intervals that say how sure they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.training.bundle.by_hand import no_value
from tests.training.drivers.monthly.by_hand import of_accounts, scored_world
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.scores import Scores
from undertow.training.drivers.monthly.scored_months import ScoredMonths, join, sample
from undertow.training.drivers.monthly.shares import MOST_GROUPS, Shares, shares_json


def newest(scored: ScoredMonths, number: int = 0) -> dict[str, Any]:
    """Return the newest month of a group; 0: everybody."""
    groups, _ = Shares(scored).groups()
    return shares_json(groups[number].months[-1], scored.as_ofs[-1])


def part(month: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in month["parts"] if each["part"] == name)
    return found


def test_shares_are_those_computed_by_hand() -> None:
    """30 accounts at 10 %, of which 6 points from like accounts, 5 from billing, and -1 from usage; 20 euros each."""
    n, families = 30, np.zeros((30, 4))
    families[:, REASON_FAMILIES.index("billing")], families[:, REASON_FAMILIES.index("usage")] = 0.05, -0.01
    whole, like = np.full(n, 0.10), np.full(n, 0.06)
    scored = ScoredMonths(
        ("2025-01-01",), np.array([60]), np.zeros(n, int), np.arange(n), {}, whole, like, families,
        200 * whole, 200 * like, 200 * families,
    )  # fmt: skip
    month = newest(scored)
    assert month["accounts"] == 30 and month["probability"]["value"] == pytest.approx(0.10)
    assert month["value_at_risk"]["value"] == pytest.approx(60 * 20)  # of all 60 customers, of whom half were scored
    billing, usage = part(month, "billing"), part(month, "usage")
    assert (billing["points"]["value"], billing["share"]["value"]) == pytest.approx((0.05, 0.5))
    assert (billing["money"]["value"], billing["money_share"]["value"]) == pytest.approx((60 * 10, 0.5))
    assert (usage["points"]["value"], usage["share"]["value"]) == pytest.approx((-0.01, -0.1))
    assert part(month, "like")["share"]["value"] == pytest.approx(0.6)


def test_parts_add_up_to_the_whole_in_every_group_and_month() -> None:
    groups, _ = Shares(scored_world()).groups()
    assert (groups[0].by, groups[0].name) == ("all", "") and len(groups) == 3
    for group in groups:
        for drawn in group.months:
            month = shares_json(drawn, "2024-03-01")
            for whole, name in (("probability", "points"), ("value_at_risk", "money")):
                total = sum(each[name]["value"] for each in month["parts"])
                assert total == pytest.approx(month[whole]["value"], rel=1e-12, abs=1e-9)
            assert sum(each["share"]["value"] for each in month["parts"]) == pytest.approx(1.0, abs=1e-9)


def test_intervals_hold_the_value_and_widen_with_fewer_accounts() -> None:
    scored = scored_world(accounts=400)
    many, few = newest(scored), newest(of_accounts(scored, scored.account < 40))
    for month in (many, few):
        for each in month["parts"]:
            assert each["points"]["low"] < each["points"]["value"] < each["points"]["high"]
    for name in ("like", *REASON_FAMILIES):
        wide, narrow = (part(month, name)["points"] for month in (few, many))
        assert wide["high"] - wide["low"] > 2 * (narrow["high"] - narrow["low"])


def test_of_too_few_accounts_nothing_is_said() -> None:
    scored = scored_world(accounts=29)
    month = newest(scored)
    assert (month["accounts"], month["too_few"], month["parts"], month["probability"]) == (29, True, [], None)


def test_money_that_is_not_known_is_none() -> None:
    scored = scored_world()
    unknown = replace(scored, value_at_risk=np.full(len(scored.month), np.nan))
    month = newest(unknown)
    assert month["value_at_risk"] is None and all(each["money"] is None for each in month["parts"])
    assert month["probability"] is not None


def test_groups_of_one_way_are_the_largest_and_the_others_are_named() -> None:
    scored = scored_world(accounts=200, months=1)
    label = np.array([f"S{number % 20:02}" if number < 100 else "S00" for number in range(200)], dtype=object)
    groups, left_out = Shares(replace(scored, labels={"plan": label})).groups()
    assert len(groups) == 1 + MOST_GROUPS and len(left_out["plan"]) == 8
    assert groups[1].name == "S00" and groups[1].months[0].accounts == 105


def test_the_same_accounts_are_sampled_again_and_in_every_month() -> None:
    ids = [f"A-{number:05}" for number in range(3_000)]
    taken = {each for each, is_in in zip(ids, sample(ids, 500), strict=True) if is_in}
    fewer = ids[::2]
    again = {each for each, is_in in zip(fewer, sample(fewer, 500), strict=True) if is_in}
    assert len(taken) == len(again) == 500
    assert taken & set(fewer) <= again  # who is still there stays in
    thirds = [sum(each in taken for each in ids[start : start + 1_000]) for start in (0, 1_000, 2_000)]
    assert min(thirds) > 130  # none of a part of the ids alone


def test_months_are_joined_in_their_order_and_the_same_account_is_known_again() -> None:
    def scores(*chances: float) -> Scores:
        n = len(chances)
        return replace(
            no_value(n), probability=np.array([chances, chances]).T, probability_by_family=np.zeros((n, 4)),
            probability_by_feature=np.zeros((n, 3)), by_cause=np.zeros((n, 2, 2)),
        )  # fmt: skip

    joined = join(
        ["2025-01-01", "2025-02-01"], [5, 4], [["a", "b"], ["b"]], {"plan": [["team", None], ["team"]]},
        [scores(0.1, 0.2), scores(0.3)], headline=1,
    )  # fmt: skip
    assert joined.probability.tolist() == [0.1, 0.2, 0.3] and joined.month.tolist() == [0, 0, 1]
    assert joined.account.tolist() == [0, 1, 1] and joined.sampled().tolist() == [2, 1]
    assert joined.labels["plan"].tolist() == ["team", "not stated", "team"]
