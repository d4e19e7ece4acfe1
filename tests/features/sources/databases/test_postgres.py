"""PostgreSQL as a source: what a real server gives is what the tables hold, from one transaction, or is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.database_server import free_port
from tests.features.sources.databases.conftest import ENVIRONMENT, Company
from tests.features.sources.files_by_hand import NOW
from undertow.features.engines.duckdb import open_duckdb, rows
from undertow.features.errors import SourceError
from undertow.features.replay.older_export import moved_files
from undertow.features.settings import Settings
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.databases.entry import OutOfReach
from undertow.features.sources.databases.postgres import open_postgres
from undertow.features.sources.databases.refresh import Databases, refresh
from undertow.features.sources.files.read import source_files
from undertow.features.sources.load import load_tables

Asking = Callable[..., Settings]
PAGE_VIEW = "INSERT INTO clicks VALUES ({}, '{}', '{}', 'page_view')"


def read(settings: Settings, name: str, how: Databases = "read") -> list[dict[str, Any]]:
    """The rows of an entry after the databases were read, in the order of its files."""
    found = refresh(settings, NOW, how).settings
    return [row for file in source_files(found, name) for row in pq.read_table(file).to_pylist()]


def files_of(settings: Settings, name: str) -> list[str]:
    return [file.name for file in source_files(refresh(settings, NOW, "offline").settings, name)]


# --- rows and their types ----------------------------------------------------------------------


def test_tables_come_from_a_table_and_a_select(company: Company, asking: Asking) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01 10:00+02"), PAGE_VIEW.format(2, "bo", "2024-03-02 10:00"))
    settings = asking({"accounts": {"table": "public.accounts"}, "events": {"sql": "SELECT * FROM clicks; -- all"}})
    tables = load_tables(settings, NOW)
    assert [(report.table, report.kept) for report in tables.reports] == [("accounts", 2), ("events", 2)]
    times = [row for file in tables.files("events") for row in pq.read_table(file)["occurred_at"].to_pylist()]
    assert times[0] == datetime(2024, 3, 1, 8)
    assert any(note.startswith("app: read in one transaction of PostgreSQL ") for note in tables.notes)
    assert tables.warnings == ()


def test_a_select_may_be_in_a_file_and_a_table_give_some_columns(company: Company, asking: Asking) -> None:
    settings = asking({"names": {"sql": "names.sql"}, "ids": {"table": "accounts", "columns": ["account_id"]}})
    (settings.folder / "names.sql").write_text("SELECT name FROM accounts ORDER BY name\n", encoding="utf-8")
    assert read(settings, "names") == [{"name": "Ada"}, {"name": "Bo"}]
    assert read(settings, "ids") == [{"account_id": "ada"}, {"account_id": "bo"}]


def test_infinity_is_no_time(company: Company, asking: Asking) -> None:
    company.run(
        "CREATE TABLE terms (a timestamptz, b timestamp, c date)",
        "INSERT INTO terms VALUES ('infinity', '-infinity', 'infinity'), ('2024-01-01', '2024-01-02', '2024-01-03')",
    )
    settings = asking({"by_name": {"table": "terms"}, "by_select": {"sql": "SELECT a, b, c FROM terms"}})
    known = {"a": datetime(2024, 1, 1, tzinfo=UTC), "b": datetime(2024, 1, 2), "c": date(2024, 1, 3)}
    for name in ("by_name", "by_select"):
        assert read(settings, name) == [{"a": None, "b": None, "c": None}, known]


def test_numbers_keep_all_their_digits(company: Company, asking: Asking) -> None:
    many = "12345678901234567890.123456789"
    company.run("CREATE TABLE prices (n numeric, m money, i bigint)", f"INSERT INTO prices VALUES ({many}, 1234.5, 7)")
    assert read(asking({"prices": {"table": "prices"}}), "prices") == [{"n": many, "m": "1234.50", "i": 7}]


def test_amounts_in_numeric_are_cast_by_the_contract(company: Company, asking: Asking) -> None:
    company.run("CREATE TABLE paid (payment_id int, account_id text, attempted_at date, succeeded bool, "
                "amount numeric(10, 2))", "INSERT INTO paid VALUES (1, 'ada', '2024-03-01', true, 19.99)")  # fmt: skip
    tables = load_tables(asking({"accounts": {"table": "accounts"}, "payments": {"table": "paid"}}), NOW)
    assert pq.read_table(tables.path("payments"))["amount"].to_pylist() == [19.99]


def test_types_without_a_counterpart_are_text_and_the_others_stay(company: Company, asking: Asking) -> None:
    company.run(
        "CREATE TYPE mood AS ENUM ('glad', 'sad')",
        "CREATE DOMAIN positive AS int CHECK (value > 0)",
        """CREATE TABLE types (address inet, days daterange, bits bit(3), pause interval, mood mood, size positive,
           id uuid, properties jsonb, tags text[], shares numeric[], is_on bool, at timestamptz, day date)""",
        """INSERT INTO types VALUES ('10.0.0.1', '[2024-01-01,2024-02-01)', B'101', '2 days', 'sad', 3,
           'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"plan": "pro"}', '{a,NULL,b}', '{0.10}', true,
           '2024-01-01 10:00+02', '2024-01-01')""",
    )
    found = refresh(asking({"types": {"table": "types"}}), NOW).settings
    with open_duckdb(found.engine, found.store_path("spill")) as connection:
        file = source_files(found, "types")[0]
        kinds = {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE FROM '{file}'").fetchall()}
        [row] = rows(connection, f"SELECT * EXCLUDE (\"at\"), properties ->> '$.plan' AS plan FROM '{file}'", "types")
    texts = {"address": "10.0.0.1/32", "days": "[2024-01-01,2024-02-01)", "bits": "101", "pause": "2 days",
             "mood": "sad", "shares": "{0.10}", "plan": "pro"}  # fmt: skip
    assert {name: row[name] for name in texts} == texts
    assert {name: kinds[name] for name in texts if name != "plan"} == dict.fromkeys(set(texts) - {"plan"}, "VARCHAR")
    others = {"size": "INTEGER", "id": "UUID", "properties": "JSON", "tags": "VARCHAR[]", "is_on": "BOOLEAN",
              "at": "TIMESTAMP WITH TIME ZONE", "day": "DATE"}  # fmt: skip
    assert {name: kinds[name] for name in others} == others
    assert (row["tags"], row["is_on"], row["day"]) == (["a", None, "b"], True, date(2024, 1, 1))


def test_times_without_a_zone_are_utc_and_named(company: Company, asking: Asking) -> None:
    company.run("CREATE TABLE local_times (a timestamp)", "INSERT INTO local_times VALUES ('2024-01-01 10:00')")
    settings = asking({"local_times": {"table": "local_times"}})
    assert read(settings, "local_times") == [{"a": datetime(2024, 1, 1, 10)}]
    assert "local_times.a: timestamp without time zone, taken as UTC." in refresh(settings, NOW).notes


def test_rows_arrive_in_batches_and_an_empty_result_has_its_columns(company: Company, asking: Asking) -> None:
    company.run("INSERT INTO clicks SELECT n, 'ada', '2024-03-01', repeat('x', 1000) FROM generate_series(1, 50000) n")
    settings = asking({"clicks": {"table": "clicks"}, "none": {"sql": "SELECT * FROM clicks WHERE false"}})
    found = refresh(settings, NOW).settings
    assert pq.ParquetFile(source_files(found, "clicks")[0]).num_row_groups > 1
    assert pq.read_table(source_files(found, "none")[0]).column_names == [
        "event_id", "account_id", "occurred_at", "kind"
    ]  # fmt: skip


# --- one transaction ---------------------------------------------------------------------------


def test_a_row_that_is_committed_between_two_entries_is_not_seen(company: Company, asking: Asking) -> None:
    settings = asking({"first": {"table": "accounts"}, "second": {"table": "accounts"}})
    committed = []

    def add_a_row(what: str, share: float) -> None:
        if not committed:  # the first entry was read, the second was not
            committed.append(company.run("INSERT INTO accounts VALUES ('cy', '2024-01-05', 'Cy')"))

    found = refresh(settings, NOW, progress=add_a_row).settings
    assert committed
    assert [pq.read_metadata(source_files(found, name)[0]).num_rows for name in ("first", "second")] == [2, 2]
    assert len(read(settings, "second")) == 3


def test_a_source_cannot_be_written_to(company: Company, asking: Asking) -> None:
    company.run("CREATE FUNCTION add_one() RETURNS int LANGUAGE sql AS "
                "$$ INSERT INTO accounts VALUES ('cy', '2024-01-05', 'Cy') RETURNING 1 $$")  # fmt: skip
    with pytest.raises(SourceError, match=r"\[files\] a: PostgreSQL refused it: cannot execute INSERT in a read-only"):
        refresh(asking({"a": {"sql": "SELECT add_one() AS one"}}), NOW)
    assert company.run("SELECT count(*) FROM accounts") == [(2,)]


def test_the_connection_says_who_it_is_and_how_long_it_may_take(company: Company, asking: Asking) -> None:
    company.run(f"ALTER DATABASE {company.address.rpartition('/')[2]} SET TimeZone = 'Asia/Tokyo'")
    names = ("application_name", "statement_timeout", "transaction_isolation", "TimeZone")
    listed = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    [row] = read(asking({"a": {"sql": f"SELECT {listed}"}}, timeout_seconds=90), "a")
    assert list(row.values()) == ["undertow", "90s", "repeatable read", "UTC"]


def test_a_select_that_takes_too_long_is_ended(company: Company, asking: Asking) -> None:
    settings = asking({"slow": {"sql": "SELECT pg_sleep(30), account_id FROM accounts"}}, timeout_seconds=1)
    with pytest.raises(SourceError, match=r"\[files\] slow: .*statement timeout\. Raise timeout_seconds"):
        refresh(settings, NOW)


# --- what is kept ------------------------------------------------------------------------------


def test_the_manifest_names_when_and_in_which_state_the_rows_were_read(company: Company, asking: Asking) -> None:
    settings = asking({"accounts": {"table": "accounts"}})
    refresh(settings, NOW)
    text = settings.store_path("sources", "app", "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert datetime.fromisoformat(manifest["read_at"]) == NOW
    assert manifest["state"].count(":") == 2
    assert int(manifest["version"].split(".")[0]) >= 13
    assert manifest["snapshots"]["accounts"]["rows"] == 2
    assert manifest["snapshots"]["accounts"]["sql"] == 'SELECT * FROM "accounts" AS t'


def test_unchanged_rows_leave_the_tables_as_they_are(company: Company, asking: Asking) -> None:
    settings = asking({"accounts": {"table": "accounts"}})
    first = load_tables(settings, NOW)
    assert load_tables(settings, NOW).folder == first.folder
    company.run("INSERT INTO accounts VALUES ('cy', '2024-01-05', 'Cy')")
    second = load_tables(settings, NOW)
    assert second.folder != first.folder
    assert second.report("accounts").kept == 3
    assert files_of(settings, "accounts") == ["000002.parquet"]


def test_a_reading_that_stops_leaves_the_snapshots_of_all_entries_as_they_were(
    company: Company, asking: Asking
) -> None:
    settings = asking({"a": {"table": "accounts"}, "b": {"table": "clicks"}})
    refresh(settings, NOW)
    company.run("INSERT INTO accounts VALUES ('cy', '2024-01-05', 'Cy')", "DROP TABLE clicks")
    with pytest.raises(SourceError, match=r"\[files\] b: PostgreSQL refused it: relation"):
        refresh(settings, NOW)
    assert len(read(settings, "a", "offline")) == 2
    left = [path.name for path in settings.store_path("sources", "app").iterdir() if path.name.startswith(".")]
    assert left == []


def test_files_of_the_snapshot_before_stay_for_running_readers(company: Company, asking: Asking) -> None:
    settings = asking({"a": {"table": "accounts"}})
    for name in ("cy", "di", "ed"):
        refresh(settings, NOW)
        company.run(f"INSERT INTO accounts VALUES ('{name}', '2024-01-05', '{name}')")
    folder = source_files(refresh(settings, NOW).settings, "a")[0].parent
    assert sorted(path.name for path in folder.iterdir()) == ["000003.parquet", "000004.parquet"]


def test_two_jobs_that_read_at_once_read_one_after_the_other(company: Company, asking: Asking) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01"))
    settings = asking({"a": {"table": "accounts"}, "clicks": {"table": "clicks", "since": "occurred_at"}})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: refresh(settings, NOW).settings.files, range(8)))
    assert all(each == found[0] for each in found)
    assert files_of(settings, "clicks") == ["000001.parquet"]


# --- a column that grows -----------------------------------------------------------------------


def test_only_what_was_added_is_read_and_earlier_files_stay(company: Company, asking: Asking) -> None:
    company.run(*(PAGE_VIEW.format(n, "ada", f"2024-03-0{n}") for n in (1, 2, 3)))
    settings = asking({"accounts": {"table": "accounts"}, "events": {"table": "clicks", "since": "occurred_at"}})
    assert load_tables(settings, NOW).report("events").kept == 3
    company.run("DELETE FROM clicks WHERE event_id = 1", PAGE_VIEW.format(4, "bo", "2024-03-04"))
    tables = load_tables(settings, NOW)
    assert tables.report("events").kept == 4  # what was deleted is not seen
    assert files_of(settings, "events") == ["000001.parquet", "000002.parquet"]
    assert any("1 row added to events since the last run were read; the 3 before" in note for note in tables.notes)
    assert any("Rows that were deleted" in note and "--refresh" in note for note in tables.notes)
    assert [row["event_id"] for row in read(settings, "events", "whole")] == [2, 3, 4]


def test_rows_of_the_last_hour_are_read_again_and_count_once(company: Company, asking: Asking) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01 10:00"))
    settings = asking({"clicks": {"table": "clicks", "since": "occurred_at"}})
    assert len(read(settings, "clicks")) == 1
    company.run(  # committed late, twice the same row, and one too late
        PAGE_VIEW.format(2, "ada", "2024-03-01 09:30"), PAGE_VIEW.format(1, "ada", "2024-03-01 10:00"),
        PAGE_VIEW.format(3, "ada", "2024-03-01 08:30"),
    )  # fmt: skip
    assert [row["event_id"] for row in read(settings, "clicks")] == [1, 2, 1]
    assert [row["event_id"] for row in read(settings, "clicks")] == [1, 2, 1]
    assert files_of(settings, "clicks") == ["000001.parquet", "000002.parquet"]


def test_a_row_without_a_value_is_not_missed(company: Company, asking: Asking) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01"), "INSERT INTO clicks VALUES (2, 'ada', NULL, 'login')")
    settings = asking({"clicks": {"table": "clicks", "since": "occurred_at"}})
    assert len(read(settings, "clicks")) == 2
    company.run("INSERT INTO clicks VALUES (3, 'ada', NULL, 'login')")
    assert [row["event_id"] for row in read(settings, "clicks")] == [1, 2, 3]


def test_a_time_in_the_future_hides_nothing(company: Company, asking: Asking) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01"), PAGE_VIEW.format(2, "ada", "9999-12-31"),
                PAGE_VIEW.format(3, "ada", "infinity"))  # fmt: skip
    settings = asking({"clicks": {"table": "clicks", "since": "occurred_at"}})
    assert len(read(settings, "clicks")) == 3
    company.run("INSERT INTO clicks VALUES (4, 'ada', now(), 'login')")
    assert [row["event_id"] for row in read(settings, "clicks")] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["bigint", "date", "timestamp"])
def test_a_number_or_a_day_may_grow_too(company: Company, asking: Asking, kind: str) -> None:
    values = {"bigint": "{}", "date": "'2024-03-0{}'", "timestamp": "'2024-03-0{} 10:00'"}[kind]
    company.run(f"CREATE TABLE logins (at {kind})",
                *(f"INSERT INTO logins VALUES ({values.format(n)})" for n in (1, 2)))  # fmt: skip
    settings = asking({"logins": {"table": "logins", "since": "at"}})
    assert len(read(settings, "logins")) == 2
    company.run(f"DELETE FROM logins; INSERT INTO logins VALUES ({values.format(3)})")
    assert len(read(settings, "logins")) == 3
    assert files_of(settings, "logins") == ["000001.parquet", "000002.parquet"]


def test_the_newer_state_of_a_row_counts(company: Company, asking: Asking) -> None:
    company.run(
        "CREATE TABLE plans (subscription_id text, account_id text, started_at date, mrr int, updated_at timestamptz)",
        "INSERT INTO plans VALUES ('s', 'ada', '2024-02-01', 50, '2024-02-01')",
    )
    settings = asking(
        {"accounts": {"table": "accounts"}, "plans": {"table": "plans", "since": "updated_at"}},
        {"subscriptions": "SELECT subscription_id, account_id, started_at, mrr FROM plans"},
    )
    load_tables(settings, NOW)
    company.run("UPDATE plans SET mrr = 80, updated_at = '2024-04-01'")
    tables = load_tables(settings, NOW)
    assert pq.read_table(tables.path("subscriptions"))["mrr"].to_pylist() == [80.0]
    assert tables.report("subscriptions").refused == 0


def test_a_changed_table_or_database_is_read_whole(
    company: Company, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.run(PAGE_VIEW.format(1, "ada", "2024-03-01"))
    settings = asking({"clicks": {"table": "clicks", "since": "occurred_at"}})
    refresh(settings, NOW)
    company.run("ALTER TABLE clicks ADD COLUMN page text")
    assert [row["page"] for row in read(settings, "clicks")] == [None]
    company.run("CREATE ROLE reader LOGIN", "GRANT SELECT ON clicks TO reader", "DELETE FROM clicks")
    monkeypatch.setenv(ENVIRONMENT, company.address.replace("undertow@", "reader@"))
    assert read(settings, "clicks") == []
    company.run("DROP OWNED BY reader; DROP ROLE reader")


# --- out of reach ------------------------------------------------------------------------------


def test_the_last_snapshot_stands_in_and_every_command_says_how_old_it_is(
    company: Company, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = asking({"accounts": {"table": "accounts"}})
    load_tables(settings, NOW)
    monkeypatch.setenv(ENVIRONMENT, f"postgresql://me:secret@127.0.0.1:{free_port()}/app")
    tables = load_tables(settings, NOW.replace(day=18))
    assert tables.report("accounts").kept == 2
    [warning] = tables.warnings
    assert warning.startswith("app is out of reach (Failed to connect: ")
    assert "its rows are those of 2024-06-15 12:00 UTC, 3 days ago. What happened since is missing." in warning
    monkeypatch.delenv(ENVIRONMENT)
    [warning] = load_tables(settings, NOW).warnings
    assert f"app is out of reach (the environment variable {ENVIRONMENT} is not set)" in warning
    [warning] = refresh(settings, NOW, "offline").cautions
    assert warning.startswith("app was not read (--offline): its rows are those of")


def test_without_a_snapshot_the_job_stops_and_says_what_to_do(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    settings = asking({"accounts": {"table": "accounts"}})
    said = rf"accounts has no snapshot yet\. Set the environment variable {ENVIRONMENT} to"
    with pytest.raises(SourceError, match=said):
        load_tables(settings, NOW)
    assert not list(settings.folder.rglob("*.parquet"))


def test_a_snapshot_of_another_select_does_not_stand_in(company: Company, asking: Asking) -> None:
    refresh(asking({"a": {"sql": "SELECT 1 AS one"}}), NOW)
    with pytest.raises(SourceError, match=r"\[files\] a was changed since its last snapshot"):
        refresh(asking({"a": {"sql": "SELECT 2 AS one"}}), NOW, "offline")


def test_a_snapshot_whose_file_is_gone_does_not_stand_in(company: Company, asking: Asking) -> None:
    settings = asking({"a": {"table": "accounts"}})
    source_files(refresh(settings, NOW).settings, "a")[0].unlink()
    with pytest.raises(SourceError, match=r"\[files\] a has no snapshot yet"):
        refresh(settings, NOW, "offline")
    assert len(read(settings, "a")) == 2


def test_a_connection_that_is_lost_counts_as_out_of_reach(company: Company, asking: Asking) -> None:
    settings = asking({"a": {"table": "accounts"}, "b": {"table": "accounts"}})
    refresh(settings, NOW)

    def end_connection(what: str, share: float) -> None:
        company.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'undertow'")

    found = refresh(settings, NOW, progress=end_connection)
    assert found.cautions[0].startswith("app is out of reach (")
    assert len(source_files(found.settings, "b")) == 1


def test_entries_are_files_again_in_an_earlier_export(company: Company, asking: Asking, tmp_path: Path) -> None:
    settings = asking({"accounts": {"table": "accounts"}, "clicks": "exports/clicks.csv"})
    moved = moved_files(settings, tmp_path)
    paths = {"accounts": tmp_path / "accounts.parquet", "clicks": tmp_path / "clicks.csv"}
    assert moved == {name: SourceFiles(path=(str(path),)) for name, path in paths.items()}
    alone = moved_files(asking({"accounts": {"table": "accounts"}}), tmp_path)
    assert alone == {"accounts": SourceFiles(path=(str(tmp_path / "accounts.parquet"),))}


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "said"), [
    ({"table": "acounts"}, r'relation "acounts" does not exist\. Correct the name of the table'),
    ({"table": "sales.accounts"}, r'relation "sales.accounts" does not exist\. Correct the name of the table'),
    ({"table": "accounts", "columns": ["nam"]}, r'column t\.nam does not exist\. .*"t\.name"\. Correct the name'),
    ({"sql": "SELECT nam FROM accounts"}, r'column "nam" does not exist\. .*"accounts\.name"\. Correct the name'),
    ({"sql": "SELEC 1"}, r"syntax error at or near .*\. Correct the SELECT"),
    ({"sql": "SELECT 1 / 0 AS one"}, r"division by zero\. Correct the entry"),
    ({"sql": "SELECT 1 / (3 - length(account_id)) AS one FROM accounts"}, r"division by zero\. Correct the entry"),
])  # fmt: skip
def test_what_postgresql_refuses_is_said_in_its_words_with_the_entry(
    company: Company, asking: Asking, entry: dict[str, object], said: str
) -> None:
    with pytest.raises(SourceError, match=rf"^\[files\] wrong: PostgreSQL refused it: {said}[^\n]*\.$"):
        refresh(asking({"wrong": entry}), NOW)


def test_a_missing_right_is_named(company: Company, asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    company.run("CREATE ROLE stranger LOGIN")
    monkeypatch.setenv(ENVIRONMENT, company.address.replace("undertow@", "stranger@"))
    with pytest.raises(SourceError, match=r"\[files\] a: .*permission denied for table accounts\. Grant SELECT on it"):
        refresh(asking({"a": {"table": "accounts"}}), NOW)


@pytest.mark.parametrize(("entry", "said"), [
    ({"sql": "SELECT 1 AS one, 2 AS One"}, r"gives the column one twice\. Name one of them with AS"),
    ({"sql": "SELECT 1 AS one, 2 AS \"One\""}, r"gives the column one twice\. Name one of them with AS"),
    ({"table": "clicks", "since": "occured_at"}, r"Did you mean 'occurred_at'\? Name one of them, or leave since out"),
    ({"table": "clicks", "since": "kind"}, r"since = 'kind' must be a time or a whole number; it is text"),
])  # fmt: skip
def test_a_result_that_cannot_be_kept_is_refused(
    company: Company, asking: Asking, entry: dict[str, object], said: str
) -> None:
    with pytest.raises(SourceError, match=rf"\[files\] wrong: .*{said}"):
        refresh(asking({"wrong": entry}), NOW)


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that a traceback would show above it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


# --- the password ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [
    "postgresql://me:pass%20word@127.0.0.1:{port}/app",
    "postgresql://me:pass%2@127.0.0.1:{port}/app",
    "postgresql://me:p#ss?word@127.0.0.1:{port}/app",
    "postgresql://127.0.0.1:{port}/app?user=me&password=hidden&nonsense=hidden",
    "mysql://me:hidden@127.0.0.1/app",
    "host=127.0.0.1 password=hidden",
])  # fmt: skip
def test_an_address_that_does_not_work_is_never_quoted(
    postgres: str, asking: Asking, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(ENVIRONMENT, address.format(port=free_port()))
    settings = asking({"a": {"table": "accounts"}})
    with pytest.raises(SourceError) as stopped:
        refresh(settings, NOW)
    with pytest.raises((OutOfReach, SourceError)) as refused, open_postgres("app", settings.sources["app"]):
        pass
    said = "".join(str(error) for first in (stopped.value, refused.value) for error in chain_of(first))
    for secret in ("pass%2", "pass word", "p#ss", "hidden", "ss?word"):
        assert secret not in said


def test_a_password_is_in_nothing_that_is_written(
    company: Company, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.run("ALTER ROLE undertow PASSWORD 'hidden'")
    monkeypatch.setenv(ENVIRONMENT, company.address.replace("undertow@", "undertow:hidden@"))
    settings = asking({"accounts": {"table": "accounts"}})
    tables = load_tables(settings, NOW)
    assert tables.report("accounts").kept == 2
    written = [path for path in settings.folder.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"hidden" in path.read_bytes()]
    assert "hidden" not in json.dumps(settings.public()) + json.dumps(tables.as_json(), default=str)


def test_connecting_does_not_wait_for_ever(
    postgres: str, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undertow.features.sources.databases.postgres.CONNECT_SECONDS", "2")
    source = asking({"a": {"table": "a"}}).sources["app"]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        monkeypatch.setenv(ENVIRONMENT, f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/app")
        with pytest.raises(OutOfReach, match="timeout expired"), open_postgres("app", source):
            pass
