"""A bad row goes to quarantine with its reason; it is never dropped in silence, nor let through."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import TableReport

NOW = datetime(2024, 6, 15, 12)
ZERO = "is before 1980 (a missing time written as zero?)"
Row = Mapping[str, object]
Project = Callable[..., Settings]


@dataclass(frozen=True)
class Judged:
    """A table after its contract: the kept rows, (reason, row as given) of the others, and the notes."""

    report: TableReport
    kept: list[dict[str, object]]
    refused: list[tuple[str, dict[str, object]]]
    notes: tuple[str, ...]


@pytest.fixture
def judge(project: Project) -> Callable[[str, Sequence[Row]], Judged]:
    """Return a function that reads rows of one table beside the accounts Ada and Bo."""

    def read(table: str, rows: Sequence[Row]) -> Judged:
        tables = read_tables(project({"accounts.csv": ACCOUNTS, f"{table}.csv": rows}), NOW)
        quarantine = pq.read_table(tables.folder / "quarantine" / f"{table}.parquet").to_pylist()
        refused = [(row["reason"], json.loads(row["row_as_given"])) for row in quarantine]
        return Judged(tables.report(table), pq.read_table(tables.path(table)).to_pylist(), refused, tables.notes)

    return read


Judge = Callable[[str, Sequence[Row]], Judged]


@pytest.mark.parametrize("table", GOOD)
def test_a_table_with_one_good_row_keeps_it(judge: Judge, table: str) -> None:
    judged = judge(table, [GOOD[table]])
    assert (judged.report.read, judged.report.kept, judged.refused) == (1, 1, [])
    assert judged.kept[0]["account_id"] == "ada"


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("subscriptions", {"mrr": "fifty"}, "mrr is not a number"),
        ("subscriptions", {"mrr": "NaN"}, "mrr is missing"),
        ("subscriptions", {"mrr": "inf"}, "mrr is not a number"),
        ("subscriptions", {"mrr": "-inf"}, "mrr is not a number"),
        ("subscriptions", {"mrr": ""}, "mrr is missing"),
        ("subscriptions", {"mrr": "-1"}, "mrr is below 0"),
        ("subscriptions", {"ended_at": "2024-02-29"}, "ended_at is before started_at"),
        ("subscriptions", {"ended_at": "one day"}, "ended_at is not a time"),
        ("events", {"duration_ms": "-1"}, "duration_ms is below 0"),
        ("events", {"value": "1,5"}, "value is not a number"),
        ("events", {"account_id": "nobody"}, "unknown account"),
        ("events", {"account_id": ""}, "account_id is missing"),
        ("events", {"kind": " "}, "kind is missing"),
        ("events", {"occurred_at": ""}, "occurred_at is missing"),
        ("events", {"occurred_at": "01/03/2024"}, "occurred_at is not a time"),
        ("events", {"occurred_at": "2024-02-30"}, "occurred_at is not a time"),
        ("events", {"occurred_at": "1970-01-01"}, f"occurred_at {ZERO}"),
        ("events", {"recorded_at": "2024-06-16 12:00:01"}, "recorded_at is in the future"),
        ("tickets", {"resolved_at": "2024-03-01 09:59:58"}, "resolved_at is before opened_at"),
        ("tickets", {"resolved_at": "1970-01-01"}, f"resolved_at {ZERO}"),
        ("tickets", {"csat": "fine"}, "csat is not a number"),
        ("users", {"left_at": "2024-01-31"}, "left_at is before joined_at"),
        ("surveys", {"score": ""}, "score is missing"),
        ("payments", {"succeeded": "perhaps"}, "succeeded is not true or false"),
        ("cards", {"removed_at": "2024-02-29"}, "removed_at is before added_at"),
        ("cards", {"expires_at": "05/27"}, "expires_at is not a time"),
        ("contacts", {"cost": "-0.01"}, "cost is below 0"),
        ("scores", {"scored_at": "2024-03-02", "score": ""}, "score is missing"),
    ],
)  # fmt: skip
def test_a_bad_row_is_kept_aside_as_given_with_its_reason(judge: Judge, table: str, change: Row, reason: str) -> None:
    judged = judge(table, [GOOD[table], {**GOOD[table], **_other_key(table), **change}])
    assert (judged.report.kept, len(judged.refused)) == (1, 1)
    [(given_reason, row)] = judged.refused
    assert given_reason == reason
    # CSV has no empty text: it is read as null.
    assert {name: row[name] for name in change} == {name: value or None for name, value in change.items()}
    assert [(found.reason, found.rows) for found in judged.report.reasons] == [(reason, 1)]
    assert json.loads(judged.report.reasons[0].example) == row


def _other_key(table: str) -> Row:
    named = {
        "users": "user_id",
        "tickets": "ticket_id",
        "subscriptions": "subscription_id",
        "invoices": "invoice_id",
        "cards": "card_id",
    }
    return {named[table]: "another"} if table in named else {}


def test_rows_from_before_the_account_was_created_are_kept_and_noted(judge: Judge) -> None:
    """A prospect asks, tries and pays before a CRM knows the account."""
    times = ["2024-01-05 00:00:00", "2024-01-04 23:59:59", "2023-06-01"]
    judged = judge("events", [{**GOOD["events"], "occurred_at": time} for time in times])
    assert judged.report.kept == 3
    assert [note for note in judged.notes if "created" in note] == [
        "events: 2 rows from before the account was created; they are kept. If accounts are entered late, give the "
        "earliest of their days as created_at."
    ]


@pytest.mark.parametrize(
    ("table", "earlier", "later"),
    [("tickets", "opened_at", "resolved_at"), ("tickets", "opened_at", "first_response_at"),
     ("invoices", "issued_at", "due_at"), ("subscriptions", "started_at", "ended_at"),
     ("users", "joined_at", "left_at"), ("surveys", "asked_at", "responded_at")],
)  # fmt: skip
def test_a_second_between_the_clocks_of_two_systems_costs_nothing(
    judge: Judge, table: str, earlier: str, later: str
) -> None:
    judged = judge(table, [{**GOOD[table], earlier: "2024-03-01 10:00:00.335", later: "2024-03-01 10:00:00"}])
    [row] = judged.kept
    assert row[later] == row[earlier] == datetime(2024, 3, 1, 10, 0, 0, 335_000)
    assert not [note for note in judged.notes if "early" in note]


@pytest.mark.parametrize(("table", "later"), [("tickets", "first_response_at"), ("invoices", "due_at")])
def test_a_time_that_is_too_early_counts_as_missing_and_is_noted(judge: Judge, table: str, later: str) -> None:
    judged = judge(table, [{**GOOD[table], later: "2024-02-01"}])
    [row] = judged.kept
    assert row[later] is None
    assert f"{table}: {later} is too early in 1 row: it counts as missing." in judged.notes


@pytest.mark.parametrize(("ahead", "kept"), [(timedelta(hours=23), 1), (timedelta(hours=24, seconds=1), 0)])
def test_a_clock_may_run_a_day_ahead_and_no_more(judge: Judge, ahead: timedelta, kept: int) -> None:
    judged = judge("events", [{**GOOD["events"], "occurred_at": str(NOW + ahead)}])
    assert judged.report.kept == kept
    assert [reason for reason, _ in judged.refused] == ["occurred_at is in the future"] * (1 - kept)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2024-03-01T10:00:00+02:00", datetime(2024, 3, 1, 8)),
        ("2024-03-01T10:00:00Z", datetime(2024, 3, 1, 10)),
        ("2024-03-01 10:00:00 Europe/Berlin", datetime(2024, 3, 1, 9)),
        ("2024-07-01 10:00:00 Europe/Berlin", datetime(2024, 7, 1, 8)),
        ("2024-03-01 10:00:00.123456", datetime(2024, 3, 1, 10, 0, 0, 123456)),
        (" 2024-03-01 ", datetime(2024, 3, 1)),
    ],
)
def test_times_are_stored_in_utc(judge: Judge, written: str, utc: datetime) -> None:
    rows = [{"account_id": "ada", "invoice_id": "i", "issued_at": "2024-03-01", "amount": 1, "due_at": written}]
    assert judge("invoices", rows).kept[0]["due_at"] == utc


def test_a_bad_row_does_not_push_out_a_good_one_of_its_key(judge: Judge) -> None:
    judged = judge("tickets", [{**GOOD["tickets"], "opened_at": "1970-01-01"}, GOOD["tickets"]])
    assert judged.report.kept == 1
    assert [reason[:24] for reason, _ in judged.refused] == ["opened_at is before 1980"]


def test_an_account_given_twice_does_not_double_its_rows(project: Project) -> None:
    files = {"accounts.csv": [*ACCOUNTS, ACCOUNTS[0]], "events.csv": [GOOD["events"]]}
    tables = read_tables(project(files), NOW)
    assert (tables.report("accounts").kept, tables.report("events").kept) == (2, 1)


def test_rows_of_a_log_without_ids_are_numbered_and_all_kept(judge: Judge) -> None:
    judged = judge("events", [GOOD["events"], GOOD["events"]])
    assert [row["event_id"] for row in judged.kept] == ["row 1", "row 2"]


def test_a_price_change_is_a_second_row_of_the_same_subscription(judge: Judge) -> None:
    later = {**GOOD["subscriptions"], "started_at": "2024-05-01", "mrr": 70}
    assert judge("subscriptions", [GOOD["subscriptions"], later]).report.kept == 2


def test_an_unknown_kind_of_event_is_kept(judge: Judge) -> None:
    assert judge("events", [{**GOOD["events"], "kind": "sneeze"}]).kept[0]["kind"] == "sneeze"


def test_absent_columns_take_their_default_or_stay_null(judge: Judge) -> None:
    [row] = judge("tickets", [{**GOOD["tickets"], "resolved_at": "2024-03-04", "csat": 4}]).kept
    assert row["recorded_at"] == row["opened_at"]
    assert row["csat_at"] == row["resolved_at"] == datetime(2024, 3, 4)
    assert row["topic"] is None


def test_a_profile_column_stays_a_number_only_where_the_file_says_so(project: Project) -> None:
    content = io.BytesIO()
    pq.write_table(
        pa.table({"account_id": ["ada"], "created_at": ["2024-01-05"], "size": [3], "since": ["1999"]}), content
    )
    tables = read_tables(project({"accounts.parquet": content.getvalue()}), NOW)
    [row] = pq.read_table(tables.path("accounts")).to_pylist()
    assert (row["size"], row["since"]) == (3.0, "1999")


def test_a_missing_column_is_named_with_the_nearest_that_came(project: Project) -> None:
    files = {
        "accounts.csv": ACCOUNTS,
        "events.csv": [{"account_id": "ada", "ocurred_at": "2024-03-01", "kind": "error"}],
    }
    expected = "table events needs the column occurred_at; .*Did you mean 'ocurred_at'.*AS occurred_at"
    with pytest.raises(ContractError, match=expected):
        read_tables(project(files), NOW)


def test_a_column_that_no_table_has_is_refused_with_the_nearest(project: Project) -> None:
    files = {"accounts.csv": ACCOUNTS, "events.csv": [{**GOOD["events"], "platfrom": "ios"}]}
    expected = "table events has no column platfrom; .*Did you mean 'platform'.*Leave it out of the SELECT"
    with pytest.raises(ContractError, match=expected):
        read_tables(project(files), NOW)


def test_a_free_plan_in_another_currency_is_no_second_currency(judge: Judge) -> None:
    free = {**GOOD["subscriptions"], "subscription_id": "free", "currency": "GBP", "mrr": 0}
    assert judge("subscriptions", [{**GOOD["subscriptions"], "currency": "EUR"}, free]).report.kept == 2


def test_texts_of_a_mixed_json_column_come_without_quotes(project: Project) -> None:
    lines = [{**GOOD["events"], "user_id": 3}, {**GOOD["events"], "user_id": "u4"}]
    text = "\n".join(json.dumps(line) for line in lines)
    tables = read_tables(project({"accounts.csv": ACCOUNTS, "events.jsonl": text}), NOW)
    assert pq.read_table(tables.path("events"))["user_id"].to_pylist() == ["3", "u4"]


def test_a_nested_profile_column_is_kept_as_text(project: Project) -> None:
    line = '{"account_id": "ada", "created_at": "2024-01-05", "address": {"zip": 123}}\n'
    tables = read_tables(project({"accounts.jsonl": line}), NOW)
    assert "123" in pq.read_table(tables.path("accounts"))["address"].to_pylist()[0]


def test_the_case_of_a_column_name_does_not_matter(project: Project) -> None:
    row = {"Account_ID": "ada", "CREATED_AT": "2024-01-05", "Segment": "large", "Industry": "steel"}
    tables = read_tables(project({"accounts.csv": [row]}), NOW)
    kept = pq.read_table(tables.path("accounts"))
    assert kept["segment"].to_pylist() == ["large"]
    assert kept.column_names == [
        "account_id",
        "created_at",
        "name",
        "segment",
        "country",
        "owner",
        "acquisition",
        "industry",
    ]


def test_a_profile_number_that_is_not_finite_is_null(project: Project) -> None:
    sink = io.BytesIO()
    table = {"account_id": ["ada"], "created_at": [NOW], "size": [float("nan")]}
    pq.write_table(pa.table(table), sink)
    tables = read_tables(project({"accounts.parquet": sink.getvalue()}), NOW)
    assert pq.read_table(tables.path("accounts"))["size"].to_pylist() == [None]


def test_a_profile_list_is_kept_as_text(project: Project) -> None:
    sink = io.BytesIO()
    prices = pa.array([[1, 2]], pa.list_(pa.decimal128(5, 2)))
    pq.write_table(pa.table({"account_id": ["ada"], "created_at": [NOW], "prices": prices}), sink)
    tables = read_tables(project({"accounts.parquet": sink.getvalue()}), NOW)
    assert pq.read_table(tables.path("accounts"))["prices"].to_pylist() == ["[1.00, 2.00]"]


def test_a_quarantined_row_is_kept_as_it_was_given(project: Project) -> None:
    tables = read_tables(project({"accounts.csv": "account_id,created_at\nada,2024-01-05\nbo,soon\n"}), NOW)
    kept = pq.read_table(tables.folder / "quarantine" / "accounts.parquet")["row_as_given"].to_pylist()
    assert [json.loads(row) for row in kept] == [{"account_id": "bo", "created_at": "soon"}]
