"""Nothing that was not known at as_of moves a feature: shown for random worlds, for every column.

A world is rows of all tables for three accounts, around as_of. It is compared with another one
whose past is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.tables_by_hand import with_defaults
from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import EVERY, FEATURES, make_catalogue
from undertow.features.catalogue.language import measures
from undertow.features.tables import (
    ALL_TABLES,
    EVENT_KINDS,
    PAYMENT_KINDS,
    PLANNED_KINDS,
    SURVEY_KINDS,
    Table,
    TableColumn,
)

AS_OF = datetime(2024, 3, 31)
MOMENT = timedelta(microseconds=1)
ACCOUNTS = ("a", "b", "c")
COLUMNS: tuple[Column, ...] = make_catalogue(ALL_TABLES, features=EVERY).columns
FADING = tuple(column for column in COLUMNS if any(m.half_life for m in measures(column.feature.measure)))
READ = [ALL_TABLES[name] for name in sorted({table for feature in FEATURES for table in feature.tables})]
Row = dict[str, object]
World = dict[str, list[Row]]
T = TypeVar("T")
Features = Callable[..., dict[str, dict[str, object]]]

AT_ONCE = 4
quick = settings(  # a query over all columns takes half a second: few examples of AT_ONCE worlds, none made smaller
    max_examples=3,  # the first is the simplest
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

edges = st.sampled_from([AS_OF, AS_OF - MOMENT, AS_OF - timedelta(days=30), AS_OF - timedelta(days=90)])
moments = edges | st.integers(-130 * 24, 40 * 24).map(lambda hours: AS_OF + timedelta(hours=hours))
TEXTS = {
    ("events", "kind"): EVENT_KINDS,
    ("surveys", "kind"): SURVEY_KINDS,
    ("payments", "kind"): PAYMENT_KINDS,
    ("planned_changes", "kind"): PLANNED_KINDS,
    ("tickets", "priority"): ("urgent", "low"),
    ("events", "name"): ("LCP", "save"),
}


def _values(table: Table, column: TableColumn) -> st.SearchStrategy[object]:
    if column.name == "account_id":
        return st.sampled_from(ACCOUNTS)
    sure = {
        "time": moments,
        "number": st.integers(0, 5).map(float),
        "flag": st.booleans(),
        "text": st.sampled_from(TEXTS.get((table.name, column.name), ("p", "q"))),
    }[column.type]
    return sure if column.required else st.none() | sure


def _rows(table: Table) -> st.SearchStrategy[list[Row]]:
    row = st.fixed_dictionaries({column.name: _values(table, column) for column in table.columns})
    return st.lists(row.map(lambda given: with_defaults(table, given)), min_size=2, max_size=5)


worlds: st.SearchStrategy[World] = st.fixed_dictionaries({table.name: _rows(table) for table in READ})


def some(each: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    """Several examples, to be computed in one query."""
    return st.lists(each, min_size=AT_ONCE, max_size=AT_ONCE)


def _is_known(table: Table, row: Row) -> bool:
    happened, recorded = row[table.happened_at], row.get("recorded_at", AS_OF - MOMENT)
    return _before(happened) and _before(recorded)


def _before(moment: object) -> bool:
    return isinstance(moment, datetime) and moment < AS_OF


def _unknown_columns(table: Table, row: Row) -> list[TableColumn]:
    """The late columns of a row that nobody could have filled in before as_of."""
    return [column for column in table.columns if column.known_from and not _before(row[column.known_from])]


def _forgotten(world: World) -> World:
    """The world as it stood in the books at as_of."""
    return {
        name: [
            {**row, **{column.name: None for column in _unknown_columns(ALL_TABLES[name], row)}}
            for row in rows
            if _is_known(ALL_TABLES[name], row)
        ]
        for name, rows in world.items()
    }


def _another_future(world: World) -> World:
    """The same past; then every late value comes, and every row comes again, or comes to be known."""
    other: World = {}
    for name, rows in _forgotten(world).items():
        table = ALL_TABLES[name]
        filled = [{**row, **{c.name: _late_value(c) for c in _unknown_columns(table, row)}} for row in rows]
        again = [{**row, table.happened_at: AS_OF} for row in filled]
        booked_late = [{**row, "recorded_at": AS_OF} for row in filled if table.column("recorded_at")]
        other[name] = filled + again + booked_late
    return other


def _late_value(column: TableColumn) -> object:
    return {"time": AS_OF, "number": 1.0, "text": "p"}[column.type]


def _assert_same_features(features_of: Features, pairs: Sequence[tuple[World, World]]) -> None:
    """Compute both worlds of all pairs in one query, as the accounts a0, b0, c0 and a0', b0', c0', a1, ..."""
    tables: World = {table.name: [] for table in READ}
    twins = {}
    for number, pair in enumerate(pairs):
        assert pair[0] != pair[1]
        for world, mark in zip(pair, (f"{number}", f"{number}'"), strict=True):
            for name, rows in world.items():
                tables[name] += [{**row, "account_id": f"{row['account_id']}{mark}"} for row in rows]
        twins |= {f"{account}{number}": f"{account}{number}'" for account in ACCOUNTS}
    found = features_of(COLUMNS, tables, AS_OF, [*twins, *twins.values()])
    for account, twin in twins.items():
        assert found[account] == found[twin]


