"""A simulated company in each vendor's own form comes back row by row, as far as the vendor's files can tell."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import pytest

from tests.features.connectors.company import (
    hubspot,
    posthog,
    product_database,
    qualtrics,
    stripe,
    stripe_api,
    stripe_expected,
    zendesk,
)
from tests.features.connectors.company.company import Company
from tests.features.connectors.round_trip import Loaded, assert_same, rows_of
from undertow.features.settings import load_settings


def mrr_of_month_ends(rows: pd.DataFrame, company: Company) -> list[float]:
    """Return the sum of the MRR of all periods that run at each month end."""
    ends = pd.date_range(company.first_day, company.end, freq="MS")[1:]
    return [
        round(rows["mrr"][(rows["started_at"] <= end) & ~(rows["ended_at"] <= end)].sum(), 2) for end in ends
    ]


def test_subscriptions_of_stripes_webhooks_come_back_with_their_mrr_to_the_cent(
    loaded: Loaded, company: Company
) -> None:
    got, expected = rows_of(loaded(hubspot, stripe), "subscriptions"), stripe_expected.expected_subscriptions(company)
    columns = ("account_id", "recorded_at", "ended_at", "end_reason", "end_recorded_at", "plan", "mrr", "discount",
               "seats", "term_months", "renews_at")  # fmt: skip
    assert_same(got, expected, ["subscription_id", "started_at"], columns)
    assert mrr_of_month_ends(got, company) == pytest.approx(mrr_of_month_ends(expected, company), abs=0.01)


@pytest.mark.parametrize("form", [stripe, stripe_api])
def test_invoices_come_back_without_tax_and_voided_ones_closed(
    loaded: Loaded, company: Company, form: ModuleType
) -> None:
    got = rows_of(loaded(hubspot, form), "invoices")
    is_closed = got["closed_at"].notna()
    columns = ("account_id", "issued_at", "due_at", "paid_at", "amount")
    assert_same(got[~is_closed], stripe_expected.expected_invoices(company), ["invoice_id"], columns)
    voided = ("account_id", "issued_at", "due_at", "closed_at", "closed_reason", "amount")
    assert_same(got[is_closed], stripe_expected.expected_void_invoices(company), ["invoice_id"], voided)
    assert is_closed.sum() > 0


@pytest.mark.parametrize("form", [stripe, stripe_api])
def test_payments_come_back_and_refunds_beside_them(loaded: Loaded, company: Company, form: ModuleType) -> None:
    got = rows_of(loaded(hubspot, form), "payments")
    columns = ("account_id", "attempted_at", "succeeded", "amount")
    assert_same(got[got["kind"] == "attempt"], stripe_expected.expected_payments(company), ["payment_id"], columns)
    refunds = stripe_expected.expected_refunds(company)
    assert_same(got[got["kind"] == "refund"], refunds, ["payment_id"], ("account_id", "attempted_at", "amount"))
    assert len(refunds)


def test_cards_of_stripes_webhooks_come_back(loaded: Loaded, company: Company) -> None:
    columns = ("account_id", "added_at", "recorded_at", "expires_at", "removed_at")
    got = rows_of(loaded(hubspot, stripe), "cards")
    assert_same(got, stripe_expected.expected_cards(company), ["card_id"], columns)


def test_subscriptions_that_show_only_the_present_have_the_first_renewal_and_are_marked(
    loaded: Loaded, company: Company
) -> None:
    tables = loaded(hubspot, stripe_api)
    got, expected = rows_of(tables, "subscriptions"), stripe_api.expected_subscriptions(company)
    assert_same(got, expected, ["subscription_id"], ("account_id", "started_at", "ended_at", "mrr", "plan"))
    term = got["term_months"].astype(int)
    first = [start + pd.DateOffset(months=months) for start, months in zip(got["started_at"], term, strict=True)]
    assert got["renews_at"].tolist() == first
    assert load_settings(tables.folder.parents[2]).data.present_only == ("subscriptions",)


def test_tickets_of_zendesk_with_audits_come_back(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, zendesk), "tickets")
    got["csat_at"] = got["csat_at"].where(got["csat"].notna())  # without a rating it is when the ticket was resolved
    columns = ("account_id", "user_id", "opened_at", "priority", "channel", "topic", "first_response_at", "resolved_at",
               "reopened_at", "escalated_at", "csat", "csat_at")  # fmt: skip
    assert_same(got, zendesk.expected_tickets(company), ["ticket_id"], columns)


def test_tickets_of_zendesk_without_audits_have_whole_minutes_and_no_reopening(
    loaded: Loaded, company: Company
) -> None:
    got = rows_of(loaded(hubspot, product_database, zendesk, without=["zendesk_ticket_audits.jsonl"]), "tickets")
    expected = zendesk.expected_tickets(company, history=False)
    columns = ("account_id", "user_id", "opened_at", "first_response_at", "resolved_at")
    assert_same(got, expected, ["ticket_id"], columns)
    assert got["reopened_at"].isna().all()


def test_events_of_posthog_come_back_with_those_from_before_the_login(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, posthog), "events")
    beside, expected = posthog.expected_vitals_beside(company), posthog.expected_events(company)
    expected["name"] = expected["name"].where(expected["event"] != "$pageview", "/" + expected["name"])
    is_beside = got["event_id"].isin(beside["event_id"])
    columns = ("account_id", "user_id", "occurred_at", "recorded_at", "kind", "platform", "duration_ms", "value",
               "definition")  # fmt: skip
    assert_same(got[~is_beside], expected, ["event_id"], columns)
    assert_same(got[is_beside], beside, ["event_id"], ("account_id", "name", "value"))
    joined = got.merge(expected[["event_id", "session_id"]], on="event_id", suffixes=("", "_given"))
    pairs = joined[["session_id", "session_id_given"]].drop_duplicates()
    assert pairs["session_id"].is_unique
    assert pairs["session_id_given"].is_unique
    given = expected[["event_id", "name"]]
    views = got[got["kind"] == "page_view"].merge(given, on="event_id", suffixes=("", "_given"))
    assert (views["name"].str.lstrip("/") == views["name_given"].str.lstrip("/")).all()


def test_surveys_of_qualtrics_come_back_with_those_that_were_not_answered(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, qualtrics), "surveys")
    expected = qualtrics.expected_surveys(company)
    expected["survey_id"] = expected["distribution"] + " " + expected["contact"]
    columns = ("account_id", "user_id", "responded_at", "kind", "score", "scale_max")
    assert_same(got, expected, ["survey_id", "asked_at"], columns)
    assert got["responded_at"].isna().any()


def test_accounts_of_hubspot_come_back_and_prospects_do_not(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, hubspot_zone=hubspot.VIEWERS_ZONE), "accounts")
    columns = ("created_at", "name", "segment", "country", "owner", "acquisition")
    assert_same(got, hubspot.expected_accounts(company), ["account_id"], columns)


def test_users_of_the_products_database_come_back(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, zendesk), "users")
    assert_same(got, company.users, ["account_id", "user_id", "joined_at"], ("left_at", "role"))
