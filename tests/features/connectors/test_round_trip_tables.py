"""A simulated company in warehouse tables, CSV files and other APIs comes back, as far as these can tell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.features.connectors.company import (
    delighted,
    hubspot,
    intercom,
    intercom_fivetran,
    product_database,
    qualtrics,
    qualtrics_fivetran,
    salesforce,
    stripe_expected,
    stripe_fivetran,
    zendesk,
    zendesk_fivetran,
)
from tests.features.connectors.company.company import Company
from tests.features.connectors.round_trip import Loaded, assert_same, make_project, rows_of
from undertow.features.connectors.kit.look import look
from undertow.features.connectors.kit.manifest import chosen_connectors
from undertow.features.connectors.kit.recognise import recognise
from undertow.features.engines.duckdb import run
from undertow.features.settings import load_settings
from undertow.features.sources.files.opened import opened_sources

KNOWN_SINCE = 5  # month ends: by then most yearly contracts were billed once
ENDS = ["subscription_id", "ended_at"]


def mrr_of_month_ends(rows: pd.DataFrame, company: Company) -> pd.Series:
    """Return the sum of the MRR of all periods that run at each month end."""
    ends = pd.date_range(company.first_day, company.end, freq="MS")[1:]
    runs = [(rows["started_at"] <= end) & ~(rows["ended_at"] <= end) for end in ends]
    return pd.Series([round(rows["mrr"][each].sum(), 2) for each in runs], index=ends)


def ends_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the periods that ended, but for those that went on at another price."""
    return rows[rows["ended_at"].notna() & (rows["end_reason"] != "changed")]


def test_mrr_of_stripes_tables_is_near_from_the_sixth_month_on_and_equal_at_the_end(
    loaded: Loaded, company: Company
) -> None:
    got = rows_of(loaded(hubspot, stripe_fivetran), "subscriptions")
    mrr = mrr_of_month_ends(got, company)
    expected = mrr_of_month_ends(stripe_expected.expected_subscriptions(company), company)
    assert ((mrr / expected - 1).abs()[KNOWN_SINCE:] < 0.025).all()
    assert mrr.iloc[-1] == expected.iloc[-1]


def test_stretches_of_stripes_tables_begin_end_and_renew_as_they_did(loaded: Loaded, company: Company) -> None:
    got, expected = (
        rows_of(loaded(hubspot, stripe_fivetran), "subscriptions"),
        stripe_expected.expected_subscriptions(company),
    )
    assert len(got) > 0.9 * len(expected)
    same = expected.merge(got[["subscription_id", "started_at"]])  # the others changed between two invoices
    columns = ("account_id", "recorded_at", "plan", "term_months", "renews_at")
    assert_same(got, same, ["subscription_id", "started_at"], columns)
    assert_same(ends_of(got), ends_of(expected), ENDS, ("end_recorded_at",))


def test_ends_after_a_failed_charge_are_involuntary_ones(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, stripe_fivetran), "subscriptions")
    ends = ends_of(got).merge(ends_of(stripe_expected.expected_subscriptions(company)), on=ENDS, suffixes=("", "_true"))
    found, true = ends["end_reason"] == "payment_failed", ends["end_reason_true"] == "payment_failed"
    assert true.sum() > 0
    assert (found & true).sum() == true.sum()
    assert (found & true).sum() / found.sum() > 0.9


def test_invoices_of_stripes_tables_come_back_without_tax_and_voided_ones_closed(
    loaded: Loaded, company: Company
) -> None:
    got = rows_of(loaded(hubspot, stripe_fivetran), "invoices")
    is_closed = got["closed_at"].notna()
    columns = ("account_id", "issued_at", "due_at", "paid_at", "amount")
    assert_same(got[~is_closed], stripe_expected.expected_invoices(company), ["invoice_id"], columns)
    voided = ("account_id", "issued_at", "due_at", "closed_at", "closed_reason", "amount")
    assert_same(got[is_closed], stripe_expected.expected_void_invoices(company), ["invoice_id"], voided)
    assert is_closed.sum() > 0


