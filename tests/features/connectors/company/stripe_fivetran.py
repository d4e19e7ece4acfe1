"""Writes Stripe's tables as Fivetran makes them: history of subscriptions, the present of everything else.

The same company and noise as in module stripe. Files, as CSV: `stripe_subscription_history.csv` (one row per state,
[_fivetran_start, _fivetran_end), the last one active), `stripe_subscription_item.csv` (today's items), `price`,
`product`, `customer`, `invoice`, `invoice_line_item`, `charge`, `refund`, `coupon`, `subscription_discount`,
`payment_method`, `card`; and `rates.csv`. Times are UTC, to the second. Amounts are minor units.

What can come back: stripe_expected's invoices, payments, refunds and cards; begin, end and states of each
subscription, but its price over time only from the lines of its invoices, and not before the first bill in the
history. There are no `cancellation_details` (the last charge before an involuntary end failed), and no
`current_period_end` of the past other than in the history. Rows that were deleted at Stripe stay, with
`_fivetran_deleted` or `is_deleted`: the tables of customers and cards hold some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import stripe
from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, dumped, vendor_id, write_csv
from tests.features.connectors.company.stripe_api import present
from tests.features.connectors.company.stripe_billing import (
    Change,
    Charge,
    Customer,
    Invoice,
    Item,
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

FOR_EVER = "9999-12-31 23:59:59"


def write(company: Company, folder: Path, *, due_dates: bool = True) -> None:
    """Write the tables; `due_dates` as in module stripe."""
    histories = [*subscription_changes(company), *noise_subscriptions(company)]
    states = [present(company, history) for history in histories]
    synced = _time(unix(company.end))
    every = [*invoices(company, due_dates=due_dates), *noise_invoices(company)]
    tried = [*charges(company), *pending_charges(company)]
    items = [(state, item) for state in states for item in state.items]
    tables: dict[str, Iterable[Json]] = {
        "subscription_history": (row for each in histories for row in _history(each, unix(company.end))),
        "subscription_item": (_item(state, item) for state, item in items),
        "price": {item.price: _price(item) for item in _every_item(histories)}.values(),
        "product": ({"id": each, "name": name, "active": True, "type": "service", "is_deleted": False, "livemode": True}
                    for each, name in stripe.PRODUCTS.items()),
        "customer": (_customer(each) for each in [*customers(company), DELETED]),
        "invoice": (_invoice(each) for each in every),
        "invoice_line_item": (row for each in every for row in _lines(each)),
        "charge": (_charge(each) for each in tried),
        "refund": (_refund(each) for each in tried if each.refund),
        "coupon": {each.coupon.id: _coupon(each) for each in states if each.coupon}.values(),
        "subscription_discount": (_discount(each) for each in states if each.coupon),
        "payment_method": _payment_methods(company),
        "card": _cards(company),
    }  # fmt: skip
    for name, rows in tables.items():
        found = [{**row, "_fivetran_synced": synced} for row in rows]
        if found:  # Fivetran makes no table without rows
            write_csv(folder / f"stripe_{name}.csv", list(found[0]), (_as_csv(row) for row in found))
    stripe.write_rates(folder)


DELETED = Customer("cus_deleted00001", None, "gone@nobodyknows.com", "Gone", 1_672_531_200, False)


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else pd.Timestamp(seconds, unit="s").strftime("%Y-%m-%d %H:%M:%S")


def _as_csv(row: Json) -> Json:
    """Return a row with true and false as Fivetran's files have them."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()}


def _history(history: list[Change], end: int) -> Iterator[Json]:
    """Yield a row per state of a subscription; two states never overlap."""
    changes = [change for change in history if change.at < end and change.kind != "trial_will_end"]
    for change, following in zip_longest(changes, changes[1:]):
        state = change.state
        yield {
            "id": state.id, "_fivetran_start": _time(change.at),
            "_fivetran_end": FOR_EVER if following is None else _time(following.at),
            "_fivetran_active": following is None, "billing_cycle_anchor": _time(state.created),
            "cancel_at": _time(state.cancel_at), "cancel_at_period_end": state.cancel_at is not None,
            "canceled_at": _time(state.canceled_at), "created": _time(state.created),
            "current_period_end": _time(state.period_end), "current_period_start": _time(state.period_start),
            "customer_id": state.customer, "days_until_due": 14, "ended_at": _time(state.ended_at),
            "livemode": state.livemode, "metadata": dumped({"note": state.note} if state.note else {}),
            "pause_collection_behavior": "keep_as_draft" if state.is_paused_as_draft else None,
            "start_date": _time(state.created), "status": state.status, "trial_end": _time(state.trial_end),
            "trial_start": _time(state.created if state.trial_end else None),
        }  # fmt: skip


def _every_item(histories: list[list[Change]]) -> Iterator[Item]:
    """Yield the items of all states, as prices of the past stay in the table of prices."""
    return (item for history in histories for change in history for item in change.state.items)


