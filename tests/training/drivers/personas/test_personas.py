"""Personas: planted groups are found again, shuffled measures are refused, and each group has its numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import FEATURES
from undertow.training.drivers.listed import Listed
from undertow.training.drivers.observed import Observed
from undertow.training.drivers.personas.behaviour import CLIP, learn_behaviour
from undertow.training.drivers.personas.groups import FEWEST, STABLE, Tried, find_groups
from undertow.training.drivers.personas.names import LIKE_MOST, persona_names
from undertow.training.drivers.personas.personas import personas

COLUMNS = {column.name: column for card in FEATURES for column in card.columns}
# measure: its level in each of three groups of 50, 30 and 20 %, in standard deviations
PLANTED = {
    "visits_30": (0.0, -2.0, 2.5), "visit_pace": (0.0, -2.0, 2.5), "active_days_30": (0.0, -2.0, 2.5),
    "load_time_usual": (-1.0, 2.5, 0.0), "error_share_usual": (-1.0, 2.5, 0.0), "task_failures_usual": (-1.0, 2.5, 0.0),
    "ticket_pace_usual": (0.0, -0.5, 3.0), "resolution_hours_usual": (0.0, 0.0, 2.5), "voice": (0.5, 0.0, -2.5),
}  # fmt: skip
SHARES = (0.5, 0.3, 0.2)


def planted(n: int = 500, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Return accounts of three groups, and the group of each, (n,)."""
    random = np.random.default_rng(seed)
    group = random.choice(3, n, p=SHARES)
    values = {name: np.array(levels)[group] + random.normal(size=n) for name, levels in PLANTED.items()}
    return pa.table(values | {"mrr": 100.0 * (1 + group)}), group


