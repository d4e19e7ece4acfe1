"""Rows of databases as commands show them: what was read, how old it is, and refusals without a traceback."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME

TOML = """[sources.shop]
kind = "sqlite"
path = "shop.db"
[files]
accounts = { source = "shop", table = "accounts" }
payments = { source = "shop", table = "payments", since = "attempted_at" }
[churn]
kind = "inactivity"
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """The folder of a project whose rows are in an SQLite file."""
    (tmp_path / FILE_NAME).write_text(TOML, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE accounts AS SELECT 'ada' AS account_id, '2024-01-05' AS created_at")
        connection.execute("CREATE TABLE payments AS SELECT 1 AS payment_id, 'ada' AS account_id, "
                           "'2024-03-01' AS attempted_at, 1 AS succeeded, 20 AS amount")  # fmt: skip
        connection.commit()
    return str(tmp_path)


def test_check_says_what_was_read_and_what_is_not_seen(shop: str) -> None:
    said = undertow("check", "--project", shop).stdout
    assert "- shop: read in one transaction of SQLite 3." in said
    assert "1 row of accounts, 1 row of payments." in said
    assert "payments: read from where the last reading ended (since)." in said


def test_rows_that_are_not_read_anew_are_named_with_their_age_in_every_command(shop: str) -> None:
    undertow("check", "--project", shop)
    offline = undertow("check", "--offline", "--project", shop)
    assert "! shop was not read (--offline): its rows are those of " in offline.stdout
    assert "read in one transaction" not in offline.stdout
    assert json_of("check", "--offline", "--json", "--project", shop)["warnings"][0].startswith("shop was not read")
    (Path(shop) / "shop.db").unlink()
    built = undertow("features", "--as-of", "2024-03-02", "--json", "--project", shop)
    assert "shop is out of reach (there is no file at " in built.stderr


def test_everything_is_read_again_where_it_is_asked_for(shop: str) -> None:
    undertow("check", "--project", shop)
    with closing(sqlite3.connect(Path(shop) / "shop.db")) as connection:
        connection.execute("UPDATE payments SET amount = 30")
        connection.execute("INSERT INTO payments VALUES (2, 'ada', '2024-02-01', 1, 10)")
        connection.commit()
    assert json_of("check", "--json", "--project", shop)["tables"][1]["kept"] == 1
    assert json_of("check", "--refresh", "--json", "--project", shop)["tables"][1]["kept"] == 2
    both = undertow("check", "--refresh", "--offline", "--project", shop)
    assert both.exit_code == 2 and "give --refresh or --offline" in both.stderr


def test_what_cannot_be_read_is_one_sentence(shop: str) -> None:
    result = undertow("check", "--offline", "--project", shop)
    assert result.exit_code == 1
    said = result.stderr.strip()
    assert said.startswith("undertow: [sources] shop was not read (--offline), and [files] accounts has no snapshot")
    assert "\n" not in said