@quick
@given(several=some(worlds.filter(lambda world: _forgotten(world) != world)))
def test_features_need_nothing_but_what_was_known_at_as_of(features_of: Features, several: list[World]) -> None:
    _assert_same_features(features_of, [(world, _forgotten(world)) for world in several])


@quick
@given(several=some(worlds.filter(lambda world: _another_future(world) != world)))
def test_another_future_moves_no_feature(features_of: Features, several: list[World]) -> None:
    _assert_same_features(features_of, [(world, _another_future(world)) for world in several])


@quick
@given(several=some(st.tuples(worlds, st.integers(0, 1), st.sampled_from([timedelta(0), MOMENT, timedelta(days=3)]))))
def test_a_row_recorded_too_late_might_as_well_not_exist(
    features_of: Features, several: list[tuple[World, int, timedelta]]
) -> None:
    """Every second row, from the first or the second, is recorded at as_of or after it; or it does not exist."""
    pairs = []
    for world, late, delay in several:
        delayed, deleted = dict(world), dict(world)
        for table in READ:
            if table.column("recorded_at"):
                rows = world[table.name]
                delayed[table.name] = [
                    {**row, "recorded_at": AS_OF + delay} if number % 2 == late else row
                    for number, row in enumerate(rows)
                ]
                deleted[table.name] = [row for number, row in enumerate(rows) if number % 2 != late]
        pairs.append((delayed, deleted))
    _assert_same_features(features_of, pairs)


@quick
@given(several=some(worlds.filter(lambda world: _another_future(world) != world)))
def test_the_future_of_all_accounts_moves_no_feature_of_any(features_of: Features, several: list[World]) -> None:
    """Each world is computed by itself, as fading features may read the rows of all accounts: b's future is not a's."""
    for world in several[:2]:
        expected = features_of(FADING, _forgotten(world), AS_OF, ACCOUNTS)
        for other in (world, _another_future(world)):
            found = features_of(FADING, other, AS_OF, ACCOUNTS)
            for account in ACCOUNTS:
                moved = [name for name, value in expected[account].items() if not _same(found[account][name], value)]
                assert moved == [], account


def _same(one: object, other: object) -> bool:
    """Compare values that may have been added up in another order."""
    return one == (pytest.approx(other, rel=1e-9, abs=1e-9) if isinstance(other, float) else other)


