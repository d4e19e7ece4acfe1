"""PostgreSQL: history and mirror on a real server, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.serving.push.conftest import ROWS, Push, run

psycopg = pytest.importorskip("psycopg")
DESTINATION: dict[str, Any] = {"kind": "postgres", "uri_env": "PUSH_PG", "schema": "Sales Ops"}
MIRROR, HISTORY = '"Sales Ops".undertow_at_risk', '"Sales Ops".undertow_scores'


class Database:
    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, sql: str) -> None:
        with psycopg.connect(self.address) as connection:
            connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address) as connection:
            return list(connection.execute(sql).fetchall())


@pytest.fixture
def database(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("PUSH_PG", postgres)
    made = Database(postgres)
    made.run('CREATE SCHEMA "Sales Ops"')
    yield made
    made.run('DROP SCHEMA "Sales Ops" CASCADE')


def test_both_tables_are_made_and_hold_every_account(database: Database, pushed: Push) -> None:
    report = pushed(**DESTINATION)
    assert (report.error, report.sent) == (None, 3)
    assert report.said == ["undertow_scores: 3 rows written; undertow_at_risk: 3 written, 0 removed"]
    first = ("A-1", date(2025, 1, 31), 1, 0.62, 5974.12, "EUR", "voluntary", ROWS[0][5], None, "v7")
    for table in (MIRROR, HISTORY):
        assert database.rows(f"SELECT * FROM {table} ORDER BY rank")[0] == first
        assert database.rows(f"SELECT count(*) FROM {table}") == [(3,)]


def test_the_mirror_follows_and_the_history_stays(database: Database, pushed: Push) -> None:
    pushed(**DESTINATION)
    report = pushed(run(ROWS[1:], "b", "2025-02-28"), **DESTINATION)
    assert (report.changed, report.gone) == (2, 1)
    assert report.said == ["undertow_scores: 2 rows written; undertow_at_risk: 2 written, 1 removed"]
    assert database.rows(f"SELECT account_id, rank FROM {MIRROR} ORDER BY rank") == [("O'Neil", 1), ("A-3", 2)]
    history = database.rows(f"SELECT as_of, count(*) FROM {HISTORY} GROUP BY 1 ORDER BY 1")
    assert history == [(date(2025, 1, 31), 3), (date(2025, 2, 28), 2)]


def test_rows_that_are_equal_are_not_touched(database: Database, pushed: Push) -> None:
    pushed(**DESTINATION)
    before = database.rows(f"SELECT account_id, xmin::text FROM {MIRROR} ORDER BY 1")
    changed = (ROWS[0], (*ROWS[1][:3], 0.5, *ROWS[1][4:]), ROWS[2])
    report = pushed(run(changed, "b"), **DESTINATION)
    assert report.said == ["undertow_scores: 1 rows written; undertow_at_risk: 1 written, 0 removed"]
    after = database.rows(f"SELECT account_id, xmin::text FROM {MIRROR} ORDER BY 1")
    assert [old[0] for old, new in zip(before, after, strict=True) if old != new] == ["O'Neil"]


def test_the_same_list_again_asks_no_database(
    database: Database, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(**DESTINATION)
    monkeypatch.setenv("PUSH_PG", "postgresql://nobody@127.0.0.1:9/none")
    assert pushed(**DESTINATION).said == ["nothing to send: it holds this list already"]


def test_what_fails_leaves_both_tables_and_the_record_as_they_were(database: Database, pushed: Push) -> None:
    pushed(**DESTINATION)
    database.run(f"ALTER TABLE {MIRROR} ADD CONSTRAINT few CHECK (rank < 3)  NOT VALID")
    report = pushed(run(ROWS, "b", "2025-02-28"), **DESTINATION)
    assert report.error is not None and 'violates check constraint "few"' in report.error
    assert database.rows(f"SELECT DISTINCT as_of FROM {HISTORY}") == [(date(2025, 1, 31),)]
    database.run(f"ALTER TABLE {MIRROR} DROP CONSTRAINT few")
    assert pushed(run(ROWS, "b", "2025-02-28"), **DESTINATION).changed == 3


def test_a_schema_that_does_not_exist_is_named(database: Database, pushed: Push) -> None:
    report = pushed(**DESTINATION | {"schema": "sales"})
    assert report.error is not None and "the database has no schema 'sales'" in report.error


def test_a_field_that_is_added_becomes_a_column(database: Database, pushed: Push) -> None:
    pushed(**DESTINATION)
    assert pushed(**DESTINATION, also=["hubspot_id"]).changed == 3
    assert database.rows(f"SELECT hubspot_id FROM {MIRROR} ORDER BY rank") == [("501",), ("502",), (None,)]


def test_complete_tables_need_no_right_to_make_any(
    database: Database, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(**DESTINATION)
    database.run(f"""
        CREATE ROLE pusher LOGIN; GRANT USAGE ON SCHEMA "Sales Ops" TO pusher;
        GRANT SELECT, INSERT, UPDATE, DELETE ON {MIRROR}, {HISTORY} TO pusher""")
    monkeypatch.setenv("PUSH_PG", database.address.replace("//undertow@", "//pusher@"))
    try:
        assert pushed(run(ROWS, "b", "2025-02-28"), **DESTINATION).error is None
    finally:
        database.run("DROP OWNED BY pusher; DROP ROLE pusher")


def test_no_message_shows_the_password(
    database: Database, pushed: Push, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setenv("PUSH_PG", "postgresql://undertow:sup3rsecret@127.0.0.1:9/none")
    report = pushed(**DESTINATION)
    assert report.error is not None and "[destinations.there]: PostgreSQL refused it: connection" in report.error
    assert "sup3rsecret" not in report.error
    assert pauses == [1.0, 2.0]
    monkeypatch.setenv("PUSH_PG", "sup3rsecret")
    report = pushed(**DESTINATION)
    assert report.error is not None and "PUSH_PG must hold an address" in report.error
    assert "sup3rsecret" not in report.error
