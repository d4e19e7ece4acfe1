"""Replay: what was recorded by then, how two records are compared, and what is said of a difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.features.replay.small_record import AS_OFS, CARDS, NOW, GivenFeatures, Project, Row
from tests.tables_by_hand import as_arrow
from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.catalogue.choose import Catalogue
from undertow.features.replay.replay import (
    LATE_VALUES,
    SET_AHEAD,
    compare,
    replay,
    replay_findings,
    rows_recorded_by,
    sample_as_ofs,
)
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ALL_TABLES, TABLES

OWN = """
[events]
kinds = ["delivery"]
[[features]]
name = "late_deliveries"
sentence = "Late deliveries"
family = "cx"
level = "journey"
unit = "count"
table = "events"
where = { kind = "delivery" }
measure = "count"
windows = [30]
"""


def test_features_of_ones_own_are_replayed_like_the_others(project: Project, tiny_world: dict[str, list[Row]]) -> None:
    """The delivery that was recorded in April does not count in March, whichever rows are there."""
    event = {"account_id": "ada", "kind": "delivery"}
    deliveries = [
        {**event, "occurred_at": "2024-02-20", "recorded_at": "2024-02-21"},
        {**event, "occurred_at": "2024-02-22", "recorded_at": "2024-04-10"},
    ]
    settings = project({**tiny_world, "events.csv": [*tiny_world["events.csv"], *deliveries]}, OWN)
    tables = load_tables(settings, datetime(2024, 6, 15, 12))
    march = datetime(2024, 3, 1)
    built = build_features(settings, tables, [march])
    compared = replay(settings, tables, built, [march])
    assert "late_deliveries_30" in compared.meant and not compared.differing
    assert built.read()["late_deliveries_30"].to_pylist() == [1, 0, 0, 0]


# --- books -------------------------------------------------------------------------------------------


def known(table: str, rows: Sequence[Row], as_of: datetime) -> list[dict[str, object]]:
    """The rows of a table as its books stood at as_of."""
    with duckdb.connect() as connection:
        connection.register(table, as_arrow(table, rows))
        return connection.sql(rows_recorded_by(TABLES[table], as_of)).to_arrow_table().to_pylist()


def day(number: int) -> datetime:
    return datetime(2024, 3, number)


def test_rows_that_had_not_happened_or_were_not_recorded_are_gone() -> None:
    rows = [
        {"event_id": "in time", "occurred_at": day(1), "recorded_at": day(9)},
        {"event_id": "recorded late", "occurred_at": day(1), "recorded_at": day(10)},
        {"event_id": "ahead", "occurred_at": day(10), "recorded_at": day(1)},
    ]
    assert [row["event_id"] for row in known("events", rows, day(10))] == ["in time"]


def test_what_came_later_is_null() -> None:
    row = {"opened_at": day(1), "recorded_at": day(1), "resolved_at": day(10), "csat": 5.0, "csat_at": day(9),
           "first_response_at": day(2)}  # fmt: skip
    [found] = known("tickets", [row], day(10))
    assert (found["resolved_at"], found["csat"], found["first_response_at"]) == (None, 5.0, day(2))
    [earlier] = known("tickets", [row], day(9))
    assert (earlier["csat"], earlier["csat_at"]) == (None, None)


def test_an_end_is_known_from_when_it_was_booked_and_a_planned_one_before_it_comes() -> None:
    row = {"started_at": day(1), "recorded_at": day(1), "end_reason": "cancelled", "renews_at": day(30)}
    [booked_late] = known("subscriptions", [{**row, "ended_at": day(5), "end_recorded_at": day(12)}], day(10))
    assert (booked_late["ended_at"], booked_late["end_reason"], booked_late["renews_at"]) == (None, None, day(30))
    [announced] = known("subscriptions", [{**row, "ended_at": day(20), "end_recorded_at": day(5)}], day(10))
    assert (announced["ended_at"], announced["end_reason"]) == (day(20), "cancelled")


def test_the_audit_and_the_contract_agree_on_what_is_set_ahead_and_what_comes_late() -> None:
    planned = {(table.name, column.name) for table in ALL_TABLES.values() for column in table.columns if column.planned}
    assert planned == set(SET_AHEAD) - {("subscriptions", "ended_at")}
    late = {
        (table.name, column.name): column.known_from
        for table in TABLES.values()
        for column in table.columns
        if column.known_from not in (None, column.name)
    }
    assert late == LATE_VALUES


# --- replay --------------------------------------------------------------------------------------------


def test_the_sample_holds_the_earliest_and_is_the_same_each_time() -> None:
    chosen = sample_as_ofs(AS_OFS, 3, seed=1)
    assert chosen[0] == AS_OFS[0] and len(set(chosen)) == 3 and chosen == sorted(chosen)
    assert chosen == sample_as_ofs(AS_OFS, 3, seed=1)
    assert sample_as_ofs(AS_OFS, 9, seed=1) == AS_OFS


def test_replay_of_honest_features_is_all_equal(built: tuple[Settings, Tables, FeatureTable]) -> None:
    settings, tables, features = built
    found = replay(settings, tables, features, AS_OFS)
    assert found.rows == features.read().num_rows > 10
    assert {column.column for column in found.columns} == {column.name for column in features.catalogue.columns}
    assert (found.differing, found.lost, found.gained) == ((), (), ())
    assert replay_findings(found) == []
    assert not list(settings.store_path().glob(".audit-*"))


def test_replay_of_cards_and_list_prices_is_all_equal(project: Project, files: dict[str, list[Row]]) -> None:
    """Ada's card is written anew, Bo's is removed; a rise is announced ahead, and a price recorded after it."""
    cards: list[Row] = [
        {"account_id": "ada", "card_id": "c1", "added_at": "2024-01-02", "expires_at": "2024-03-01"},
        {"account_id": "ada", "card_id": "c1", "added_at": "2024-01-02", "expires_at": "2028-03-01",
         "recorded_at": "2024-03-20"},
        {"account_id": "bo", "card_id": "c2", "added_at": "2024-01-12", "expires_at": "2024-07-01",
         "removed_at": "2024-03-15"},
    ]  # fmt: skip
    prices: list[Row] = [
        {"plan": "pro", "valid_from": "2023-01-01", "price": 20},
        {"plan": "pro", "valid_from": "2024-03-10", "price": 25, "announced_at": "2024-02-10"},
        {"plan": "pro", "valid_from": "2024-02-05", "price": 22, "recorded_at": "2024-04-15"},
    ]
    subscriptions = [{**row, "plan": "pro"} for row in files["subscriptions.csv"]]
    given = {**files, "cards.csv": cards, "list_prices.csv": prices, "subscriptions.csv": subscriptions}
    settings = project(given)
    tables = load_tables(settings, NOW)
    features = build_features(settings, tables, AS_OFS)
    ada = {row["as_of"]: row for row in features.read().to_pylist() if row["account_id"] == "ada"}
    assert [ada[day]["card_expired"] for day in AS_OFS] == [0, 0, 0, 0]
    assert [ada[day]["days_to_card_expiry"] for day in AS_OFS[:2]] == [29, 0]
    assert [ada[day]["list_price_step_ahead"] for day in AS_OFS] == [None, pytest.approx(0.25), None, None]
    rises = [0, 0, 25 / 20 - 1, (22 / 20 - 1) + (25 / 22 - 1)]
    assert [ada[day]["list_price_rise_90"] for day in AS_OFS] == pytest.approx(rises)
    assert replay(settings, tables, features, AS_OFS).differing == ()


def test_replay_finds_features_that_were_built_from_later_rows(built: tuple[Settings, Tables, FeatureTable]) -> None:
    """The stored features of one moment are replaced by those of a later one: as if as_of had been ignored."""
    settings, tables, features = built
    later = features.read([AS_OFS[3]])
    earlier = pa.array([AS_OFS[0]] * later.num_rows, "timestamp[us]")
    found = replay(settings, tables, GivenFeatures(features, later.set_column(1, "as_of", earlier)), [AS_OFS[0]])
    assert "tenure_days" in {column.column for column in found.differing}
    assert any("tenure_days" in one.culprit for one in replay_findings(found))


# --- comparing -------------------------------------------------------------------------------------------


def compared(then: Sequence[Row], now: Sequence[Row]) -> dict[str, int]:
    """Column -> rows that differ, of two sets of rows of one moment."""
    schema = [("account_id", pa.string()), ("as_of", pa.timestamp("us")), ("calls", pa.float64()),
              ("rate", pa.float64()), ("who", pa.string())]  # fmt: skip
    was, is_ = (
        pa.Table.from_pylist([{"account_id": str(n), "as_of": AS_OFS[0], **row} for n, row in enumerate(side)],
                             schema=pa.schema(schema))
        for side in (then, now)
    )  # fmt: skip
    features = GivenFeatures(FeatureTable(Path(), Catalogue(tuple(CARDS.values()), {}), (AS_OFS[0],)), is_)
    found = compare("replay", "then", was, features, AS_OFS[:1])
    counted = {column.column: column.differ for column in found.columns}
    return counted | {"lost": len(found.lost), "gained": len(found.gained)}


@pytest.mark.parametrize(
    ("then", "now", "differs"),
    [
        ({"calls": 3.0}, {"calls": 3.0}, ""),
        ({"calls": None}, {"calls": None}, ""),
        ({"calls": None}, {"calls": 0.0}, "calls"),
        ({"calls": 1e12}, {"calls": 1e12 + 1}, "calls"),  # counts: exactly
        ({"rate": 0.1}, {"rate": 0.1 * (1 + 1e-10)}, ""),
        ({"rate": 0.1}, {"rate": 0.1 * (1 + 1e-8)}, "rate"),
        ({"who": "a"}, {"who": "A"}, "who"),
        ({"who": None}, {"who": "a"}, "who"),
    ],
)
def test_what_counts_as_a_difference(then: Row, now: Row, differs: str) -> None:
    found = compared([then], [now])
    assert [name for name, count in found.items() if count] == ([differs] if differs else [])


def test_what_cancels_to_almost_nothing_is_equal() -> None:
    assert compared([{"rate": 1.0}, {"rate": 0.0}], [{"rate": 1.0}, {"rate": 1e-16}])["rate"] == 0


def test_who_is_in_one_record_only_is_counted() -> None:
    assert compared([{}, {}], [{}]) == {"calls": 0, "rate": 0, "who": 0, "lost": 1, "gained": 0}
    assert compared([{}], [{}, {}])["gained"] == 1
