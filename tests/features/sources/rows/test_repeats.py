"""Rows that share a key: a retry counts once, the newest state counts, two things under one name are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from undertow.features.errors import ContractError
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.sources.load import load_tables, read_tables
from undertow.features.sources.loaded import Tables
from undertow.features.sources.rows.repeats import CLASH, EARLIER, OVERLAP, REPEATED

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
Kept = Callable[..., tuple[list[dict[str, object]], dict[str, int], Tables]]


@pytest.fixture
def keep(project: Project) -> Kept:
    """Return a function that loads rows of one table: (kept rows, reason -> rows not kept, tables).

    Rows may be given as several files, read in their order.
    """

    def read(
        table: str, *files: Sequence[Row], select: str = ""
    ) -> tuple[list[dict[str, object]], dict[str, int], Tables]:
        settings = project({"accounts.csv": ACCOUNTS, **{f"{table}-{n}.csv": rows for n, rows in enumerate(files)}})
        own = f"[tables]\n{table} = '''{select}'''\n" if select else ""
        text = f'[files]\naccounts = "accounts.csv"\n{table} = "{table}-*.csv"\n{own}'
        (settings.folder / FILE_NAME).write_text(text, encoding="utf-8")
        tables = read_tables(load_settings(settings.folder), NOW)
        reasons = {reason.reason: reason.rows for reason in tables.report(table).reasons}
        return pq.read_table(tables.path(table)).to_pylist(), reasons, tables

    return read


TICKET = {**GOOD["tickets"], "opened_at": "2024-03-01"}


def test_equal_rows_are_a_retry_whenever_they_were_recorded(keep: Kept) -> None:
    rows = [{**TICKET, "recorded_at": f"2024-03-0{day}"} for day in (3, 2, 4)]
    kept, reasons, tables = keep("tickets", rows)
    assert [row["recorded_at"] for row in kept] == [datetime(2024, 3, 2)]
    assert reasons == {REPEATED: 2}
    assert tables.report("tickets").refused == 0


def test_a_state_that_arrives_in_pieces_is_one_row(keep: Kept) -> None:
    asked = {"survey_id": "v", "account_id": "ada", "asked_at": "2024-03-01", "kind": "nps"}
    answered = {"survey_id": "v", "responded_at": "2024-03-05", "score": 3}
    for second in (answered, {**asked, **answered}):
        [kept], reasons, _ = keep("surveys", [{**asked, "responded_at": "", "score": ""}, second])
        assert (kept["asked_at"], kept["responded_at"], kept["score"]) == (
            datetime(2024, 3, 1),
            datetime(2024, 3, 5),
            3,
        )
        assert reasons == {EARLIER: 1}


def test_a_card_whose_expiry_is_written_anew_has_the_old_one_until_then(keep: Kept) -> None:
    states = [GOOD["cards"], {**GOOD["cards"], "recorded_at": "2024-05-20", "expires_at": "2030-06-01"}]
    kept, reasons, _ = keep("cards", states)
    assert [(row["expires_at"], row["recorded_at"], row["superseded_at"]) for row in kept] == [
        (datetime(2027, 6, 1), datetime(2024, 3, 1), datetime(2024, 5, 20)),
        (datetime(2030, 6, 1), datetime(2024, 5, 20), None),
    ]
    assert reasons == {}


def test_of_states_with_a_recording_time_each_counts_until_the_next(keep: Kept) -> None:
    states = [
        {**TICKET, "recorded_at": "2024-03-08", "priority": "high"},
        {**TICKET, "recorded_at": "2024-03-01", "priority": "low"},
        {**TICKET, "recorded_at": "2024-03-04", "priority": "normal"},
    ]
    kept, reasons, _ = keep("tickets", states)
    until = {row["priority"]: row["superseded_at"] for row in kept}
    assert until == {"low": datetime(2024, 3, 4), "normal": datetime(2024, 3, 8), "high": None}
    assert reasons == {}


def test_the_later_of_two_files_holds_the_newer_state(keep: Kept) -> None:
    first, second = [{**TICKET, "priority": "low"}], [{**TICKET, "priority": "urgent"}]
    plain = "SELECT ticket_id, account_id, opened_at, lower(priority) AS priority FROM tickets WHERE ticket_id <> 'x'"
    for select in ("", plain):
        [kept], reasons, tables = keep("tickets", first, second, select=select)
        assert (kept["priority"], reasons, tables.refusals) == ("urgent", {EARLIER: 1}, ())


def test_a_later_file_may_take_a_value_back(keep: Kept) -> None:
    done, reopened = {**TICKET, "resolved_at": "2024-03-04"}, {**TICKET, "resolved_at": "", "topic": "again"}
    [kept], _, _ = keep("tickets", [{**done, "topic": ""}], [reopened])
    assert (kept["resolved_at"], kept["topic"]) == (None, "again")


def test_without_files_the_times_in_the_rows_tell_the_newer_state(keep: Kept) -> None:
    rows = [{**TICKET, "resolved_at": "2024-03-09"}, {**TICKET, "resolved_at": "2024-03-04"}]
    [kept], reasons, _ = keep("tickets", rows)
    assert (kept["resolved_at"], reasons) == (datetime(2024, 3, 9), {EARLIER: 1})


def test_two_items_of_one_subscription_are_refused_by_name(keep: Kept) -> None:
    items = [{**GOOD["subscriptions"], "mrr": mrr} for mrr in (250, 40)]
    kept, reasons, tables = keep("subscriptions", items)
    assert (kept, reasons) == ([], {CLASH: 2})
    [refusal] = tables.refusals
    assert "2 rows share their key (subscription_id, started_at) with another one and differ in mrr, such as" in refusal
    assert '"mrr":250.0' in refusal and '"mrr":40.0' in refusal
    assert "subscription_id || '-' ||" in refusal


def test_items_in_one_file_of_several_are_no_states(keep: Kept) -> None:
    items = [{**GOOD["subscriptions"], "mrr": mrr} for mrr in (250, 40)]
    _, reasons, tables = keep("subscriptions", items, [{**GOOD["subscriptions"], "subscription_id": "other"}])
    assert reasons == {CLASH: 2} and tables.refusals


def test_an_id_that_two_accounts_share_is_refused_even_with_recording_times(keep: Kept) -> None:
    rows = [{**TICKET, "recorded_at": "2024-03-02"}, {**TICKET, "account_id": "bo", "recorded_at": "2024-03-03"}]
    _, reasons, tables = keep("tickets", rows)
    assert reasons == {CLASH: 2}
    assert "differ in account_id" in tables.refusals[0]


def test_an_event_id_that_is_counted_anew_per_source_is_refused(keep: Kept, project: Project) -> None:
    events = [{**GOOD["events"], "event_id": 1, "account_id": account} for account in ("ada", "bo")]
    _, reasons, _ = keep("events", events)
    assert reasons == {CLASH: 2}
    with pytest.raises(ContractError, match="share their key"):
        load_tables(
            project({"accounts.csv": ACCOUNTS, "events.csv": events}, "[data]\nmax_quarantine_share = 1.0"), NOW
        )


def test_few_clashes_among_many_rows_cost_themselves_and_are_said(keep: Kept) -> None:
    good = [{**GOOD["events"], "event_id": f"e{n}", "occurred_at": f"2024-03-01 10:{n // 60 % 60}:{n % 60}",
             "name": n} for n in range(2500)]  # fmt: skip
    clash = [{**GOOD["events"], "event_id": "e0", "account_id": "bo"}]
    _, reasons, tables = keep("events", [*good, *clash])
    assert reasons == {CLASH: 2} and tables.refusals == ()
    assert any("share their key" in text for text in tables.warnings)


def test_an_account_listed_twice_with_other_values_is_refused(project: Project) -> None:
    accounts = [{"account_id": "a", "created_at": "2024-01-01", "owner": owner} for owner in ("Mira", "Tom")]
    tables = read_tables(project({"accounts.csv": accounts}), NOW)
    assert "differ in owner" in tables.refusals[0]


def test_overlapping_files_without_ids_are_counted_once(keep: Kept) -> None:
    def login(day: int) -> Row:
        return {**GOOD["events"], "kind": "login", "occurred_at": f"2024-03-0{day} 10:00:02", "user_id": "u1"}

    kept, reasons, tables = keep("events", [login(1), login(2), login(2)], [login(2), login(3)])
    assert [row["occurred_at"].day for row in kept] == [1, 2, 2, 3]  # type: ignore[attr-defined]
    assert reasons == {OVERLAP: 1}
    assert any("events: 1 row equal to another one in every column" in note for note in tables.notes)


def test_equal_rows_of_one_file_without_ids_all_count_and_are_said(keep: Kept) -> None:
    kept, reasons, tables = keep("events", [GOOD["events"], GOOD["events"]])
    assert (len(kept), reasons) == (2, {})
    assert any("1 row equal to another one" in note for note in tables.notes)


@pytest.mark.parametrize("written", ["1.23457E+15", "1.2345678901234569e+23"])
def test_an_id_that_looks_like_a_rounded_number_is_an_error(project: Project, written: str) -> None:
    accounts = [{"account_id": written, "created_at": "2024-01-01", "name": name} for name in ("Alpha", "Beta")]
    with pytest.raises(ContractError, match=r"accounts: account_id .* looks like a number .*Alpha.*Beta"):
        read_tables(project({"accounts.csv": [*accounts, *ACCOUNTS]}), NOW)


def test_an_id_with_an_e_in_it_is_no_rounded_number(project: Project) -> None:
    accounts = [{"account_id": name, "created_at": "2024-01-01"} for name in ("12e5", "1e+x", "E+15")]
    assert read_tables(project({"accounts.csv": accounts}), NOW).report("accounts").kept == 3
