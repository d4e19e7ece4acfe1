"""A team's database that is locked, gone, read-only, damaged or of a newer release: said, and nobody waits for long."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.database_server import free_port
from tests.serving.team.conftest import NOW
from undertow.features.errors import SettingsError, TeamError
from undertow.features.settings import make_settings
from undertow.serving.team import database as module
from undertow.serving.team.address import address_of
from undertow.serving.team.database import Database
from undertow.serving.team.requests import StatusRequest
from undertow.serving.team.statuses import set_status, statuses_of
from undertow.serving.team.tables import HISTORY, SCHEMA, STATUSES, VERSION

TODAY = NOW.date()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "team.db"


def done(database: Database) -> None:
    set_status(database, "a", StatusRequest("done"), "mira", NOW)


def test_what_was_written_is_there_for_the_next_process(
    address: str, opened: Callable[[str], Database]
) -> None:
    done(opened(address))
    assert statuses_of(opened(address), ["a"], TODAY)["a"].status == "done"


def test_several_processes_make_the_tables_once(address: str, opened: Callable[[str], Database]) -> None:
    databases = [opened(address) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Database.make, databases))
    with databases[0].reading() as connection:
        assert connection.execute(SCHEMA.select()).all() == [(VERSION,)]


def test_the_file_is_its_owners_alone(file: Path) -> None:
    Database(str(file)).make()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_database_of_a_newer_release_is_neither_read_nor_written(
    address: str, database: Database, opened: Callable[[str], Database]
) -> None:
    done(database)
    with database.writing("a") as connection:
        connection.execute(update(SCHEMA).values(version=VERSION + 1))
    newer = f"has version {VERSION + 1} of its tables, and this release reads version {VERSION}. Install the release"
    for ask in (lambda: done(opened(address)), lambda: statuses_of(opened(address), ["a"], TODAY)):
        with pytest.raises(TeamError, match=newer):
            ask()
    with pytest.raises(TeamError, match=newer):
        done(database)  # that was open before


def test_what_fails_in_between_changes_nothing(database: Database) -> None:
    done(database)
    with pytest.raises(TeamError, match="cannot be written"), database.writing("a") as connection:
        connection.execute(STATUSES.delete())
        connection.execute(HISTORY.insert().values(account_id="a"))
    assert statuses_of(database, ["a"], TODAY)["a"].status == "done"


@pytest.mark.parametrize("ask", [done, lambda database: statuses_of(database, ["a"], TODAY)])
def test_a_locked_file_is_not_waited_for_long(
    file: Path, ask: Callable[[Database], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    database = Database(str(file))
    done(database)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    with pytest.raises(TeamError, match=r"team\.db is locked by another program\. Try again"):
        ask(database)
    assert time.monotonic() - started < 2
    holder.execute("ROLLBACK")
    holder.close()
    ask(database)


def test_a_locked_row_of_postgresql_is_not_waited_for_long(schema: str, opened: Callable[[str], Database]) -> None:
    one, other = opened(schema), opened(schema)
    done(one)
    started = time.monotonic()
    with one.writing("a"), pytest.raises(TeamError, match=r"cannot be written: PostgreSQL said: canceling statement"):
        done(other)
    assert time.monotonic() - started < 5


def test_a_file_that_is_removed_is_missed_and_not_made_again(file: Path) -> None:
    database = Database(str(file))
    done(database)
    file.rename(file.with_suffix(".away"))
    for ask in (done, lambda database: statuses_of(database, ["a"], TODAY)):
        with pytest.raises(TeamError, match=r"team\.db does not exist any more\. Put it back"):
            ask(database)
    assert not file.exists()
    file.with_suffix(".away").rename(file)
    assert statuses_of(database, ["a"], TODAY)["a"].status == "done"


def test_after_a_failed_reading_the_next_ones_fail_at_once_until_a_rest_is_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST", 60.0)
    database = Database(str(file))
    done(database)
    file.rename(file.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(TeamError, match="does not exist any more"):
            statuses_of(database, ["a"], TODAY)
        file.with_suffix(".away").exists() and file.with_suffix(".away").rename(file)
    monkeypatch.setattr(module, "REST", 0.0)
    assert statuses_of(database, ["a"], TODAY)["a"].status == "done"


def test_a_file_that_may_only_be_read_is_read(file: Path) -> None:
    done(Database(str(file)))
    database = Database(str(file))
    database._engine = module._sqlite(file, "ro")  # as on a disk that is mounted read-only, also for root
    assert statuses_of(database, ["a"], TODAY)["a"].status == "done"
    with pytest.raises(TeamError, match=r"team\.db is read-only\. Give the user of the service the right"):
        done(database)


def test_a_file_of_another_kind_is_left_as_it_is(file: Path) -> None:
    file.write_text("not a database, but long enough to be looked at" * 20, encoding="utf-8")
    with pytest.raises(TeamError, match=r"file is not a database\. Check that the file is the team's database"):
        done(Database(str(file)))
    assert file.read_text(encoding="utf-8").startswith("not a database")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TeamError, match=r"gone/team\.db: No such file or directory\. Check the folder"):
        done(Database(str(tmp_path / "gone" / "team.db")))


def test_an_address_without_a_server_is_told_without_its_password() -> None:
    database = Database(f"postgresql://me:sup3rsecret@127.0.0.1:{free_port()}/none")
    said = r"cannot be opened: PostgreSQL said: connection.*Check that it runs"
    with pytest.raises(TeamError, match=said) as refused:
        done(database)
    assert "sup3rsecret" not in str(refused.value)


def test_a_connection_that_the_server_ended_is_made_again(schema: str, opened: Callable[[str], Database]) -> None:
    import psycopg

    database = opened(schema)
    done(database)
    with psycopg.connect(schema, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'undertow' AND pid <> pg_backend_pid()"
        )
    assert statuses_of(database, ["a"], TODAY)["a"].status == "done"


def test_the_address_is_a_file_beside_the_settings_or_in_the_environment(tmp_path: Path) -> None:
    def settings(**team: str) -> str:
        return address_of(make_settings(tmp_path, {"team": team}), {"TEAM": " postgresql://db/team "})

    assert settings() == ""
    assert settings(database="team.db") == str(tmp_path / "team.db")
    assert settings(uri_env="TEAM") == "postgresql://db/team"
    with pytest.raises(SettingsError, match="the environment variable OTHER must hold an address such as"):
        settings(uri_env="OTHER")
