"""A company's own database: a real PostgreSQL, empty for each test, whose address is in the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from undertow.features.settings import Settings, make_settings

ENVIRONMENT = "UNDERTOW_PG_APP"
NUMBERS = count()
ACCOUNTS = "CREATE TABLE accounts (account_id text, created_at timestamptz, name text)"
ADA_AND_BO = "INSERT INTO accounts VALUES ('ada', '2024-01-05', 'Ada'), ('bo', '2024-01-05', 'Bo')"
EVENTS = "CREATE TABLE clicks (event_id bigint, account_id text, occurred_at timestamptz, kind text)"


@dataclass(frozen=True)
class Company:
    """The database of a company. `address`: as its superuser."""

    address: str

    def run(self, *statements: str) -> list[Any]:
        """Run statements in one transaction, and return the rows of the last one."""
        with import_module("psycopg").connect(self.address) as connection:
            done = [connection.execute(statement) for statement in statements][-1]
            return list(done.fetchall()) if done.description else []


@pytest.fixture
def company(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    name = f"company_{next(NUMBERS)}"
    with import_module("psycopg").connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    found = Company(postgres.removesuffix("/postgres") + f"/{name}")
    monkeypatch.setenv(ENVIRONMENT, found.address)
    found.run(ACCOUNTS, ADA_AND_BO, EVENTS)
    yield found


@pytest.fixture
def asking(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes a project whose [files] are entries of the company's database."""

    def make(files: dict[str, object], tables: dict[str, str] | None = None, **source: object) -> Settings:
        entries = {name: {"source": "app"} | entry if isinstance(entry, dict) else entry
                   for name, entry in files.items()}  # fmt: skip
        app = {"kind": "postgres", "uri_env": ENVIRONMENT} | source
        written = {"sources": {"app": app}, "files": entries, "tables": tables or {}}
        return make_settings(tmp_path / "project", written)

    (tmp_path / "project").mkdir()
    return make
