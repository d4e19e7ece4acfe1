"""Payment cards are on file until they are replaced: before they expire, after they did, or to pay a failed bill."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from undertow.features.simulator import Parameters, World, observe, run

Tables = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def shop() -> World:
    """500 accounts x 14 months whose cards are valid for ten months only."""
    return run(Parameters(accounts=500, months=14, card_months=10), seed=4)


@pytest.fixture(scope="module")
def tables(shop: World) -> Tables:
    """Its tables, to be asked in SQL."""
    connection = duckdb.connect()
    for name, table in observe(shop).items():
        connection.register(name, table)
    return connection


def _one(tables: Tables, query: str) -> float:
    return float(tables.execute(query).fetchall()[0][0])


def test_every_account_that_ever_paid_by_card_has_one_and_only_those(shop: World, tables: Tables) -> None:
    listed = {row[0] for row in tables.execute("SELECT DISTINCT account_id FROM cards").fetchall()}
    begun = {row[0] for row in tables.execute("SELECT DISTINCT account_id FROM subscriptions").fetchall()}
    by_invoice = {f"A-{account:05d}" for account in np.flatnonzero(shop.static.by_invoice)}
    assert len(by_invoice & begun) > 5 and listed == begun - by_invoice


def test_one_card_is_on_file_at_a_time_and_the_last_one_stays(tables: Tables) -> None:
    follows = (
        "SELECT count(*) FROM (SELECT removed_at, lead(added_at) OVER (PARTITION BY account_id ORDER BY card_id) AS "
        "next FROM cards) WHERE removed_at IS DISTINCT FROM next"
    )
    assert _one(tables, follows) == 0
    assert _one(tables, "SELECT count(*) FROM cards WHERE removed_at IS NOT NULL") > 200
    assert _one(tables, "SELECT count(*) FROM cards WHERE added_at <> recorded_at OR removed_at <= added_at") == 0


def test_cards_expire_on_the_first_of_a_month_after_their_validity(tables: Tables) -> None:
    assert _one(tables, "SELECT count(*) FROM cards WHERE expires_at <> date_trunc('month', expires_at)") == 0
    later = "card_id[9:] <> '1' AND expires_at <> date_trunc('month', added_at) + INTERVAL 10 MONTH"
    # The state has a card that paid on the last day of dunning from the day after, which may be in the next month.
    assert _one(tables, f"SELECT count(*) FROM cards WHERE {later}") <= 2


def test_most_cards_are_replaced_in_the_month_before_they_expire(tables: Tables) -> None:
    due = "cards JOIN (SELECT account_id, max(ended_at) AS ended, bool_or(ended_at IS NULL) AS runs FROM subscriptions "
    due += "GROUP BY account_id) s USING (account_id) WHERE runs AND expires_at BETWEEN TIMESTAMP '2023-04-01' AND "
    due += "TIMESTAMP '2023-12-01'"
    early = f"SELECT avg((removed_at IS NOT NULL AND removed_at < expires_at)::INT) FROM {due}"
    assert 0.5 < _one(tables, early) < 0.7  # 1 - 0.97^30 = 0.60
    assert _one(tables, f"SELECT count(*) FROM {due} AND removed_at < expires_at - INTERVAL 31 DAY") == 0


def test_a_bill_on_an_expired_card_fails_at_once(tables: Tables) -> None:
    bills = (
        "FROM cards c JOIN invoices i ON c.account_id = i.account_id AND c.added_at < issued_at AND "
        "(removed_at IS NULL OR removed_at > issued_at) AND expires_at <= issued_at JOIN payments p ON "
        "p.account_id = i.account_id AND attempted_at BETWEEN issued_at AND issued_at + INTERVAL 2 MINUTE"
    )
    assert _one(tables, f"SELECT count(*) {bills} AND NOT succeeded") > 50
    assert _one(tables, f"SELECT count(*) {bills} AND succeeded") == 0


def test_a_failed_bill_on_an_expired_card_is_paid_with_a_new_one(tables: Tables) -> None:
    paid = (
        "SELECT {} FROM cards c JOIN invoices i ON c.account_id = i.account_id AND c.added_at < issued_at AND "
        "(removed_at IS NULL OR removed_at > issued_at) AND expires_at <= issued_at WHERE paid_at IS NOT NULL"
    )
    assert _one(tables, paid.format("count(*)")) > 20
    gap = paid.format("avg((removed_at < paid_at AND removed_at > paid_at - INTERVAL 2 HOUR)::INT)")
    assert _one(tables, gap) == 1.0