def test_what_others_did_in_time_does_move_features_of_all(features_of: Features) -> None:
    """Else the property above would hold for features that read one account alone."""
    views = [{"account_id": "a", "occurred_at": AS_OF - timedelta(days=days), "kind": "page_view", "name": "save",
              "platform": "web"} for days in (1, 9)]  # fmt: skip
    met = [{**views[0], "account_id": "b", "kind": "error"}]
    accounts = [{"account_id": name, "created_at": AS_OF - timedelta(days=50)} for name in "ab"]
    before, after = (
        features_of(FADING, {"accounts": accounts, "events": events}, AS_OF, ["a"])["a"]
        for events in (views, views + met)
    )
    moved = {name for name, value in before.items() if not _same(after[name], value)}
    assert {"errors_met_by_all", "error_share_usual"} <= moved
    assert not moved & {"ticket_pace_usual", "pages_per_visit_usual", "task_failures_usual"}


IN_TIME: Mapping[str, Row] = {
    "accounts": {"created_at": AS_OF - timedelta(days=50)},
    "events": {"occurred_at": AS_OF - timedelta(days=5), "kind": "error"},
    "tickets": {"opened_at": AS_OF - timedelta(days=5)},
    "surveys": {"asked_at": AS_OF - timedelta(days=5), "kind": "nps"},
    "users": {"joined_at": AS_OF - timedelta(days=5)},
    "subscriptions": {"started_at": AS_OF - timedelta(days=5), "mrr": 50.0},
    "invoices": {"issued_at": AS_OF - timedelta(days=5), "due_at": AS_OF - timedelta(days=2), "amount": 9.0},
    "payments": {"attempted_at": AS_OF - timedelta(days=5), "succeeded": False, "kind": "attempt"},
    "cards": {"added_at": AS_OF - timedelta(days=5), "expires_at": AS_OF + timedelta(days=60)},
    "price_steps": {
        "announced_at": AS_OF - timedelta(days=5),
        "takes_effect_at": AS_OF - timedelta(days=2),
        "rise": 0.1,
    },
    "planned_changes": {
        "announced_at": AS_OF - timedelta(days=5),
        "takes_effect_at": AS_OF + timedelta(days=5),
        "kind": "end",
        "mrr": 9.0,
    },
}
LATE = [
    (table.name, column.name)
    for table in READ
    for column in table.columns
    if column.known_from == column.name and column.name not in ("end_recorded_at", "csat_at")
]


def test_what_was_known_in_time_does_move_features(features_of: Features) -> None:
    """Else the properties above would hold for features that never move."""
    tables = {name: [{"account_id": name, **row}] for name, row in IN_TIME.items()}
    found = features_of(COLUMNS, tables, AS_OF, [*IN_TIME, "nobody"])
    assert set(IN_TIME) == {table.name for table in READ}
    for name in IN_TIME:
        assert found[name] != found["nobody"], name


@pytest.mark.parametrize(("hours", "moves"), [(-1, True), (0, False)])
def test_a_late_value_moves_features_only_if_it_came_before_as_of(
    features_of: Features, hours: int, moves: bool
) -> None:
    came = AS_OF + timedelta(hours=hours)
    late: dict[tuple[str, str], Row] = {(table, column): {column: came} for table, column in LATE}
    start = IN_TIME["subscriptions"]["started_at"]
    late["subscriptions", "ended_at"] = {"ended_at": start, "end_recorded_at": came}
    late["tickets", "csat"] = {"csat": 4.0, "csat_at": came}
    late["surveys", "score"] = {"score": 9.0, "responded_at": came}
    tables: World = {name: [{"account_id": name, **row}] for name, row in IN_TIME.items()}
    for (name, column), values in late.items():
        tables[name].append({"account_id": f"{name} {column}", **IN_TIME[name], **values})
    accounts = [*IN_TIME, *(f"{name} {column}" for name, column in late)]
    found = features_of(COLUMNS, tables, AS_OF, accounts)
    for name, column in late:
        assert (found[f"{name} {column}"] != found[name]) == moves, (name, column)
