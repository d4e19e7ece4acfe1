"""SQLite as a source: every value as text, from one state of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import NOW
from undertow.features.errors import SourceError
from undertow.features.settings import Settings, make_settings
from undertow.features.sources.databases.refresh import refresh
from undertow.features.sources.files.read import source_files
from undertow.features.sources.load import load_tables

Shop = Callable[..., Settings]


def run(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def read(settings: Settings, name: str) -> list[dict[str, Any]]:
    found = refresh(settings, NOW).settings
    return [row for file in source_files(found, name) for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a function that makes a project whose [files] are entries of the file shop.db."""
    run(tmp_path / "shop.db", "CREATE TABLE accounts (account_id, created_at)",
        "INSERT INTO accounts VALUES ('ada', '2024-01-05'), ('bo', '2024-01-05')")  # fmt: skip

    def make(**files: dict[str, object]) -> Settings:
        entries = {name: {"source": "shop"} | entry for name, entry in files.items()}
        return make_settings(tmp_path, {"sources": {"shop": {"kind": "sqlite", "path": "shop.db"}}, "files": entries})

    return make


def test_tables_come_from_sqlite(shop: Shop) -> None:
    settings = shop(accounts={"table": "accounts"})
    tables = load_tables(settings, NOW)
    assert tables.report("accounts").kept == 2
    assert any(note.startswith("shop: read in one transaction of SQLite 3.") for note in tables.notes)
    assert load_tables(settings, NOW).folder == tables.folder


def test_values_are_text_with_all_their_digits(shop: Shop) -> None:
    sql = "SELECT 7 AS i, 0.1 AS f, NULL AS n, 'a' AS t, x'c3a9' AS u, x'ff00' AS b, 12345678901234567 AS l"
    assert read(shop(a={"sql": sql}), "a") == [
        {"i": "7", "f": "0.1", "n": None, "t": "a", "u": "é", "b": "ff00", "l": "12345678901234567"}
    ]


def test_a_row_that_is_committed_between_two_entries_is_not_seen(shop: Shop) -> None:
    settings = shop(first={"table": "accounts"}, second={"table": "accounts"})
    run(settings.folder / "shop.db", "PRAGMA journal_mode = wal")  # which lets others write while we read
    committed = []

    def add_a_row(what: str, share: float) -> None:
        if not committed:
            run(settings.folder / "shop.db", "INSERT INTO accounts VALUES ('cy', '2024-01-05')")
            committed.append(share)

    found = refresh(settings, NOW, progress=add_a_row).settings
    assert committed
    assert pq.read_metadata(source_files(found, "second")[0]).num_rows == 2
    assert len(read(settings, "second")) == 3


def test_only_what_was_added_is_read(shop: Shop) -> None:
    settings = shop(logins={"table": "logins", "since": "at"})
    file = settings.folder / "shop.db"
    run(file, "CREATE TABLE logins (at, who)", "INSERT INTO logins VALUES ('2024-03-01', 'ada'), ('2024-03-02', 'bo')")
    assert len(read(settings, "logins")) == 2
    run(file, "DELETE FROM logins WHERE who = 'ada'", "INSERT INTO logins VALUES ('2024-03-02', 'cy'), (NULL, 'di')")
    assert [row["who"] for row in read(settings, "logins")] == ["ada", "bo", "cy", "di"]
    assert [row["who"] for row in read(settings, "logins")] == ["ada", "bo", "cy", "di"]


def test_a_file_that_is_gone_leaves_its_snapshot(shop: Shop) -> None:
    settings = shop(accounts={"table": "accounts"})
    load_tables(settings, NOW)
    (settings.folder / "shop.db").unlink()
    [warning] = load_tables(settings, NOW).warnings
    assert warning.startswith("shop is out of reach (there is no file at ")
    with pytest.raises(SourceError, match=r"has no snapshot yet\. Correct path, which is relative to undertow\.toml"):
        load_tables(shop(accounts={"table": "accounts"}, other={"table": "accounts"}), NOW)
    assert not (settings.folder / "shop.db").exists()


@pytest.mark.parametrize(("entry", "said"), [
    ({"table": "acounts"}, "SQLite refused it: no such table: acounts. Correct the table or the SELECT"),
    ({"table": "accounts", "columns": ["nam"]}, "SQLite refused it: no such column: t.nam"),
    ({"sql": "SELEC 1"}, "SQLite refused it: near .*: syntax error"),
    ({"sql": "DELETE FROM accounts"}, "SQLite refused it: near .*: syntax error"),
    ({"table": "accounts", "since": "create_at"}, "Did you mean 'created_at'"),
])  # fmt: skip
def test_what_sqlite_refuses_is_said_with_the_entry(shop: Shop, entry: dict[str, object], said: str) -> None:
    with pytest.raises(SourceError, match=rf"\[files\] wrong: .*{said}"):
        refresh(shop(wrong=entry), NOW)


def test_another_kind_of_file_is_refused(shop: Shop) -> None:
    settings = shop(accounts={"table": "accounts"})
    (settings.folder / "shop.db").write_text("account_id,created_at\n" * 100, encoding="utf-8")
    with pytest.raises(SourceError, match=r"\[sources\] shop: .*shop\.db cannot be read as SQLite: file is not a"):
        refresh(settings, NOW)
