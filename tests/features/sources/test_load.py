"""From files to tables: whatever the format, whatever is wrong with a file, read once."""

from __future__ import annotations

import os
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project, Row
from tests.features.sources.rows_by_hand import GOOD
from undertow.features.errors import ContractError, DataError, SettingsError
from undertow.features.settings import load_settings
from undertow.features.sources.load import load_tables, read_tables


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


def test_a_project_without_accounts_is_told_so(project: Project) -> None:
    with pytest.raises(SettingsError, match=r"The accounts table has no source: .*\[files\].*`undertow init`"):
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
    settings = project({"accounts.csv": ACCOUNTS, "log.csv": EVENTS}, "[tables]\nevents = 'SELECT * FROM log'")
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


def _ten_events(bad: int) -> list[Row]:
    return [{**GOOD["events"], "account_id": "nobody" if number < bad else "ada"} for number in range(10)]


def test_more_dirt_than_the_limit_stops_the_run_with_table_count_and_reason(project: Project) -> None:
    settings = project(
        {"accounts.csv": ACCOUNTS, "events.csv": _ten_events(bad=3)}, "[data]\nmax_quarantine_share = 0.2"
    )
    expected = r"max_quarantine_share = 0.2 .*\n  events: 3 of 10 rows \(30%\), most of them: unknown account"
    with pytest.raises(ContractError, match=expected):
        load_tables(settings, NOW)
    assert read_tables(settings, NOW).report("events").refused_share == 0.3


def test_dirt_at_the_limit_passes(project: Project) -> None:
    settings = project(
        {"accounts.csv": ACCOUNTS, "events.csv": _ten_events(bad=3)}, "[data]\nmax_quarantine_share = 0.3"
    )
    assert load_tables(settings, NOW).report("events").kept == 7


def test_nobody_left_is_refused(project: Project) -> None:
    rows = [{"account_id": "ada", "created_at": "1970-01-01"}]
    settings = project({"accounts.csv": rows}, "[data]\nmax_quarantine_share = 1\nuntil = 2024-06-01")
    with pytest.raises(ContractError, match="accounts: every row was quarantined, so there is nothing to work with"):
        load_tables(settings, NOW)


def test_accounts_with_only_a_header_are_refused_as_nobody(project: Project) -> None:
    with pytest.raises(ContractError, match="accounts: the source has no rows"):
        load_tables(project({"accounts.csv": "account_id,created_at\n"}), NOW)
