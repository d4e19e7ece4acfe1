"""The range join: each account may have an as_of of its own."""

from __future__ import annotations

import duckdb

from tests.features.compiler.measures import errors, events
from undertow.features.catalogue.cards import Feature
from undertow.features.compiler.plan import compile_features


def test_accounts_and_moments_do_not_mix() -> None:
    feature = Feature("x", "X", "ux", "interaction", "count", errors.count() / events.count(), windows=(30,))
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events AS SELECT *, occurred_at AS recorded_at FROM (VALUES "
            "('a', TIMESTAMP '2024-03-10', 'error'), ('a', TIMESTAMP '2024-04-10', 'view'), "
            "('b', TIMESTAMP '2024-03-10', 'view')) AS t(account_id, occurred_at, kind)"
        )
        connection.execute(
            "CREATE TABLE looks AS SELECT * FROM (VALUES ('a', TIMESTAMP '2024-03-31'), "
            "('a', TIMESTAMP '2024-04-30'), ('b', TIMESTAMP '2024-03-31'), ('c', TIMESTAMP '2024-03-31')"
            ") AS t(account_id, as_of)"
        )
        query = compile_features(feature.columns, snapshots="looks").plan().sql()
        found = connection.sql(f"FROM ({query}) ORDER BY ALL").fetchall()
    assert [(account, as_of.month, rate) for account, as_of, rate in found] == [
        ("a", 3, 1.0), ("a", 4, 0.0), ("b", 3, 0.0), ("c", 3, None),
    ]  # fmt: skip
