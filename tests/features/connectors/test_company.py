"""The generated files have the vendors' forms, hold the company to the cent, and really hold the noise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.features.connectors.company import stripe, stripe_billing, stripe_expected
from tests.features.connectors.company.company import Company, simulate_company

Written = Callable[..., Path]
MONTHS = {"month": 1, "year": 12}
PER_EURO = {"eur": 100, "usd": 125, "jpy": 160}  # minor units


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return simulate_company(tmp_path_factory.mktemp("canonical"), accounts=60)


@pytest.fixture(scope="module")
def written(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return a function that writes a vendor's files, once."""
    folders: dict[object, Path] = {}

    def write(vendor: Any, **options: object) -> Path:
        key = (vendor.__name__, *sorted(options.items()))
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp(vendor.__name__.rsplit(".", 1)[-1])
            vendor.write(company, folders[key], **options)
        return folders[key]

    return write


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- Stripe ----------------------------------------------------------------------------------


def in_order(events: list[Any], prefix: str) -> dict[str, list[Any]]:
    """Return each event of a kind once, by the id of its object, in order of time."""
    once = {event["id"]: event for event in events if event["type"].startswith(prefix) and event["livemode"]}
    by_object: dict[str, list[Any]] = {}
    for event in sorted(once.values(), key=lambda event: event["created"]):
        by_object.setdefault(event["data"]["object"]["id"], []).append(event)
    return by_object


