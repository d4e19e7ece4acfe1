"""Scores on their scale, ratings, kinds of payment, words in any case, and texts and times that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
Load = Callable[..., tuple[list[dict[str, object]], dict[str, int], Tables]]


@pytest.fixture
def load(project: Project) -> Load:
    """Return a function that loads rows of one table: (kept rows, reason -> rows not kept, tables)."""

    def read(table: str, rows: Sequence[Row], toml: str = "") -> tuple[list[dict[str, object]], dict[str, int], Tables]:
        tables = read_tables(project({"accounts.csv": ACCOUNTS, f"{table}.csv": rows}, toml), NOW)
        reasons = {reason.reason: reason.rows for reason in tables.report(table).reasons}
        return pq.read_table(tables.path(table)).to_pylist(), reasons, tables

    return read


def survey(kind: str, score: object, scale_max: object = "") -> Row:
    return {**GOOD["surveys"], "asked_at": "2024-02-20", "kind": kind, "score": score, "scale_max": scale_max}


@pytest.mark.parametrize(
    ("kind", "score", "scale", "scaled"),
    [
        ("nps", 0, "", 0), ("nps", 10, "", 10), ("nps", 7, 10, 7),
        ("csat", 5, "", 5), ("csat", 1, "", 1), ("csat", 90, 100, 4.6), ("csat", 0, 100, 1), ("csat", 7, 7, 5),
        ("csat", 1, 1, 5), ("csat", 0, 1, 1), ("csat", 2, 3, 3), ("csat", 5, 10, 3),
        ("csat", "good", "", 5), ("csat", "Bad", "", 1),
        ("ces", 7, "", 7), ("ces", 1, "", 1), ("ces", 3, 5, 4), ("ces", 5, 5, 7),
    ],
)  # fmt: skip
def test_an_answer_is_carried_to_one_scale(load: Load, kind: str, score: object, scale: object, scaled: float) -> None:
    [row], reasons, _ = load("surveys", [survey(kind, score, scale)])
    assert row["scaled"] == pytest.approx(scaled) and reasons == {}


@pytest.mark.parametrize(
    ("kind", "score", "scale"),
    [("nps", -1, ""), ("csat", 0, ""), ("csat", -9, 7), ("ces", 0, ""), ("csat", "offered", "")],
)
def test_a_code_for_not_answered_is_no_answer(load: Load, kind: str, score: object, scale: object) -> None:
    row = survey(kind, score, scale)
    kept, reasons, _ = load("surveys", [row if score != "offered" else {**row, "responded_at": ""}])
    assert reasons == {}
    assert (kept[0]["score"], kept[0]["scaled"], kept[0]["responded_at"]) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "score", "scale", "reason"),
    [
        ("nps", 5, 5, "nps is not on a scale of 0 to 10"),
        ("nps", 80, "", "score is above its scale (scale_max; unless stated 10 for nps, 5 csat, 7 ces)"),
        ("csat", 90, "", "score is above its scale (scale_max; unless stated 10 for nps, 5 csat, 7 ces)"),
        ("ces", 8, 7, "score is above its scale (scale_max; unless stated 10 for nps, 5 csat, 7 ces)"),
        ("csat", 0.5, "", "score is below its scale"),
        ("csat", 3, 0, "scale_max is not above 0"),
    ],
)
def test_an_answer_outside_its_scale_is_refused(
    load: Load, kind: str, score: object, scale: object, reason: str
) -> None:
    assert load("surveys", [survey(kind, score, scale)])[1] == {reason: 1}


def test_five_boxes_on_another_scale_keep_their_top_two(load: Load) -> None:
    kept, _, _ = load("surveys", [survey("csat", 80, 100), survey("csat", 70, 100), survey("csat", 6, 7)])
    assert [(row["score"], row["scale_max"]) for row in kept] == [(4.2, 5), (3.8, 5), (6, 7)]


@pytest.mark.parametrize(
    ("csat", "scale", "carried"),
    [(4, "", 4), (100, 100, 5), (1, 1, 5), ("good", "", 5), ("bad", "", 1), (0, "", None), (-1, 5, None)],
)
def test_the_rating_of_a_ticket_is_carried_to_1_to_5(load: Load, csat: object, scale: object, carried: object) -> None:
    row = {**GOOD["tickets"], "resolved_at": "2024-03-04", "csat": csat, "csat_scale": scale}
    [kept], reasons, _ = load("tickets", [row])
    assert (kept["csat"], reasons) == (carried, {})


def test_a_rating_above_its_scale_or_without_a_time_is_refused(load: Load) -> None:
    rated = {**GOOD["tickets"], "ticket_id": "t2", "csat": 90, "resolved_at": "2024-03-04"}
    _, reasons, _ = load("tickets", [{**GOOD["tickets"], "csat": 1}, rated])
    assert reasons == {"csat_at is missing": 1, "csat is above its scale (csat_scale; 5 unless stated)": 1}


def test_many_ratings_of_only_0_and_1_are_bad_and_good(load: Load) -> None:
    def rated(number: int, csat: int) -> Row:
        return {**GOOD["tickets"], "ticket_id": f"t{number}", "resolved_at": "2024-03-04", "csat": csat}

    kept, _, tables = load("tickets", [rated(n, n % 2) for n in range(40)])
    assert {row["csat"] for row in kept} == {1, 5}
    assert "tickets: all 40 ratings are 0 or 1 and state no scale: read as bad (0) and good (1)." in tables.notes
    few, _, tables = load("tickets", [rated(n, 1) for n in range(5)])
    assert {row["csat"] for row in few} == {1}


def test_surveys_without_a_kind_are_refused_by_the_name_of_the_column(load: Load) -> None:
    answers = [{**GOOD["surveys"], "survey_id": n, "score": n % 2} for n in range(30)]
    with pytest.raises(ContractError, match="table surveys needs the column kind"):
        load("surveys", [{name: value for name, value in row.items() if name != "kind"} for row in answers])


def test_a_negative_web_vital_is_refused_and_other_values_may_be_negative(load: Load) -> None:
    vital = {**GOOD["events"], "kind": "Web_Vital", "name": "inp", "value": -1}
    kept, reasons, _ = load(
        "events", [vital, {**vital, "value": 200}, {**GOOD["events"], "kind": "task_completed", "value": -3}]
    )
    assert reasons == {"value of a web vital is below 0": 1}
    assert [(row["kind"], row["name"], row["value"]) for row in kept] == [
        ("web_vital", "INP", 200), ("task_completed", None, -3)]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "amount", "told"),
    [("", 10, "attempt"), ("", "", "attempt"), ("", -10, "refund"), ("", 0, "zero"), ("Dispute", -10, "chargeback"),
     ("refund", 10, "refund"), ("charge", 10, "attempt")],
)  # fmt: skip
def test_attempts_refunds_and_chargebacks_are_told_apart(load: Load, kind: str, amount: object, told: str) -> None:
    [row], _, _ = load("payments", [{**GOOD["payments"], "kind": kind, "amount": amount}])
    assert row["kind"] == told


def test_words_are_compared_without_case_and_blanks(load: Load) -> None:
    row = {**GOOD["tickets"], "priority": " Urgent ", "channel": "E-Mail", "topic": "Log In"}
    [kept], _, _ = load("tickets", [row])
    assert (kept["priority"], kept["channel"], kept["topic"]) == ("urgent", "e-mail", "Log In")
    [kept], _, _ = load("subscriptions", [{**GOOD["subscriptions"], "currency": "eur", "end_reason": "Payment_Failed",
                                           "ended_at": "2024-04-01"}])  # fmt: skip
    assert (kept["currency"], kept["end_reason"]) == ("EUR", "payment_failed")


def test_words_that_no_feature_knows_are_told(load: Load) -> None:
    _, _, tables = load("tickets", [{**GOOD["tickets"], "priority": "P1"}])
    assert tables.unknown_words == (("tickets.priority", "p1", 1),)
    _, _, tables = load("surveys", [{**survey("nps", 9), "kind": "net promoter"}])
    assert tables.unknown_words == (("surveys.kind", "net promoter", 1),)


@pytest.mark.parametrize("written", ["NULL", "null", r"\N", "NaN", "None", "undefined", "N/A", " null ", ""])
def test_a_text_that_stands_for_nothing_is_missing(load: Load, written: str) -> None:
    [row], _, _ = load("events", [{**GOOD["events"], "user_id": written, "value": written, "name": written}])
    assert (row["user_id"], row["value"], row["name"]) == (None, None, None)


def test_the_texts_that_stand_for_nothing_can_be_set(load: Load) -> None:
    [row], _, _ = load("events", [{**GOOD["events"], "user_id": "n.v.", "name": "null"}], '[data]\nmissing = ["N.V."]')
    assert (row["user_id"], row["name"]) == (None, "null")


@pytest.mark.parametrize("far", ["9999-12-31", "infinity", "2999-01-01", "2099-12-31"])
def test_a_time_in_the_far_future_means_none(load: Load, far: str) -> None:
    [row], _, _ = load("subscriptions", [{**GOOD["subscriptions"], "ended_at": far, "renews_at": far}])
    assert (row["ended_at"], row["end_recorded_at"], row["renews_at"]) == (None, None, None)
    [row], _, _ = load("invoices", [{**GOOD["invoices"], "due_at": far, "paid_at": far}])
    assert (row["due_at"], row["paid_at"]) == (None, None)


def test_a_date_of_an_end_may_be_declared_the_last_day(load: Load) -> None:
    rows = [{**GOOD["subscriptions"], "subscription_id": n, "ended_at": end}
            for n, end in enumerate(("2024-04-30", "2024-04-30 10:00"))]  # fmt: skip
    kept, _, _ = load("subscriptions", rows, '[data]\ninclusive_ends = ["subscriptions"]')
    assert [row["ended_at"] for row in kept] == [datetime(2024, 5, 1), datetime(2024, 4, 30, 10)]


@pytest.mark.parametrize("written", ["1.200", "1,200"])
def test_money_with_three_digits_behind_the_only_dot_is_ambiguous(load: Load, written: str) -> None:
    rows = [
        {**GOOD["subscriptions"], "subscription_id": n, "mrr": mrr} for n, mrr in enumerate((written, "12.000", "950"))
    ]
    _, _, tables = load("subscriptions", rows)
    assert "every number of mrr with a dot or comma has exactly three digits behind it" in tables.refusals[0]
    assert "CAST(replace(mrr, '.', '') AS DOUBLE)" in tables.refusals[0]
    rows[1] = {**rows[1], "mrr": "12.5"}
    assert load("subscriptions", rows)[2].refusals == () or written == "1,200"


@pytest.mark.parametrize(("written", "read"), [("1,234.50", 1234.5), ("12,345,678.9", 12345678.9), ("950.00", 950.0)])
def test_commas_between_thousands_are_read_where_a_dot_shows_what_they_are(
    load: Load, written: str, read: float
) -> None:
    [row], _, _ = load("subscriptions", [{**GOOD["subscriptions"], "mrr": written}])
    assert row["mrr"] == read


@pytest.mark.parametrize("written", ["1,234", "1.234,50", "12,34.50", "1 234.50"])
def test_a_number_whose_marks_say_too_little_is_refused(load: Load, written: str) -> None:
    rows = [{**GOOD["subscriptions"], "subscription_id": n, "mrr": mrr} for n, mrr in enumerate((written, "950.5"))]
    kept, reasons, _ = load("subscriptions", rows)
    assert [row["mrr"] for row in kept] == [950.5]
    assert len(reasons) == 1 and "mrr" in next(iter(reasons))


def test_shares_with_three_decimals_are_not_ambiguous(load: Load) -> None:
    _, _, tables = load("events", [{**GOOD["events"], "value": "0.104"}, {**GOOD["events"], "value": "0.250"}])
    assert not [note for note in tables.notes if "three digits" in note]


def test_a_column_name_of_our_own_is_reserved_and_others_are_profile(project: Project) -> None:
    accounts = [{**row, "reason_": "x", "row_number_": 1} for row in ACCOUNTS]
    tables = read_tables(project({"accounts.csv": accounts}), NOW)
    assert pq.read_table(tables.path("accounts"))["reason_"].to_pylist() == ["x", "x"]


def test_an_id_in_another_spelling_is_named_with_its_twin(load: Load, project: Project) -> None:
    _, reasons, _ = load("events", [{**GOOD["events"], "account_id": "ADA"}])
    assert reasons == {"account_id is spelled differently in accounts, such as ADA here and ada there": 1}
    users = [{"user_id": "7", "account_id": "ada", "joined_at": "2024-01-06"}]
    events = [{"user_id": "7.0", "occurred_at": "2024-03-01", "kind": "login"}]
    tables = read_tables(project({"accounts.csv": ACCOUNTS, "users.csv": users, "events.csv": events}), NOW)
    assert [reason.reason for reason in tables.report("events").reasons] == [
        "user_id is spelled differently in users, such as 7.0 here and 7 there"]  # fmt: skip
