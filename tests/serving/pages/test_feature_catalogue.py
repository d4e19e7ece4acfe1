"""The page of all features says of each what a reader may ask."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import duckdb
import pytest

from undertow.features.catalogue.cards import definition_id
from undertow.features.catalogue.checks import resolve
from undertow.features.catalogue.choose import FEATURES
from undertow.features.tables import ALL_TABLES, SQL_TYPES
from undertow.serving.pages.reports.feature_catalogue import page


@pytest.fixture(scope="module")
def written() -> str:
    """The page."""
    return page()


def _cards(written: str) -> dict[str, str]:
    found = re.findall(r'<section class="card" id="(\w+)">(.*?)</section>', written, flags=re.S)
    return {name: unescape(text) for name, text in found}


def test_every_card_is_there_with_all_that_it_says(written: str) -> None:
    cards = _cards(written)
    assert set(cards) == {feature.name for feature in FEATURES}
    for feature in resolve(FEATURES):
        said = cards[feature.name]
        facts = [feature.sentence, feature.unit, feature.level, feature.null_means, definition_id(feature)]
        assert not [fact for fact in [*facts, *(c.name for c in feature.columns)] if fact not in said], feature.name


def test_a_card_names_the_column_that_feeds_the_model_and_what_it_covers(written: str) -> None:
    cards = _cards(written)
    assert "reads <code>features_used_30</code>" in cards["features_used"]
    assert "reads <code>mrr</code>" in cards["mrr"]
    assert "evidence only" in cards["errors"] and "reads" not in cards["errors"].split("<details>")[0]
    assert "last 7, 30, 90 days" in cards["errors"]
    assert "the last three years, rows counting less with their age" in cards["visit_pace"]
    assert sum("evidence only" in said for said in cards.values()) > len(cards) / 3


def test_the_sql_of_a_card_runs_as_it_stands(written: str) -> None:
    with duckdb.connect() as connection:
        for table in ALL_TABLES.values():
            columns = ", ".join(f'"{column.name}" {SQL_TYPES[column.type]}' for column in table.columns)
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
        connection.execute("CREATE TABLE snapshots (account_id VARCHAR, as_of TIMESTAMP)")
        connection.execute("INSERT INTO snapshots VALUES ('a', TIMESTAMP '2024-03-31')")
        for name, said in _cards(written).items():
            sql = re.search(r"<pre>(.*)</pre>", said, flags=re.S)
            assert sql is not None
            assert len(connection.execute(sql[1]).fetchall()) == 1, name


def test_a_feature_of_ones_own_is_there_like_the_others_and_marked() -> None:
    card = replace(FEATURES[0], name="late_deliveries", sentence="Late deliveries")
    cards = _cards(page([*FEATURES, card]))
    assert list(cards).count("late_deliveries") == 1 and len(cards) == len(FEATURES) + 1
    marked = [name for name, said in cards.items() if "your own" in said]
    assert marked == ["late_deliveries"]
    assert "late_deliveries_30" in cards["late_deliveries"] and definition_id(card) in cards["late_deliveries"]


def test_the_page_needs_nothing_else(written: str) -> None:
    assert "{{" not in written and "<script" not in written
    assert re.findall(r'(?:src|href)="(?!#)', written) == []
