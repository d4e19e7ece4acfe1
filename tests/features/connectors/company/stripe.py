"""Writes Stripe's webhooks archive: every event that Stripe sent, one JSON object per line.

From the canonical tables: subscriptions, invoices, payments, cards, and the account of each customer. Files:
`stripe_events.jsonl`, and `rates.csv` (EUR per unit of the currencies that a tenth of the accounts pay in).
The first 60 % of the history have the form before 2025-03-31.basil (`current_period_end` of the subscription, one
`discount`, `charge.invoice`), the rest the form since (`items.data[].current_period_end`, `discounts`, none).

Noise that must not come back: events delivered twice (3 %) and out of order (5 %), renewals without change, trials
that were cancelled, incomplete_expired, test mode, metered items, past_due and active again, cancellations taken back,
pauses that keep drafts, coupons that do not last, draft, void and zero-total invoices, pending charges, customers of
no account. 3 % of the customers have no metadata, so that only the domain of their e-mail address tells the account;
a returned account has a second customer; one customer in twelve has a gmail address (and metadata).

What cannot come back: parts of a second; whether an end was a merge; the due date of
invoices that a card pays at once, where `due_dates` is False; payments of taxed accounts hold the tax
(module stripe_expected). Refunds and voided invoices are more than the canonical tables have (`expected_refunds`,
`expected_void_invoices`). An announced end does not occur: `end_recorded_at` is the time of the deleted event, which
for late cancellations is days after `ended_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.features.connectors.company.company import PER_EURO, Company, unix
from tests.features.connectors.company.files import Json, dumped, vendor_id, write_csv, write_lines
from tests.features.connectors.company.stripe_billing import (
    Card,
    Change,
    Charge,
    Coupon,
    Customer,
    Invoice,
    Item,
    Line,
    State,
    cards,
    charges,
    customers,
    invoices,
    noise_invoices,
    noise_subscriptions,
    pending_charges,
    subscription_changes,
)

EVENTS_FILE, RATES_FILE = "stripe_events.jsonl", "rates.csv"
BEFORE_BASIL, BASIL = "2022-11-15", "2025-03-31.basil"
BASIL_FROM = 0.6  # share of the history after which the account has the newer version of the API
PRODUCTS = {"prod_starter": "starter", "prod_team": "team", "prod_business": "business", "prod_calls": "API calls"}
TWICE, LATE = 0.03, 0.05  # shares of the events that are delivered twice, and out of order


def write(company: Company, folder: Path, *, due_dates: bool = True, expanded: bool = True) -> None:
    """Write the archive. `due_dates`: every invoice has one, as if all subscriptions were `send_invoice`.

    `expanded`: since basil, `discounts` holds whole discounts; else their ids, as Stripe sends them, and the coupon is
    in the event `customer.discount.created` alone.
    """
    cut = unix(company.first_day + (company.end - company.first_day) * BASIL_FROM)
    events = list(_events(company, cut, due_dates=due_dates, expanded=expanded))
    events = [each for each in events if each[0] < unix(company.end)]
    events.sort(key=lambda event: event[0])  # stable: in order of time, and then as written
    lines = [dumped(event) for _, event in events]
    write_lines(folder / EVENTS_FILE, _delivered(company, lines))
    write_rates(folder)


def write_rates(folder: Path) -> None:
    """Write the exchange rates, EUR per unit of each currency, which are valid at all times."""
    rates = [(currency, "2000-01-01", float(1 / rate)) for currency, rate in PER_EURO.items() if currency != "EUR"]
    write_csv(folder / RATES_FILE, ("currency", "valid_from", "rate"), rates)


def _delivered(company: Company, lines: list[str]) -> Iterator[str]:
    """Yield the lines as they were delivered: some twice, some a few hundred lines late."""
    draw = company.draw("stripe", "delivery")
    is_late, is_twice = draw.random(len(lines)) < LATE, draw.random(len(lines)) < TWICE
    places = np.arange(len(lines)) + np.where(is_late, draw.exponential(200, len(lines)), 0.0)
    deliveries = [(place, line) for place, line in zip(places, lines, strict=True)]
    deliveries += [(places[again] + draw.exponential(50), lines[again]) for again in np.flatnonzero(is_twice)]
    return (line for _, line in sorted(deliveries))


# --- events ----------------------------------------------------------------------------------


def _events(company: Company, cut: int, *, due_dates: bool, expanded: bool) -> Iterator[tuple[int, Json]]:
    """Yield the time and the object of every event."""
    for product, name in PRODUCTS.items():
        yield _event("product.created", unix(company.first_day), cut, product_object(product, name))
    for customer in customers(company):
        yield _event("customer.created", customer.created, cut, customer_object(customer), livemode=customer.livemode)
    for history in [*subscription_changes(company), *noise_subscriptions(company)]:
        yield from _subscription_events(history, cut, expanded)
    for invoice in [*invoices(company, due_dates=due_dates), *noise_invoices(company)]:
        yield from _invoice_events(invoice, cut)
    for charge in [*charges(company), *pending_charges(company)]:
        yield from _charge_events(charge, cut)
    for card in cards(company):
        yield _event("payment_method.attached", card.added, cut, card_object(card))
        if card.removed is not None:
            gone = {**card_object(card), "customer": None}
            yield _event("payment_method.detached", card.removed, cut, gone, {"customer": card.customer})


def _event(
    kind: str, at: int, cut: int, object_: Json, previous: Json | None = None, *, livemode: bool = True
) -> tuple[int, Json]:
    data = {"object": object_} | ({"previous_attributes": previous} if previous else {})
    event = {
        "id": vendor_id("evt_1", f"{kind} {at} {object_['id']}", 22),
        "object": "event",
        "api_version": BASIL if at >= cut else BEFORE_BASIL,
        "created": at,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return at, event


def _subscription_events(history: list[Change], cut: int, expanded: bool) -> Iterator[tuple[int, Json]]:
    before: Json | None = None
    coupon: Coupon | None = None
    for change in history:
        state, is_basil = change.state, change.at >= cut
        if state.coupon is not None and state.coupon != coupon:
            discount = discount_object(state, state.coupon)
            yield _event("customer.discount.created", change.at, cut, discount, livemode=state.livemode)
        coupon = state.coupon
        now = subscription_object(state, basil=is_basil, expanded=expanded)
        previous = {key: before.get(key) for key in now if before.get(key) != now[key]} if before else None
        kind = f"customer.subscription.{change.kind}"
        is_update = change.kind == "updated"
        yield _event(kind, change.at, cut, now, previous if is_update else None, livemode=state.livemode)
        before = now


def _invoice_events(invoice: Invoice, cut: int) -> Iterator[tuple[int, Json]]:
    """Yield what happened to an invoice; each event holds the invoice as it stood then."""

    def event(kind: str, at: int, status: str) -> tuple[int, Json]:
        return _event(f"invoice.{kind}", at, cut, invoice_object(invoice, status, at, basil=at >= cut))

    is_tenth = invoice.id[-1] in "0a"
    if invoice.status == "draft" or is_tenth:
        yield event("created", invoice.created, "draft")
    if invoice.finalized is not None:
        yield event("finalized", invoice.finalized, "open" if invoice.net else "paid")
    if invoice.first_failed is not None:
        yield event("payment_failed", invoice.first_failed, "open")
    if invoice.paid is not None and invoice.net:
        yield event("paid", invoice.paid, "paid")
    if invoice.voided is not None:
        yield event("voided", invoice.voided, "void")


def _charge_events(charge: Charge, cut: int) -> Iterator[tuple[int, Json]]:
    is_basil = charge.created >= cut
    before = replace(charge, refunded=0)
    yield _event(f"charge.{charge.status}", charge.created, cut, charge_object(before, basil=is_basil))
    if charge.refunded_at is not None:
        is_basil = charge.refunded_at >= cut
        yield _event(
            "charge.refunded", charge.refunded_at, cut, charge_object(charge, basil=is_basil), {"amount_refunded": 0}
        )
        yield _event("refund.created", charge.refunded_at, cut, refund_object(charge))


# --- objects ---------------------------------------------------------------------------------


def product_object(product: str, name: str) -> Json:
    """Return a product; its name is the plan."""
    return {"id": product, "object": "product", "active": True, "livemode": True, "metadata": {}, "name": name,
            "type": "service", "unit_label": "seat"}  # fmt: skip


def customer_object(customer: Customer) -> Json:
    """Return a customer; the account is in its metadata, beside what the sales team noted."""
    metadata = {"account_id": customer.account, "sales_rep": "rep_7"} if customer.has_metadata else {}
    return {
        "id": customer.id, "object": "customer", "balance": 0, "created": customer.created, "currency": None,
        "delinquent": False, "description": None, "email": customer.email, "livemode": customer.livemode,
        "metadata": metadata, "name": customer.name, "tax_exempt": "none",
    }  # fmt: skip


def price_object(item: Item) -> Json:
    """Return the price of an item; `unit_amount` is null where the unit costs parts of a minor unit."""
    is_whole = "." not in item.unit_amount
    recurring = {
        "interval": item.interval, "interval_count": item.interval_count, "meter": None, "trial_period_days": None,
        "usage_type": "licensed" if item.quantity is not None else "metered",
    }  # fmt: skip
    return {
        "id": item.price, "object": "price", "active": True, "billing_scheme": "per_unit", "created": 1_577_836_800,
        "currency": item.currency.lower(), "livemode": True, "lookup_key": None, "metadata": {}, "nickname": None,
        "product": item.product, "recurring": recurring, "tiers_mode": None,
        "transform_quantity": {"divide_by": item.divide_by, "round": "up"} if item.divide_by else None,
        "type": "recurring", "unit_amount": int(item.unit_amount) if is_whole else None,
        "unit_amount_decimal": item.unit_amount,
    }  # fmt: skip


def discount_object(state: State, coupon: Coupon) -> Json:
    """Return the discount that applies a coupon to a subscription."""
    currency = state.currency.lower() if coupon.amount_off is not None else None
    of_coupon = {
        "id": coupon.id, "object": "coupon", "amount_off": coupon.amount_off, "currency": currency,
        "duration": coupon.duration, "duration_in_months": 3 if coupon.duration == "repeating" else None,
        "livemode": True, "metadata": {}, "name": coupon.id, "percent_off": coupon.percent_off, "valid": True,
    }  # fmt: skip
    return {
        "id": vendor_id("di_", f"{state.id} {coupon.id}"), "object": "discount", "coupon": of_coupon,
        "customer": state.customer, "end": None, "start": state.created, "subscription": state.id,
    }  # fmt: skip


def subscription_object(state: State, *, basil: bool, expanded: bool = True) -> Json:
    """Return a subscription in the form before basil, or since; `expanded`: with whole discounts since basil."""
    discount = discount_object(state, state.coupon) if state.coupon else None
    period = {"current_period_end": state.period_end, "current_period_start": state.period_start}
    items = [
        {"id": item.id, "object": "subscription_item", "created": state.created, "discounts": [], "metadata": {},
         "price": price_object(item), "subscription": state.id, **(period if basil else {}),
         **({} if item.quantity is None else {"quantity": item.quantity})}
        for item in state.items
    ]  # fmt: skip
    if basil:
        found = [] if discount is None else [discount if expanded else discount["id"]]
        by_version: Json = {"discounts": found}
    else:
        by_version = {"discount": discount, **period}
    return {
        "id": state.id, "object": "subscription", "application": None, "billing_cycle_anchor": state.created,
        "cancel_at": state.cancel_at, "cancel_at_period_end": state.cancel_at is not None,
        "canceled_at": state.canceled_at,
        "cancellation_details": {"comment": state.comment, "feedback": None, "reason": _reason(state)},
        "collection_method": "send_invoice", "created": state.created, "currency": state.currency.lower(),
        "customer": state.customer, "days_until_due": 14, "default_payment_method": None, "ended_at": state.ended_at,
        "items": {"object": "list", "data": items, "has_more": False, "total_count": len(items),
                  "url": f"/v1/subscription_items?subscription={state.id}"},
        "livemode": state.livemode, "metadata": {"note": state.note} if state.note else {},
        "pause_collection": {"behavior": "keep_as_draft", "resumes_at": None} if state.is_paused_as_draft else None,
        "schedule": None, "start_date": state.created, "status": state.status,
        "trial_end": state.trial_end,
        "trial_start": None if state.trial_end is None else state.created,
        **by_version,
    }  # fmt: skip


def _reason(state: State) -> str | None:
    return "cancellation_requested" if state.cancel_at is not None and state.ended_at is None else state.reason


def invoice_object(invoice: Invoice, status: str, at: int, *, basil: bool) -> Json:
    """Return an invoice as it stood at a time, in the form before basil or since."""
    is_paid, total = status == "paid", invoice.net + invoice.tax
    lines = [line_object(invoice, line, basil=basil) for line in invoice.lines]
    transitions = {
        "finalized_at": None if status == "draft" else invoice.finalized, "marked_uncollectible_at": None,
        "paid_at": (invoice.paid or at) if is_paid else None, "voided_at": invoice.voided if status == "void" else None,
    }  # fmt: skip
    if basil:
        parent = {"type": "subscription_details", "subscription_details": {"subscription": invoice.subscription}}
        by_version: Json = {"parent": parent, "total_taxes": [{"amount": invoice.tax}] if invoice.tax else []}
    else:
        by_version = {"charge": None, "paid": is_paid, "subscription": invoice.subscription, "tax": invoice.tax or None}
    return {
        "id": invoice.id, "object": "invoice", "amount_due": total, "amount_paid": total if is_paid else 0,
        "amount_remaining": 0 if is_paid else total, "attempt_count": int(at >= (invoice.first_failed or at + 1)),
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically" if invoice.due is None else "send_invoice",
        "created": invoice.created, "currency": invoice.currency.lower(), "customer": invoice.customer,
        "due_date": None if status == "draft" else invoice.due, "livemode": True, "metadata": {}, "status": status,
        "lines": {"object": "list", "data": lines, "has_more": False},
        "status_transitions": transitions, "subtotal": invoice.subtotal, "total": total,
        "total_excluding_tax": invoice.net, **by_version,
    }  # fmt: skip


def line_object(invoice: Invoice, line: Line, *, basil: bool) -> Json:
    """Return a line of an invoice, in the form before basil or since."""
    item = {"subscription": invoice.subscription, "subscription_item": line.item.id, "proration": False}
    if basil:
        price = {"price": line.item.price, "product": line.item.product}
        by_version: Json = {
            "parent": {"type": "subscription_item_details", "subscription_item_details": item},
            "pricing": {"type": "price_details", "price_details": price},
        }
    else:
        by_version = {"type": "subscription", "price": price_object(line.item), **item}
    return {
        "id": line.id, "object": "line_item", "amount": line.amount, "currency": invoice.currency.lower(),
        "invoice": invoice.id, "period": {"start": line.start, "end": line.end}, "quantity": line.item.quantity,
        **by_version,
    }  # fmt: skip


def charge_object(charge: Charge, *, basil: bool) -> Json:
    """Return a charge; since basil it names no invoice."""
    has_failed = charge.status == "failed"
    return {
        "id": charge.id, "object": "charge", "amount": charge.amount, "amount_captured": charge.amount,
        "amount_refunded": charge.refunded, "captured": not has_failed, "created": charge.created,
        "currency": charge.currency.lower(), "customer": charge.customer, "description": "Subscription update",
        "failure_code": "card_declined" if has_failed else None, "livemode": True, "metadata": {},
        "paid": charge.status == "succeeded", "payment_intent": vendor_id("pi_", charge.id),
        "refunded": charge.refunded == charge.amount, "status": charge.status,
        **({} if basil else {"invoice": charge.invoice}),
    }  # fmt: skip


def refund_object(charge: Charge) -> Json:
    """Return the refund of a charge."""
    return {
        "id": charge.refund, "object": "refund", "amount": charge.refunded, "charge": charge.id,
        "created": charge.refunded_at, "currency": charge.currency.lower(), "metadata": {},
        "reason": "requested_by_customer", "status": "succeeded",
    }  # fmt: skip


def card_object(card: Card) -> Json:
    """Return a payment method of type card."""
    details = {"brand": "visa", "country": "DE", "exp_month": card.exp_month, "exp_year": card.exp_year,
               "fingerprint": vendor_id("", card.id), "funding": "credit", "last4": "4242"}  # fmt: skip
    return {
        "id": card.id, "object": "payment_method", "billing_details": {"email": None}, "card": details,
        "created": card.added, "customer": card.customer, "livemode": True, "metadata": {}, "type": "card",
    }  # fmt: skip
