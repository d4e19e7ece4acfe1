"""Rules over the examples of all feature cards, and one query for several as_ofs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.features.catalogue import (
    test_billing,
    test_contract,
    test_cx,
    test_profile,
    test_purchases,
    test_usage,
    test_ux,
)
from tests.features.catalogue.rows import Row
from undertow.features.catalogue.choose import EVERY, make_catalogue
from undertow.features.tables import ALL_TABLES

FAMILIES = {
    "ux": test_ux,
    "cx": test_cx,
    "usage": test_usage,
    "billing": test_billing,
    "contract": test_contract,
    "profile": test_profile,
}
EXAMPLES = [example for module in (*FAMILIES.values(), test_purchases) for example in module.EXAMPLES]
COLUMNS = make_catalogue(ALL_TABLES, features=EVERY).columns
CARD_OF_COLUMN = {column.name: column.feature.name for column in COLUMNS}
FEBRUARY, MARCH, NEXT_DAY = datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 3, 2)
Snapshots = dict[tuple[str, datetime], dict[str, object]]


def test_every_column_of_every_card_is_computed_by_hand() -> None:
    assert {example.card for example in EXAMPLES} == {feature.name for feature in EVERY}
    assert {name for example in EXAMPLES for name in example.expected} == set(CARD_OF_COLUMN)


def test_the_examples_of_a_family_are_in_its_module() -> None:
    family_of = {feature.name: feature.family for feature in EVERY}
    for family, module in (*FAMILIES.items(), ("usage", test_purchases)):
        assert {family_of[example.card] for example in module.EXAMPLES} == {family}


def test_an_example_is_of_its_own_card_only() -> None:
    assert all(CARD_OF_COLUMN[name] == example.card for example in EXAMPLES for name in example.expected)
    assert len({str(example) for example in EXAMPLES}) == len(EXAMPLES)


def test_what_may_be_null_is_somewhere_null_and_a_count_never() -> None:
    """In each family one card at least has an example of what is null where there is no value."""
    null = {example.card for example in EXAMPLES if None in example.expected.values()}
    cards = {feature.name: feature for feature in EVERY}
    assert {cards[name].family for name in null} == {feature.family for feature in EVERY}
    assert all(cards[name].null_means != "never null" for name in null)


def _event(account: str, kind: str, occurred_at: datetime, recorded_at: datetime | None = None, **more: object) -> Row:
    return {"account_id": account, "kind": kind, "occurred_at": occurred_at, "recorded_at": recorded_at, **more}


@pytest.mark.parametrize("plan", ["slots", "range join"])
def test_one_query_answers_for_several_as_ofs(compute_features: Callable[..., Snapshots], plan: str) -> None:
    """Each as_of has its own windows and its own peers, and only what was recorded by then."""
    wanted = ("errors_7", "errors_30", "errors_trend_30", "days_since_last_error", "mrr", "visits_peers_30")
    events = [
        _event("a", "error", datetime(2024, 1, 20)),
        _event("a", "error", datetime(2024, 1, 30), recorded_at=datetime(2024, 2, 10)),
        _event("a", "error", FEBRUARY),
        _event("a", "error", datetime(2024, 3, 1, 12)),
        _event("a", "click", datetime(2024, 1, 25), session_id="v1"),
        _event("b", "click", datetime(2024, 2, 20), session_id="v2"),
        _event("b", "click", datetime(2024, 2, 21), session_id="v3"),
        _event("c", "click", datetime(2024, 2, 5), session_id="v4"),
    ]
    began, ended = datetime(2024, 1, 1), datetime(2024, 2, 15)
    paid = {"account_id": "a", "started_at": began, "mrr": 100, "ended_at": ended, "end_recorded_at": MARCH}
    columns = [column for column in COLUMNS if column.name in wanted]
    tables = {"events": events, "subscriptions": [paid]}
    found = compute_features(plan, columns, tables, (FEBRUARY, MARCH, NEXT_DAY), ("a", "b", "c"))

    def of(account_id: str, as_of: datetime) -> list[object]:
        return [found[account_id, as_of][name] for name in wanted]

    # 1 February: the error of 12 days ago. That of two days ago is not recorded yet, that of midnight is to come.
    assert of("a", FEBRUARY) == [0, 1, 1 - 0, 12, 100, 1 - 0]
    # 1 March: that of 29 days ago, and before it those of 31 and 41. The end is recorded at this very moment.
    assert of("a", MARCH) == [0, 1, 1 - 2, 29, 100, 0 - 1]
    # 2 March: those of half a day and of exactly 30 days ago.
    assert of("a", NEXT_DAY) == [1, 2, 2 - 2, 0.5, 0, 0 - 1]
    assert [found["b", as_of]["visits_peers_30"] for as_of in (FEBRUARY, MARCH, NEXT_DAY)] == [0 - 0, 2 - 1, 2 - 1]