def test_payments_refunds_and_cards_of_stripes_tables_come_back(loaded: Loaded, company: Company) -> None:
    tables = loaded(hubspot, stripe_fivetran)
    got = rows_of(tables, "payments")
    columns = ("account_id", "attempted_at", "succeeded", "amount")
    assert_same(got[got["kind"] == "attempt"], stripe_expected.expected_payments(company), ["payment_id"], columns)
    refunds = stripe_expected.expected_refunds(company)
    assert_same(got[got["kind"] == "refund"], refunds, ["payment_id"], ("account_id", "attempted_at", "amount"))
    cards = stripe_expected.expected_cards(company)
    assert_same(rows_of(tables, "cards"), cards, ["card_id"], ("account_id", "added_at"))


def test_tickets_and_ratings_of_zendesks_tables_come_back(loaded: Loaded, company: Company) -> None:
    second_line = str(zendesk_fivetran.SECOND_LINE)
    tables = loaded(hubspot, product_database, zendesk_fivetran, escalation_group=second_line)
    got = rows_of(tables, "tickets")
    got["csat_at"] = got["csat_at"].where(got["csat"].notna())  # without a rating it is when the ticket was resolved
    columns = ("account_id", "user_id", "opened_at", "priority", "channel", "topic", "first_response_at", "resolved_at",
               "reopened_at", "escalated_at", "csat", "csat_at")  # fmt: skip
    assert_same(got, zendesk.expected_tickets(company, legacy_ratings=True), ["ticket_id"], columns)
    surveys = rows_of(tables, "surveys")
    surveys["ticket_id"] = surveys["survey_id"].str.removeprefix("csat ")
    answers = ("user_id", "asked_at", "responded_at", "kind", "score")
    assert_same(surveys, zendesk.expected_offered_surveys(company), ["ticket_id"], answers)


def test_conversations_of_intercom_come_back_with_a_priority_that_is_high_or_not(
    loaded: Loaded, company: Company
) -> None:
    got = rows_of(loaded(hubspot, product_database, intercom, intercom_team=str(intercom.SECOND_LINE)), "tickets")
    got["csat_at"] = got["csat_at"].where(got["csat"].notna())
    got["is_priority"] = got["priority"] == "high"
    columns = ("account_id", "user_id", "opened_at", "is_priority", "topic", "first_response_at", "resolved_at",
               "reopened_at", "escalated_at", "csat", "csat_at")  # fmt: skip
    assert_same(got, intercom.expected_conversations(company), ["ticket_id"], columns)


def test_conversations_of_intercoms_tables_come_back_with_the_priority_of_their_first_state(
    loaded: Loaded, company: Company
) -> None:
    second_line = str(intercom_fivetran.SECOND_LINE)
    got = rows_of(loaded(hubspot, product_database, intercom_fivetran, intercom_team=second_line), "tickets")
    got["csat_at"] = got["csat_at"].where(got["csat"].notna())
    got["is_priority"] = got["priority"] == "high"
    columns = ("account_id", "user_id", "opened_at", "is_priority", "topic", "first_response_at", "resolved_at",
               "reopened_at", "escalated_at", "csat", "csat_at")  # fmt: skip
    expected = intercom_fivetran.expected_conversations(company)
    assert_same(got, expected, ["ticket_id"], columns)
    assert (expected["is_priority"] != intercom.expected_conversations(company)["is_priority"]).any()


def test_accounts_of_salesforce_come_back_and_what_was_deleted_does_not(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(salesforce), "accounts")
    columns = ("created_at", "name", "segment", "country", "owner", "acquisition", "salesforce_id")
    assert_same(got, salesforce.expected_accounts(company), ["account_id"], columns)


