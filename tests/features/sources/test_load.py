"""From files to tables: whatever the format, whatever is wrong with a file, read once."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from undertow.features.errors import DataError, SettingsError, SourceError
from undertow.features.settings import Settings, load_settings
from undertow.features.sources.load import load_tables, read_tables

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
ACCOUNTS: list[Row] = [
    {"account_id": "ada", "created_at": "2024-01-05"},
    {"account_id": "bo", "created_at": "2024-01-05"},
]
EVENTS = (
    "account_id,occurred_at,kind,value,name\n"
    'ada,2024-03-01T10:00:00+02:00,error,1.5,"Save, then\nclose"\n'
    "bo,2024-03-02 10:00:00,page_view,,\n"
)


def _as_parquet(text: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_as_arrow(text), sink)
    return sink.getvalue()


def _as_json_lines(text: str) -> bytes:
    return "\n".join(json.dumps(row) for row in _as_arrow(text).to_pylist()).encode()


def _as_arrow(text: str) -> pa.Table:
    options = pa.csv.ConvertOptions(
        column_types={"occurred_at": pa.string()}, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    return pa.csv.read_csv(io.BytesIO(text.encode()), convert_options=options, parse_options=parsing)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.csv.gz", gzip.compress(EVENTS.encode())),
        ("events.txt", EVENTS.replace(",", "\t").replace("Save\t", "Save,").encode()),
        ("events.csv", b"\xef\xbb\xbf" + EVENTS.replace(",", ";").replace("Save;", "Save,").encode()),
        ("events.parquet", _as_parquet(EVENTS)),
        ("events.jsonl", _as_json_lines(EVENTS)),
        ("events.ndjson.gz", gzip.compress(_as_json_lines(EVENTS))),
    ],
)
def test_every_format_reads_as_the_csv_does(project: Project, name: str, content: bytes) -> None:
    plain = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": EVENTS}), NOW)
    wanted = pq.read_table(plain.path("events"))
    other = load_tables(project({"accounts.csv": ACCOUNTS, name: content}), NOW)
    assert other.folder != plain.folder
    assert wanted["name"].to_pylist() == ["Save, then\nclose", None]
    assert pq.read_table(other.path("events")).equals(wanted)
    assert other.fingerprint == plain.fingerprint


def test_a_pattern_reads_every_file_it_matches(project: Project) -> None:
    first, second = (
        "account_id,occurred_at,kind\n" + row for row in ("ada,2024-03-01,error\n", "bo,2024-03-02,error\n")
    )
    settings = project({"accounts.csv": ACCOUNTS, "e-1.csv": first, "e-2.csv": second})
    toml = '[files]\naccounts = "accounts.csv"\nevents = "e-*.csv"\n'
    (settings.folder / "undertow.toml").write_text(toml)
    tables = load_tables(load_settings(settings.folder), NOW)
    assert pq.read_table(tables.path("events"))["account_id"].to_pylist() == ["ada", "bo"]


def test_a_table_is_any_select_over_the_files(project: Project) -> None:
    toml = """[tables]
    accounts = "SELECT customer AS account_id, min(day) AS created_at FROM orders GROUP BY customer"
    payments = "SELECT customer AS account_id, day AS attempted_at, true AS succeeded, amount FROM orders"
    """
    orders = [
        {"customer": "ada", "day": "2024-02-01", "amount": 10},
        {"customer": "ada", "day": "2024-03-01", "amount": 20},
    ]
    tables = load_tables(project({"orders.csv": orders}, toml), NOW)
    assert tables.present == ("accounts", "payments")
    assert pq.read_table(tables.path("accounts"))["created_at"].to_pylist() == [datetime(2024, 2, 1)]
    assert pq.read_table(tables.path("payments"))["amount"].to_pylist() == [10.0, 20.0]


def test_a_missing_file_is_named(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS})
    (settings.folder / "accounts.csv").unlink()
    with pytest.raises(SourceError, match=r"\[files\] accounts: no file at .*accounts.csv. Correct the path"):
        load_tables(settings, NOW)


def test_an_empty_file_is_named(project: Project) -> None:
    with pytest.raises(SourceError, match=r"\[files\] events: .*events.csv is empty \(0 bytes\)"):
        load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": b""}), NOW)


def test_an_unknown_ending_is_refused_with_those_known(project: Project) -> None:
    with pytest.raises(
        SourceError, match=r"events: unknown file format: .*events.xlsx. Known endings: .csv"
    ):
        load_tables(project({"accounts.csv": ACCOUNTS, "events.xlsx": b"PK"}), NOW)


@pytest.mark.parametrize("name", ["events.parquet", "events.csv.gz", "events.jsonl"])
def test_a_file_that_is_not_what_its_ending_says_is_named(project: Project, name: str) -> None:
    with pytest.raises(DataError, match=r"\[files\] events: |table events: "):
        load_tables(project({"accounts.csv": ACCOUNTS, name: b"this is neither\nnor that"}), NOW)


@pytest.mark.parametrize("header", [",account_id,created_at", "account_id,created_at,Created_At", "a,,b"])
def test_a_header_that_does_not_name_each_column_once_is_refused(project: Project, header: str) -> None:
    expected = f"must begin with a line of column names, each given once; got '{header}'"
    with pytest.raises(SourceError, match=expected):
        load_tables(project({"accounts.csv": f"{header}\n1,2,3\n"}), NOW)


def test_text_that_is_not_utf_8_is_named(project: Project) -> None:
    text = "account_id,created_at,name\nada,2024-01-05,Müller\n".encode("latin-1")
    with pytest.raises(SourceError, match=r"accounts.csv cannot be read as UTF-8 text"):
        load_tables(project({"accounts.csv": text}), NOW)


def test_a_file_with_only_a_header_is_a_table_without_rows(project: Project) -> None:
    tables = load_tables(
        project({"accounts.csv": ACCOUNTS, "events.csv": "account_id,occurred_at,kind\n"}), NOW
    )
    report = tables.report("events")
    assert (report.read, report.kept, report.refused_share) == (0, 0, 0.0)


def test_a_project_without_accounts_is_told_so(project: Project) -> None:
    with pytest.raises(
        SettingsError, match=r"The accounts table has no source: .*\[files\].*`undertow init`"
    ):
        load_tables(project({"events.csv": EVENTS}), NOW)


def test_an_error_in_a_select_names_its_table(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS}, '[tables]\nevents = "SELECT kindd FROM accounts"')
    with pytest.raises(DataError, match=r'table events: Binder Error: .*"kindd" not found'):
        load_tables(settings, NOW)


def test_a_select_over_a_file_that_nobody_named_is_refused(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS}, '[tables]\nevents = "SELECT * FROM clicks"')
    with pytest.raises(DataError, match="table events: Catalog Error: Table with name clicks does not exist"):
        load_tables(settings, NOW)


def test_unchanged_files_are_not_read_again(project: Project) -> None:
    files = {"accounts.csv": ACCOUNTS, "events.csv": EVENTS}
    settings = project(files)
    first = load_tables(settings, NOW)
    written = first.path("events").stat().st_mtime_ns
    second = load_tables(settings, NOW)
    assert second == first
    assert second.path("events").stat().st_mtime_ns == written


def test_a_changed_file_is_read_again(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS, "events.csv": EVENTS})
    first = load_tables(settings, NOW)
    (settings.folder / "events.csv").write_text(EVENTS.replace("error", "crash"))
    os.utime(settings.folder / "events.csv", (0, 0))
    second = load_tables(settings, NOW)
    assert second.folder != first.folder
    assert second.fingerprint != first.fingerprint
    assert pq.read_table(second.path("events"))["kind"].to_pylist() == ["crash", "page_view"]


def test_a_changed_select_is_read_again(project: Project) -> None:
    settings = project(
        {"accounts.csv": ACCOUNTS, "log.csv": EVENTS}, "[tables]\nevents = 'SELECT * FROM log'"
    )
    every = load_tables(settings, NOW)
    toml = settings.folder / "undertow.toml"
    toml.write_text(toml.read_text().replace("FROM log", "FROM log WHERE value IS NULL"))
    some = load_tables(load_settings(settings.folder), NOW)
    assert (every.report("events").kept, some.report("events").kept) == (2, 1)


def test_the_order_of_rows_does_not_change_the_fingerprint(project: Project) -> None:
    first = load_tables(project({"accounts.csv": ACCOUNTS}), NOW)
    turned = load_tables(project({"accounts.csv": list(reversed(ACCOUNTS))}), NOW)
    assert turned.folder != first.folder
    assert turned.fingerprint == first.fingerprint


def test_the_rows_end_at_the_midnight_after_the_last_recorded_one(project: Project) -> None:
    late = "account_id,occurred_at,recorded_at,kind\nada,2024-03-01 10:00:00,2024-03-04 23:00:00,error\n"
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": late}), NOW)
    assert tables.until == datetime(2024, 3, 5)


def test_the_record_begins_with_the_first_row_of_what_is_written_as_it_happens(project: Project) -> None:
    """A subscription carried over from an older system says nothing of those who had left before."""
    carried_over = {"account_id": "ada", "subscription_id": "s", "started_at": "2024-01-10", "mrr": 9}
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": [carried_over]}
    assert load_tables(project(files), NOW).since == datetime(2024, 1, 10)
    assert load_tables(project({**files, "events.csv": EVENTS}), NOW).since == datetime(2024, 3, 1)


def test_where_the_record_begins_and_ends_can_be_said(project: Project) -> None:
    toml = "[data]\nsince = 2024-02-01\nuntil = 2024-05-01"
    tables = load_tables(project({"accounts.csv": ACCOUNTS}, toml), NOW)
    assert (tables.since, tables.until) == (datetime(2024, 2, 1), datetime(2024, 5, 1))


def test_an_end_announced_for_later_does_not_prolong_the_rows(project: Project) -> None:
    subscription = {"account_id": "ada", "subscription_id": "s", "started_at": "2024-02-01", "mrr": 9}
    rows = [{**subscription, "ended_at": "2030-12-31"}]
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "subscriptions.csv": rows}), NOW)
    assert tables.until == datetime(2024, 2, 2)


def test_today_is_still_being_written(project: Project) -> None:
    text = "account_id,occurred_at,kind\nada,2024-06-14 10:00:00,error\nada,2024-06-15 11:59:00,error\n"
    files = {"accounts.csv": ACCOUNTS, "events.csv": text}
    assert load_tables(project(files), NOW).until == datetime(2024, 6, 15)


def test_a_check_counts_the_rows_in_doubt_and_drops_none(project: Project) -> None:
    toml = """[checks]
    no_value = "SELECT *, (SELECT count(*) FROM events) AS of_rows FROM events WHERE value IS NULL"
    no_kind = "SELECT * FROM events WHERE kind IS NULL"
    """
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": EVENTS}, toml), NOW)
    doubted, fine = tables.findings
    assert (doubted.check, doubted.rows, doubted.of) == ("no_value", 1, 2)
    assert json.loads(doubted.example)["account_id"] == "bo"
    assert "of_rows" not in doubted.example
    assert (fine.rows, fine.example) == (0, "")
    assert tables.report("events").kept == 2


def test_an_error_in_a_check_names_it(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS}, '[checks]\nodd = "SELECT * FROM nowhere"')
    with pytest.raises(DataError, match=r"\[checks\] odd: Catalog Error: .*nowhere"):
        load_tables(settings, NOW)


@pytest.mark.parametrize("odd", ["bo,2024-01-05", "bo,2024-01-05,Bo,and,more"])
def test_a_line_with_other_fields_than_the_header_is_named_and_hides_no_other(
    project: Project, odd: str
) -> None:
    text = "account_id,created_at,name\n" + "ada,2024-01-05,Ada\n" * 3 + odd + "\n"
    expected = f"accounts: .*Line: 5 Original Line: {odd} Expected Number of Columns: 3"
    with pytest.raises(DataError, match=expected):
        load_tables(project({"accounts.csv": text}), NOW)


@pytest.mark.parametrize(
    "folder",
    ["with space", "o'brien", "year [2024]"],
)
def test_a_project_lives_in_any_folder(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder
    root.mkdir()
    (root / "accounts.csv").write_text("account_id,created_at\nada,2024-01-05\n")
    (root / "undertow.toml").write_text('[files]\naccounts = "accounts.csv"\n')
    assert load_tables(load_settings(root), NOW).report("accounts").kept == 1


def test_a_memory_limit_that_is_none_is_a_settings_error(project: Project) -> None:
    with pytest.raises(SettingsError, match="memory_limit"):
        load_tables(project({"accounts.csv": ACCOUNTS}, "[engine]\nmemory_limit = 'lots'"), NOW)


def test_a_file_that_no_select_reads_is_named(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS, "evnts.csv": "account_id\nada\n"})
    assert read_tables(settings, NOW).unused == ("evnts",)


def test_an_unknown_kind_of_event_is_kept_and_counted(project: Project) -> None:
    event = {"account_id": "ada", "occurred_at": "2024-02-01"}
    events = [{**event, "kind": kind} for kind in ("pageview", "pageview", "page_view", "dance")]
    tables = read_tables(project({"accounts.csv": ACCOUNTS, "events.csv": events}), NOW)
    assert tables.unknown_kinds == {"pageview": 2, "dance": 1}
    assert tables.report("events").kept == 4