def mrr(subscription: Any) -> float:
    """Return the MRR in EUR of a subscription object, computed from its items and its coupon for ever alone."""
    total, months = 0.0, 1
    for item in subscription["items"]["data"]:
        price = item["price"]
        if price["recurring"]["usage_type"] == "licensed":
            packs = price["transform_quantity"]
            count = -(-item["quantity"] // packs["divide_by"]) if packs else item["quantity"]
            months = MONTHS[price["recurring"]["interval"]] * price["recurring"]["interval_count"]
            total += float(price["unit_amount_decimal"]) * count
    for discount in subscription.get("discounts") or [subscription.get("discount")]:
        if discount and discount["coupon"]["duration"] == "forever":
            percent, amount = discount["coupon"]["percent_off"], discount["coupon"]["amount_off"]
            total -= total * percent / 100 if percent else amount
    return round(total / months / PER_EURO[subscription["currency"]], 2)


def seats(subscription: Any) -> int:
    return sum(item.get("quantity", 0) for item in subscription["items"]["data"])


def period_end(subscription: Any) -> int:
    items = subscription["items"]["data"]
    return subscription.get("current_period_end") or items[0]["current_period_end"]


def tax(invoice: Any) -> int:
    return sum(each["amount"] for each in invoice.get("total_taxes", [])) or invoice.get("tax") or 0


@pytest.fixture(scope="module")
def webhooks(written: Written) -> list[Any]:
    return lines(written(stripe) / stripe.EVENTS_FILE)


def test_the_archive_holds_every_subscription_row_to_the_cent_and_the_second(
    company: Company, webhooks: list[Any]
) -> None:
    """A row begins where an active subscription's MRR or seats change; renewals and past_due begin none."""
    customers = {customer.id: customer.account for customer in stripe_billing.customers(company)}
    found = []
    for name, events in in_order(webhooks, "customer.subscription.").items():
        row: tuple[object, ...] = ()
        for event in events:
            object_ = event["data"]["object"]
            if object_["status"] in ("active", "past_due") and (mrr(object_), seats(object_)) != row:
                row = (mrr(object_), seats(object_))
                account, began = customers[object_["customer"]], pd.Timestamp(event["created"], unit="s")
                found.append((account, name, began, *row, pd.Timestamp(period_end(object_), unit="s")))
    found = [row for row in found if row[0] is not None]
    expected = stripe_expected.expected_subscriptions(company)
    columns = ["account_id", "subscription_id", "started_at", "mrr", "seats", "renews_at"]
    assert sorted(found) == sorted(expected[columns].itertuples(index=False, name=None))


def test_the_archive_tells_when_and_why_a_subscription_ended(company: Company, webhooks: list[Any]) -> None:
    expected = stripe_expected.expected_subscriptions(company)
    expected = expected[expected["end_reason"].notna() & (expected["end_reason"] != "changed")]
    found = {}
    for name, [event] in in_order(webhooks, "customer.subscription.deleted").items():
        object_ = event["data"]["object"]
        if object_["trial_end"] != period_end(object_):  # a trial that was cancelled
            reason = object_["cancellation_details"]["reason"].replace("cancellation_requested", "cancelled")
            found[name] = (*(pd.Timestamp(at, unit="s") for at in (object_["ended_at"], event["created"])), reason)
    rows = expected[["subscription_id", "ended_at", "end_recorded_at", "end_reason"]]
    assert found == {row[0]: row[1:] for row in rows.itertuples(index=False, name=None)}
    assert (expected["end_recorded_at"] > expected["ended_at"]).any()


def test_no_two_states_of_a_subscription_have_one_second(webhooks: list[Any]) -> None:
    for events in in_order(webhooks, "customer.subscription.").values():
        times = [event["created"] for event in events]
        assert len(times) == len(set(times)) and events[0]["type"] == "customer.subscription.created"


def test_the_archive_holds_invoices_and_charges_in_minor_units(company: Company, webhooks: list[Any]) -> None:
    invoices = [events[-1]["data"]["object"] for events in in_order(webhooks, "invoice.").values()]
    found = {
        each["id"]: round((each["total"] - tax(each)) / PER_EURO[each["currency"]], 2)
        for each in invoices
        if each["total"] and each["status"] in ("open", "paid")
    }
    expected = stripe_expected.expected_invoices(company)
    assert found == dict(zip(expected["invoice_id"], expected["amount"], strict=True))
    charges = [events[-1]["data"]["object"] for events in in_order(webhooks, "charge.").values()]
    paid = {c["id"]: round(c["amount"] / PER_EURO[c["currency"]], 2) for c in charges if c["status"] != "pending"}
    expected = stripe_expected.expected_payments(company)
    assert paid == dict(zip(expected["payment_id"], expected["amount"], strict=True))
    assert {each["currency"] for each in charges} == {"eur", "usd", "jpy"}


def test_the_archive_holds_the_noise_of_stripe(webhooks: list[Any]) -> None:
    ids = Counter(event["id"] for event in webhooks)
    assert 0.01 < sum(count > 1 for count in ids.values()) / len(ids) < 0.06
    created = [event["created"] for event in webhooks]
    assert created != sorted(created)
    assert {event["livemode"] for event in webhooks} == {True, False}
    statuses = {event["data"]["object"].get("status") for event in webhooks}
    assert statuses >= {"trialing", "incomplete_expired", "past_due", "void", "draft", "pending", "canceled"}
    objects = [event["data"]["object"] for event in webhooks]
    assert any(o["object"] == "customer" and not o["metadata"] for o in objects)
    subscriptions = [o for o in objects if o["object"] == "subscription"]
    assert any(s["cancel_at"] and not s["ended_at"] for s in subscriptions)
    assert any(s["pause_collection"] for s in subscriptions)
    prices = [item["price"] for s in subscriptions for item in s["items"]["data"]]
    assert {p["recurring"]["usage_type"] for p in prices} == {"licensed", "metered"}
    assert any(p["transform_quantity"] for p in prices) and any(p["unit_amount"] is None for p in prices)
    assert {event["api_version"] for event in webhooks} == {stripe.BEFORE_BASIL, stripe.BASIL}


def test_an_account_that_returned_has_a_second_customer(company: Company) -> None:
    accounts = Counter(c.account for c in stripe_billing.customers(company) if c.livemode and c.account)
    returned = company.tables["subscriptions"].query("subscription_id.str.endswith('-2')")["account_id"]
    assert {account for account, count in accounts.items() if count > 1} == set(returned) != set()


def test_discounts_may_be_ids_whose_coupon_is_in_another_event(written: Written) -> None:
    events = lines(written(stripe, expanded=False) / stripe.EVENTS_FILE)
    ids = {d for e in events for d in e["data"]["object"].get("discounts", []) if isinstance(d, str)}
    created = {e["data"]["object"]["id"] for e in events if e["type"] == "customer.discount.created"}
    assert ids and ids <= created


def test_the_same_seed_writes_the_same_bytes(company: Company, written: Written, tmp_path: Path) -> None:
    for vendor in (stripe,):
        vendor.write(company, tmp_path / "again")
        for path in sorted(written(vendor).iterdir()):
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