def _item(state: State, item: Item) -> Json:
    return {
        "id": item.id, "subscription_id": state.id, "plan_id": item.price, "price_id": item.price,
        "quantity": item.quantity, "created": _time(state.created), "metadata": "{}",
        "current_period_start": _time(state.period_start), "current_period_end": _time(state.period_end),
    }  # fmt: skip


def _price(item: Item) -> Json:
    return {
        "id": item.price, "active": True, "billing_scheme": "per_unit", "created": "2020-01-01 00:00:00",
        "currency": item.currency.lower(), "is_deleted": False, "livemode": True, "nickname": None,
        "product_id": item.product, "recurring_interval": item.interval,
        "recurring_interval_count": item.interval_count,
        "recurring_usage_type": "metered" if item.quantity is None else "licensed", "tiers_mode": None,
        "transform_quantity_divide_by": item.divide_by, "transform_quantity_round": "up" if item.divide_by else None,
        "type": "recurring", "unit_amount": None if "." in item.unit_amount else item.unit_amount,
        "unit_amount_decimal": item.unit_amount,
    }  # fmt: skip


def _customer(customer: Customer) -> Json:
    object_ = stripe.customer_object(customer)
    return {
        "id": customer.id, "created": _time(customer.created), "currency": None, "delinquent": False,
        "description": None, "email": customer.email, "is_deleted": customer is DELETED,
        "livemode": customer.livemode, "metadata": dumped(object_["metadata"]), "name": customer.name,
    }  # fmt: skip


def _invoice(invoice: Invoice) -> Json:
    total, is_paid = invoice.net + invoice.tax, invoice.status == "paid"
    return {
        "id": invoice.id, "amount_due": total, "amount_paid": total if is_paid else 0,
        "amount_remaining": 0 if is_paid else total, "billing_reason": "subscription_cycle",
        "created": _time(invoice.created), "currency": invoice.currency.lower(), "customer_id": invoice.customer,
        "due_date": _time(invoice.due), "is_deleted": False, "livemode": True, "metadata": "{}", "paid": is_paid,
        "status": invoice.status, "status_transitions_finalized_at": _time(invoice.finalized),
        "status_transitions_marked_uncollectible_at": None, "status_transitions_paid_at": _time(invoice.paid),
        "status_transitions_voided_at": _time(invoice.voided), "subscription_id": invoice.subscription,
        "subtotal": invoice.subtotal, "tax": invoice.tax or None, "total": total,
    }  # fmt: skip


def _lines(invoice: Invoice) -> Iterator[Json]:
    for line in invoice.lines:
        yield {
            "id": line.id, "invoice_id": invoice.id, "amount": line.amount, "currency": invoice.currency.lower(),
            "description": None, "discountable": True, "livemode": True, "metadata": "{}",
            "period_start": _time(line.start), "period_end": _time(line.end), "plan_id": line.item.price,
            "price_id": line.item.price, "proration": False, "quantity": line.item.quantity,
            "subscription_id": invoice.subscription, "subscription_item_id": line.item.id, "type": "subscription",
        }  # fmt: skip


def _charge(charge: Charge) -> Json:
    has_failed = charge.status == "failed"
    return {
        "id": charge.id, "amount": charge.amount, "amount_refunded": charge.refunded, "captured": not has_failed,
        "created": _time(charge.created), "currency": charge.currency.lower(), "customer_id": charge.customer,
        "failure_code": "card_declined" if has_failed else None, "invoice_id": charge.invoice, "livemode": True,
        "metadata": "{}", "paid": charge.status == "succeeded", "refunded": False, "status": charge.status,
    }  # fmt: skip


def _refund(charge: Charge) -> Json:
    return {
        "id": charge.refund, "amount": charge.refunded, "charge_id": charge.id, "created": _time(charge.refunded_at),
        "currency": charge.currency.lower(), "metadata": "{}", "reason": "requested_by_customer", "status": "succeeded",
    }  # fmt: skip


def _coupon(state: State) -> Json:
    coupon = stripe.discount_object(state, state.coupon)["coupon"] if state.coupon else {}
    return {name: value for name, value in coupon.items() if name not in ("object", "metadata")}


def _discount(state: State) -> Json:
    coupon = state.coupon.id if state.coupon else None
    return {
        "id": vendor_id("di_", f"{state.id} {coupon}"), "coupon_id": coupon, "customer_id": state.customer, "end": None,
        "start": _time(state.created), "subscription_id": state.id,
    }  # fmt: skip


def _payment_methods(company: Company) -> Iterator[Json]:
    for card in cards(company):
        yield {
            "id": card.id, "created": _time(card.added), "type": "card", "livemode": True, "metadata": "{}",
            "customer_id": None if card.removed else card.customer,
        }  # fmt: skip


def _cards(company: Company) -> Iterator[Json]:
    for card in cards(company):
        yield {
            "id": card.id, "brand": "visa", "created": _time(card.added), "customer_id": card.customer,
            "exp_month": card.exp_month, "exp_year": card.exp_year, "funding": "credit",
            "is_deleted": card.removed is not None, "last_4": "4242", "metadata": "{}",
        }  # fmt: skip