def shuffled(rows: pa.Table, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table({name: random.permutation(rows[name].to_numpy()) for name in rows.column_names})


def listed(rows: pa.Table, clv: np.ndarray | None = None) -> Listed:
    values = np.full(rows.num_rows, np.nan) if clv is None else clv
    return Listed(rows, values, values / 10)


def columns_of(rows: pa.Table) -> dict[str, Column]:
    return {name: COLUMNS[name] for name in rows.column_names}


def found_in(rows: pa.Table, observed: Observed | None = None, clv: np.ndarray | None = None) -> dict[str, Any]:
    return personas(listed(rows, clv), observed, columns_of(rows), "2024-06-01", 90, "" if observed else "it is new")


# --- groups ---


def test_planted_groups_are_found_again() -> None:
    rows, group = planted()
    behaviour = learn_behaviour(rows, list(columns_of(rows).values()))
    assert behaviour is not None
    points = behaviour.weighted(rows)
    groups = find_groups(points)
    assert groups.centres is not None and len(groups.centres) == 3
    assert adjusted_rand_score(group, groups.of(points)) > 0.9
    assert np.bincount(groups.of(points)).tolist() == sorted(np.bincount(groups.of(points)), reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_measures_shuffled_each_on_its_own_are_refused(seed: int) -> None:
    rows, _ = planted(seed=seed)
    found = found_in(shuffled(rows, seed))
    assert found["personas"] == [] and found["why_not"].startswith("no ")


def test_a_measure_of_two_levels_alone_makes_no_groups() -> None:
    """K-means splits it with perfect stability; shuffled it does so too."""
    random = np.random.default_rng(3)
    values = {name: random.normal(size=400) for name in PLANTED}
    values["visits_30"] = np.where(random.random(400) < 0.4, 0.0, 10.0)
    found = found_in(pa.table(values))
    assert found["personas"] == []


def test_a_cloud_without_groups_is_refused_although_its_measures_go_together() -> None:
    random = np.random.default_rng(1)
    shared = np.repeat(random.normal(size=(600, 3)), 3, axis=1)  # three measures of each of three things
    groups = find_groups((shared + 0.5 * random.normal(size=(600, 9))).astype(np.float32))
    assert groups.components == 3 and len(groups.tried) == 5
    assert groups.centres is None and max(each.stability for each in groups.tried) < STABLE


def test_accounts_of_two_kinds_that_are_all_the_same_are_two_groups() -> None:
    kinds = np.random.default_rng(0).random(200) < 0.3
    groups = find_groups(np.repeat(3.0 * kinds[:, None], 5, axis=1).astype(np.float32))
    assert groups.centres is not None and len(groups.centres) == 2
    assert [each.smallest for each in groups.tried[1:]] == [0.0] * 4


@pytest.mark.parametrize(
    ("stability", "smallest", "explained", "is_stable"),
    [(0.8, 0.05, 0.32, True), (0.79, 0.05, 0.32, False), (0.8, 0.04, 0.32, False), (0.8, 0.05, 0.31, False)],
)
def test_groups_must_be_found_again_be_large_enough_and_explain_more_than_chance(
    stability: float, smallest: float, explained: float, is_stable: bool
) -> None:
    assert Tried(2, stability, smallest, explained, shuffled=0.3).is_stable is is_stable


def test_a_group_of_a_few_accounts_is_no_persona() -> None:
    random = np.random.default_rng(0)
    few = np.arange(400) < 12
    points = (random.normal(size=(400, 6)) + 9 * few[:, None]).astype(np.float32)
    groups = find_groups(points)
    two = groups.tried[0]
    assert two.stability > STABLE and two.smallest == pytest.approx(0.03) and not two.is_stable
    assert groups.centres is None


def test_too_few_accounts_are_said_to_be_too_few() -> None:
    rows, _ = planted(FEWEST - 1)
    assert found_in(rows)["why_not"] == "not enough data: 99 accounts, 100 are needed"


def test_too_few_measures_are_said_to_be_too_few() -> None:
    rows, _ = planted()
    assert "fewer than 4 measures" in found_in(rows.select(["visits_30", "voice", "mrr"]))["why_not"]


def test_the_same_accounts_give_the_same_personas() -> None:
    rows, _ = planted()
    assert found_in(rows) == found_in(rows)


# --- what they are found by ---


def test_neither_money_nor_contract_nor_a_deviation_from_the_own_past_is_a_measure() -> None:
    random = np.random.default_rng(0)
    rows = pa.table({name: random.normal(size=50) for name, column in COLUMNS.items() if column.feature.unit != "text"})
    behaviour = learn_behaviour(rows, list(COLUMNS.values()))
    assert behaviour is not None
    assert {each.feature.family for each in behaviour.measures} == {"ux", "cx", "usage"}
    assert not [each.name for each in behaviour.measures if each.feature.deviates or "money" in each.feature.unit]


def test_measures_are_standard_deviations_from_the_median_and_the_unknown_is_the_median() -> None:
    values = np.r_[np.random.default_rng(0).normal(10, 2, 10_000), 1e9]
    rows = pa.table({name: values for name in PLANTED})
    behaviour = learn_behaviour(rows, list(columns_of(rows).values()))
    assert behaviour is not None
    given = pa.table({name: pa.array([12.0, None, 1e9]) for name in PLANTED})
    assert behaviour.standardized(given)[:, 0] == pytest.approx([1.0, 0.0, CLIP], abs=0.05)


def test_each_family_counts_alike() -> None:
    rows, _ = planted()
    behaviour = learn_behaviour(rows, list(columns_of(rows).values()))
    assert behaviour is not None
    families = np.array([each.feature.family for each in behaviour.measures])
    assert [float((behaviour.weight[families == family] ** 2).sum()) for family in ("ux", "cx", "usage")] == (
        pytest.approx([1.0, 1.0, 1.0])
    )


# --- names ---


def test_a_name_is_made_of_the_two_largest_differences_that_are_not_about_the_same() -> None:
    measures = [COLUMNS[name] for name in ("visits_30", "active_days_30", "load_time_usual", "voice")]
    centres = np.array([[-2.0, -1.9, 1.5, 0.1], [1.0, 1.2, 0.0, -0.9], [0.1, 0.2, 0.3, 0.0]])
    assert persona_names(measures, centres) == ["Few visits, slow pages", "Many visits, low survey answers", LIKE_MOST]


def test_names_differ_also_where_the_largest_differences_are_alike() -> None:
    measures = [COLUMNS[name] for name in ("visits_30", "load_time_usual", "voice")]
    assert persona_names(measures, np.array([[2.0, 1.5, 1.0], [2.0, 1.5, -1.0]])) == [
        "Many visits, slow pages, high survey answers",
        "Many visits, slow pages, low survey answers",
    ]
    same = persona_names(measures, np.array([[2.0, 1.5, 1.0], [2.1, 1.5, 1.0]]))
    assert len(set(same)) == 2


# --- what is said of each ---


def test_each_persona_has_its_share_profile_churn_and_value() -> None:
    rows, group = planted()
    then, group_then = planted(900, seed=1)
    churned = np.random.default_rng(0).random(900) < np.array([0.05, 0.3, 0.1])[group_then]
    seen = Observed(then, churned, np.arange(900), np.zeros(900, dtype=int), ("2024-01-01",))
    found = found_in(rows, seen, clv=1000.0 * (1 + group))
    calm, slow, busy = found["personas"]
    assert [each["share"] for each in found["personas"]] == pytest.approx(SHARES, abs=0.06)
    assert slow["name"] == "Many failed tasks, many errors"
    assert slow["churn"]["low"] > calm["churn"]["high"]
    assert slow["churn"]["share"] == pytest.approx(0.3, abs=0.06)
    assert calm["value"]["mean_clv"] == pytest.approx(1000, rel=0.05)
    assert busy["value"]["mean_mrr"] == pytest.approx(300, rel=0.05)
    visits = slow["profile"][0]
    assert visits["feature"] == "visits_30" and visits["median"] < visits["overall"]
    assert abs(slow["differs"][0]["deviation"]) >= abs(slow["differs"][1]["deviation"])


def test_without_followed_outcomes_personas_stay_and_churn_is_left_out() -> None:
    rows, _ = planted()
    found = found_in(rows)
    assert {each["churn"] for each in found["personas"]} == {None}
    assert found["churn_why_not"] == "not enough data: it is new"
    assert json.loads(json.dumps(found, allow_nan=False)) == found
