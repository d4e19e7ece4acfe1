"""The team's database, in SQLite and on a PostgreSQL server: one test body runs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from undertow.serving.team.database import Database

NOW = datetime(2025, 2, 1, 9, 30, 15, 250_000, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that holds nothing yet."""
    if request.param == "sqlite":
        return str(tmp_path / "team.db")
    found: str = request.getfixturevalue("schema")
    return found


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    """Return a function that opens a database, as another process does; all are closed in the end."""
    made: list[Database] = []

    def open_database(address: str) -> Database:
        made.append(Database(address))
        return made[-1]

    yield open_database
    for each in made:
        each.close()


@pytest.fixture
def database(address: str, opened: Callable[[str], Database]) -> Database:
    return opened(address)
