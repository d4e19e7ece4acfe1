"""Writes Stripe's objects as the API lists them today: pages of subscriptions, customers, invoices, charges and so on.

The same company and noise as in module stripe, but only the present: a subscription has today's price and today's
`current_period_end`, however long it has run; that it once cost less, and when a cancellation was known, is lost.
Files: `stripe_subscriptions-001.json` and so on, likewise `customers`, `products`, `invoices`, `charges`, `refunds`,
`payment_methods`, each {"object": "list", "url": …, "has_more": …, "data": […]} with PAGE objects; `rates.csv`.

What can come back: a row per subscription (`expected_subscriptions`), and all of stripe_expected's invoices, payments,
refunds and cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import stripe, stripe_expected
from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, dumped, write_lines
from tests.features.connectors.company.stripe_billing import (
    Change,
    Invoice,
    cards,
    charges,
    customers,
    invoices,
    noise_invoices,
    noise_subscriptions,
    pending_charges,
    subscription_changes,
)

PAGE = 100


def write(company: Company, folder: Path, *, due_dates: bool = True) -> None:
    """Write the pages; `due_dates` as in module stripe. Test mode has lists of its own, which are not written."""
    histories = [*subscription_changes(company), *noise_subscriptions(company)]
    states = [present(company, history) for history in histories]
    subscriptions = [stripe.subscription_object(state, basil=True) for state in states if state.livemode]
    _write_list(folder, "subscriptions", subscriptions)
    _write_list(folder, "customers", (stripe.customer_object(each) for each in customers(company) if each.livemode))
    _write_list(folder, "products", (stripe.product_object(*each) for each in stripe.PRODUCTS.items()))
    every = [*invoices(company, due_dates=due_dates), *noise_invoices(company)]
    _write_list(folder, "invoices", (_present_invoice(company, each) for each in every))
    tried = [*charges(company), *pending_charges(company)]
    _write_list(folder, "charges", (stripe.charge_object(each, basil=True) for each in tried))
    _write_list(folder, "refunds", (stripe.refund_object(each) for each in tried if each.refund))
    held = [stripe.card_object(each) | ({"customer": None} if each.removed else {}) for each in cards(company)]
    _write_list(folder, "payment_methods", held)
    stripe.write_rates(folder)


def present(company: Company, history: list[Change]) -> stripe.State:
    """Return the last state of a subscription within the history of the company."""
    return [change.state for change in history if change.at < unix(company.end)][-1]


def _present_invoice(company: Company, invoice: Invoice) -> Json:
    return stripe.invoice_object(invoice, invoice.status, unix(company.end), basil=True)


def _write_list(folder: Path, name: str, objects: Iterable[Json]) -> None:
    """Write a list as pages, the newest objects first, as the API does."""
    found = list(objects)[::-1]
    starts = range(0, len(found), PAGE)
    for number, start in enumerate(starts, start=1):
        page = {"object": "list", "url": f"/v1/{name}", "has_more": number < len(starts)}
        page["data"] = found[start : start + PAGE]
        write_lines(folder / f"stripe_{name}-{number:03}.json", [dumped(page)])


def expected_subscriptions(company: Company) -> pd.DataFrame:
    """Return one row per subscription: it began when its first row did, at the price of its last one.

    `renews_at` is what start and term say, not today's `current_period_end`; an end is known when it happened.
    """
    rows = stripe_expected.expected_subscriptions(company).sort_values(["subscription_id", "started_at"])
    first = rows.groupby("subscription_id")[["started_at", "recorded_at", "renews_at"]].first()
    last = rows.drop(columns=list(first)).groupby("subscription_id").tail(1).set_index("subscription_id")
    present_rows = last.join(first).reset_index()
    return present_rows.assign(end_recorded_at=present_rows["ended_at"])