SALESFORCE_ACCOUNTS = """\
Id,IsDeleted,MasterRecordId,Name,OwnerId,CreatedDate,SystemModstamp,Website,Account_Id__c
001xx000003DGb2AAG,false,,Amber,005,2023-01-01T08:00:00.000+0000,2024-06-01T00:00:00.000+0000,https://amber.com/,A-1
001xx000003DGb3AAG,true,001xx000003DGb2,Beryl,005,2023-02-01T08:00:00.000+0000,2024-03-05T12:00:00.000+0000,,A-2
001xx000003DGb4AAG,true,001xx000003DGb2,Copy,005,2023-03-01T08:00:00.000+0000,2024-04-05T12:00:00.000+0000,,
001xx000003DGb5AAG,true,,Gone,005,2023-03-01T08:00:00.000+0000,2024-04-05T12:00:00.000+0000,,A-3
"""


def test_salesforce_ids_of_15_and_18_characters_are_one_account_and_merges_follow_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Account.csv").write_text(SALESFORCE_ACCOUNTS)
    settings = load_settings(make_project(tmp_path / "data", {}))
    with opened_sources(settings) as connection:
        for table in ("accounts", "merges"):
            run(connection, f"CREATE TABLE made_{table} AS (\n{settings.select(table)}\n)", table)
        merges = connection.sql("SELECT account_id, merged_into, CAST(merged_at AS DATE) FROM made_merges")
        assert merges.fetchall() == [("A-2", "A-1", date(2024, 3, 5))]
        accounts = connection.sql("SELECT account_id, name FROM made_accounts ORDER BY account_id")
        assert accounts.fetchall() == [("A-1", "Amber"), ("A-2", "Beryl")]
        keys = dict(connection.sql("SELECT key, account_id FROM account_keys WHERE kind = 'crm id'").fetchall())
    of_amber = [key for key, account in keys.items() if account == "A-1"]
    assert sorted(of_amber) == ["001xx000003DGb2", "001xx000003DGb2AAG", "001xx000003DGb4", "001xx000003DGb4AAG"]
    assert keys["001xx000003DGb3"] == "A-2"


@pytest.mark.parametrize("without", [(), ("delighted_survey_responses.jsonl",)], ids=["api", "csv"])
def test_answers_of_delighted_come_back_asked_when_they_were_answered(
    loaded: Loaded, company: Company, without: tuple[str, ...]
) -> None:
    got = rows_of(loaded(hubspot, product_database, delighted, without=without), "surveys")
    columns = ("account_id", "user_id", "asked_at", "responded_at", "kind", "score", "scale_max")
    assert_same(got, delighted.expected_surveys(company), ["survey_id"], columns)


def test_surveys_of_qualtrics_tables_come_back_with_those_that_were_not_answered(
    loaded: Loaded, company: Company
) -> None:
    got = rows_of(loaded(hubspot, product_database, qualtrics_fivetran), "surveys")
    expected = qualtrics.expected_surveys(company)
    expected["survey_id"] = expected["distribution"] + " " + expected["contact"]
    columns = ("account_id", "user_id", "responded_at", "kind", "score", "scale_max")
    assert_same(got, expected, ["survey_id", "asked_at"], columns)
    assert got["responded_at"].isna().any()


SEEDS = {
    "stripe": ("accounts", "subscriptions", "invoices", "payments", "cards"),
    "zendesk": ("tickets", "surveys"),
    "intercom": ("tickets",),
    "qualtrics": ("surveys",),
}


@pytest.mark.parametrize("vendor", SEEDS)
def test_selects_run_on_tables_with_the_columns_that_fivetran_makes(
    shared_data: Callable[[str], Path], tmp_path: Path, vendor: str
) -> None:
    data = shutil.copytree(shared_data("connectors") / vendor, tmp_path / vendor)
    [found] = recognise(look([data]), chosen_connectors([vendor])).recognised
    assert found.form.name == "fivetran"
    settings = load_settings(make_project(data, {}))
    assert tuple(settings.tables) == SEEDS[vendor]
    with opened_sources(settings) as connection:
        for table in settings.tables:
            run(connection, f"CREATE TABLE made_{table} AS (\n{settings.select(table)}\n)", table)
