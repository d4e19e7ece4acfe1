"""Stripe's view of a company: customers, the states of every subscription, invoices, charges, refunds and cards.

The modules stripe, stripe_api and stripe_fivetran write this view in three formats. All times are whole seconds since
1970, as Stripe has no finer ones; all amounts are minor units of the account's own currency. Noise that no connector
may take for a subscription is in `noise_subscriptions`, noise among the invoices in `noise_invoices`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from tests.features.connectors.company.company import Company, in_minor_units, unix, whole_minor_units
from tests.features.connectors.company.files import vendor_id

DAY = 86_400
TRIAL_DAYS = 14
NO_METADATA_SHARE = 0.03  # of customers: only the domain of their e-mail address tells the account
TRIAL_SHARE = 0.1  # of subscriptions: began with a trial
TAXED_SHARE = 0.05  # of accounts: their invoices and charges hold 20 % tax on top
TAX = Decimal("0.2")
REASONS = {
    "cancelled": "cancellation_requested",
    "merged": "cancellation_requested",
    "payment_failed": "payment_failed",
}
RETRIES = (60, 3 * DAY + 3600, 7 * DAY + 3600, 14 * DAY + 3600)  # seconds after an invoice


@dataclass(frozen=True)
class Customer:
    """A Stripe customer; an account that returned has a second one. `account` is None for a stranger."""

    id: str
    account: str | None
    email: str
    name: str
    created: int
    has_metadata: bool
    livemode: bool = True


@dataclass(frozen=True)
class Coupon:
    """A coupon: percent off, or an amount off each bill in minor units. `duration`: forever, once or repeating."""

    id: str
    duration: str
    percent_off: float | None = None
    amount_off: int | None = None


@dataclass(frozen=True)
class Item:
    """One item of a subscription; `unit_amount` is per unit, or per `divide_by` units, and billing period.

    A metered item has no quantity.
    """

    id: str
    price: str
    product: str
    currency: str
    unit_amount: str
    interval: str
    interval_count: int
    quantity: int | None
    divide_by: int | None = None

    @property
    def amount(self) -> int:
        """Return what the item costs per billing period, in whole minor units."""
        count = self.quantity or 0
        return round(Decimal(self.unit_amount) * (-(-count // self.divide_by) if self.divide_by else count))


@dataclass(frozen=True)
class State:
    """A subscription as it stood at one moment."""

    id: str
    customer: str
    currency: str
    created: int
    items: tuple[Item, ...]
    status: str
    period_start: int
    period_end: int
    coupon: Coupon | None = None
    trial_end: int | None = None
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    reason: str | None = None
    comment: str | None = None
    is_paused_as_draft: bool = False
    livemode: bool = True
    note: str = ""


@dataclass(frozen=True)
class Change:
    """A new state of a subscription, and what Stripe calls the event: created, updated, deleted or trial_will_end."""

    at: int
    kind: str
    state: State


@dataclass(frozen=True)
class Line:
    """A line of an invoice: an item for a billing period; `amount` in minor units, before any coupon."""

    id: str
    item: Item
    amount: int
    start: int
    end: int


@dataclass(frozen=True)
class Invoice:
    """An invoice; `net` (what the lines cost, less the coupon) and `tax` in minor units.

    `status`: draft, open, paid or void.
    """

    id: str
    customer: str
    subscription: str
    currency: str
    created: int
    net: int
    tax: int
    status: str
    finalized: int | None = None
    due: int | None = None
    paid: int | None = None
    voided: int | None = None
    first_failed: int | None = None
    lines: tuple[Line, ...] = ()

    @property
    def subtotal(self) -> int:
        """Return the sum of the lines, in minor units."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True)
class Charge:
    """An attempt to pay; `status`: succeeded, failed or pending. `refunded`: minor units that were given back."""

    id: str
    customer: str
    invoice: str | None
    currency: str
    created: int
    amount: int
    status: str
    refund: str | None = None
    refunded: int = 0
    refunded_at: int | None = None


@dataclass(frozen=True)
class Card:
    """A payment method of type card."""

    id: str
    customer: str
    added: int
    exp_month: int
    exp_year: int
    removed: int | None


# --- customers -------------------------------------------------------------------------------


@cache
def stints(company: Company) -> pd.DataFrame:
    """Return one row per subscription id: its account, customer, whole seconds of begin and end, and the end's row."""
    rows = company.tables["subscriptions"].sort_values(["subscription_id", "started_at"])
    grouped = rows.groupby("subscription_id", sort=True)
    table = grouped.agg(account_id=("account_id", "first"), started_at=("started_at", "first")).reset_index()
    last = grouped.tail(1).set_index("subscription_id")
    table["ended_at"] = table["subscription_id"].map(last["ended_at"])
    table["customer"] = [vendor_id("cus_", each) for each in table["subscription_id"]]
    return table


@cache
def customers(company: Company) -> list[Customer]:
    """Return a customer per subscription of an account, three strangers, and one of test mode."""
    table, draw = stints(company), company.draw("stripe", "customers")
    accounts = company.accounts.set_index("account_id")
    shared = table["account_id"].map(accounts["domain_is_shared"]).to_numpy(bool)
    bare = draw.choice(np.flatnonzero(~shared), max(1, round(len(table) * NO_METADATA_SHARE)), replace=False)
    free_mail = set(draw.choice(len(table), max(1, len(table) // 12), replace=False)) - set(bare)
    found = []
    for number, row in enumerate(table.itertuples()):
        name, domain = accounts.at[row.account_id, "name"], accounts.at[row.account_id, "domain"]
        email = f"{domain.split('.')[0]}@gmail.com" if number in free_mail else f"billing@{domain}"
        created = unix(row.started_at) - (TRIAL_DAYS + 1) * DAY
        found.append(Customer(row.customer, row.account_id, email, name, created, number not in set(bare)))
    start = unix(company.first_day)
    strangers = ("somebody@gmail.com", "info@nobodyknows.com", "shop@outlook.com")
    found += [Customer(vendor_id("cus_", each), None, each, each, start, False) for each in strangers]
    test = found[0].account
    return [*found, Customer("cus_test00000001", test, "test@rivertide.com", "Test", start, True, livemode=False)]


# --- subscriptions ---------------------------------------------------------------------------


@cache
def subscription_changes(company: Company) -> list[list[Change]]:
    """Return the history of every real subscription, each in order of time, no two changes in the same second."""
    rows = company.tables["subscriptions"].sort_values(["subscription_id", "started_at"])
    bills, table = _bills(company), stints(company)
    kinds = ("trial", "shape", "yearly", "noise", "when")
    drawn = zip(*(company.chances(len(table), "stripe", kind) for kind in kinds), strict=True)
    customer = dict(zip(table["subscription_id"], table["customer"], strict=True))
    histories = []
    grouped = groupby(rows.itertuples(), key=lambda row: row.subscription_id)
    for (name, group), numbers in zip(grouped, drawn, strict=True):
        chances = dict(zip(kinds, numbers, strict=True))
        histories.append(_history(company, customer[name], list(group), bills.get(name, []), chances))
    return histories


def _history(
    company: Company, customer: str, rows: list[Any], bills: list[Any], chances: dict[str, float]
) -> list[Change]:
    """Return the states of one subscription: begin, new prices, renewals, failed and recovered payments, end."""
    first, last = rows[0], rows[-1]
    begin, currency = unix(first.started_at), company.currency_of[first.account_id]
    has_trial = chances["trial"] < TRIAL_SHARE
    state = State(
        vendor_id("sub_", first.subscription_id), customer, currency, begin - has_trial * TRIAL_DAYS * DAY,
        (), "active", begin, begin, trial_end=begin if has_trial else None,
    )  # fmt: skip
    moments = sorted(_moments(company, rows, bills, chances), key=lambda moment: moment[0])
    changes: list[Change] = []
    for at, changed in moments:
        state = replace(state, **changed)
        if not changes and has_trial:
            changes += _trial(state)
        changes.append(Change(at, "updated" if changes else "created", state))
    if last.end_reason != "changed" and pd.notna(last.ended_at):
        changes = [each for each in changes if each.at < unix(last.ended_at)]
        at, ended = unix(last.end_recorded_at), unix(last.ended_at)
        state = replace(
            changes[-1].state, status="canceled", canceled_at=ended, ended_at=ended, reason=REASONS[last.end_reason],
            comment="merged into another account" if last.end_reason == "merged" else None,
        )  # fmt: skip
        changes.append(Change(at, "deleted", state))
    return changes


def _trial(state: State) -> list[Change]:
    trial = replace(state, status="trialing", period_start=state.created, period_end=state.trial_end or 0)
    return [
        Change(state.created, "created", trial),
        Change(state.period_start - 3 * DAY, "trial_will_end", trial),
    ]


def _moments(
    company: Company, rows: list[Any], bills: list[Any], chances: dict[str, float]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield when a subscription changed, and which fields of its state then changed, in no order."""
    starts = {unix(row.started_at) for row in rows}
    for row in rows:
        at, months = unix(row.started_at), int(row.term_months)
        is_old = row.started_at < company.first_day  # its canonical renewal is the first within the history
        end = unix(later(row.started_at, months) if is_old else row.renews_at)
        yield (
            at,
            {
                "items": _items(company, row, chances),
                "coupon": _coupon(company, row) or _passing_coupon(row, chances),
                "period_start": at,
                "period_end": end,
            },
        )
    for bill in bills:
        issued = unix(bill.issued_at)
        months = int(next(row for row in reversed(rows) if row.started_at <= bill.issued_at).term_months)
        if issued not in starts:
            yield issued, {"period_start": issued, "period_end": unix(later(bill.issued_at, months))}
        if bill.has_failed:
            yield issued + 60, {"status": "past_due"}
            if pd.notna(bill.paid_at):
                yield unix(bill.paid_at), {"status": "active"}
    yield from _harmless(company, rows, chances)


def _harmless(company: Company, rows: list[Any], chances: dict[str, float]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield changes that change nothing: a cancellation taken back, a pause that keeps drafts, a note."""
    row = rows[int(chances["when"] * len(rows))]
    ended = row.ended_at if pd.notna(row.ended_at) else company.end
    begin = max(row.started_at, company.first_day)
    if ended - begin < pd.Timedelta(days=12) or chances["noise"] > 0.12:
        return
    at = unix(begin + (ended - begin) * 0.5) // DAY * DAY + 47_111
    if chances["noise"] < 0.04:
        yield at, {"cancel_at": unix(later(begin, int(row.term_months))), "canceled_at": at}
        yield at + 2 * DAY, {"cancel_at": None, "canceled_at": None}
    elif chances["noise"] < 0.07:
        yield at, {"is_paused_as_draft": True}
        yield at + DAY, {"is_paused_as_draft": False}
    else:
        yield at, {"note": "called on the phone"}


def later(time: pd.Timestamp, months: int) -> pd.Timestamp:
    """Return a time so many months later; days 29 to 31 become the 28th, as this company bills."""
    month = time.to_period("M").to_timestamp() + pd.DateOffset(months=months)
    return month + pd.Timedelta(days=min(time.day, 28) - 1) + (time - time.normalize())


def _items(company: Company, row: Any, chances: dict[str, float]) -> tuple[Item, ...]:
    """Return the items that cost `mrr + discount` a month: one price per seat, two prices, or packs of five seats."""
    months, seats, currency = int(row.term_months), int(row.seats), company.currency_of[row.account_id]
    gross = in_minor_units(Decimal(str(row.mrr)) + Decimal(str(row.discount)), currency, months)
    interval = ("month", months) if months == 1 or chances["yearly"] < 0.3 else ("year", 1)
    product, name = f"prod_{row.plan}", row.subscription_id
    if chances["shape"] < 0.12:
        priced = [("pack", gross / -(-seats // 5), seats, 5)]
    elif chances["shape"] < 0.3 and seats > 1:
        light = seats // 3 or 1
        unit = gross / (Decimal(seats - light) + Decimal(light) / 2)
        priced = [("full", unit, seats - light, None), ("light", unit / 2, light, None)]
    else:
        priced = [("seat", gross / seats, seats, None)]
    items = [
        Item(
            vendor_id("si_", f"{name} {label}"), vendor_id("price_", f"{product} {unit} {currency} {interval}"),
            product, currency, as_decimal(unit), *interval, quantity, divide_by,
        )
        for label, unit, quantity, divide_by in priced
    ]  # fmt: skip
    if 0.3 <= chances["shape"] < 0.4:
        metered = ("price_calls" + currency + "".join(map(str, interval)), "prod_calls", currency, "5", *interval, None)
        items.append(Item(vendor_id("si_", f"{name} metered"), *metered))
    return tuple(items)


def as_decimal(amount: Decimal) -> str:
    """Return an amount with at most twelve decimals and no trailing zeros, as in `unit_amount_decimal`."""
    text = f"{amount:.12f}"
    return text.rstrip("0").rstrip(".")


def _coupon(company: Company, row: Any) -> Coupon | None:
    """Return the coupon for ever that takes the row's discount off: percent where that is exact, else an amount."""
    if not row.discount:
        return None
    months, currency = int(row.term_months), company.currency_of[row.account_id]
    gross, percent = row.mrr + row.discount, round(100 * row.discount / (row.mrr + row.discount), 2)
    if abs(gross * percent / 100 - row.discount) < 0.004:
        return Coupon(f"OFF{percent:g}", "forever", percent_off=percent)
    return Coupon(
        vendor_id("coupon_", row.subscription_id, 8), "forever",
        amount_off=round(in_minor_units(row.discount, currency, months)),
    )  # fmt: skip


def _passing_coupon(row: Any, chances: dict[str, float]) -> Coupon | None:
    """Return a coupon that does not last, which MRR leaves out."""
    if chances["noise"] > 0.97:
        return Coupon("WELCOME50", "once", percent_off=50.0)
    return Coupon("SPRING20", "repeating", percent_off=20.0) if chances["noise"] > 0.95 else None


def noise_subscriptions(company: Company) -> list[list[Change]]:
    """Return histories that are no subscription of an account: trials that were cancelled, first payments that never
    came (incomplete_expired), test mode, and customers of no account.
    """
    histories = list[list[Change]]()
    table = stints(company)
    table = table[table["started_at"] >= company.first_day + pd.Timedelta(days=40)].reset_index(drop=True)
    real = {history[0].state.id: history for history in subscription_changes(company)}
    chances = company.chances(len(table), "stripe", "noise subscriptions")
    for number, (row, chance) in enumerate(zip(table.itertuples(), chances, strict=True)):
        state = real[vendor_id("sub_", row.subscription_id)][-1].state
        begin = unix(row.started_at) - 36 * DAY + 1000 + number
        if chance < 0.12:
            histories.append(_cancelled_trial(_unlike(state, f"trial {row.subscription_id}"), begin))
        elif chance < 0.2:
            histories.append(_never_paid(_unlike(state, f"incomplete {row.subscription_id}"), begin))
    people = {customer.id: customer for customer in customers(company)}
    others = [each for each in people.values() if each.account is None or not each.livemode]
    template = next(history[-1].state for history in real.values() if history[-1].state.status == "active")
    for customer in others:
        at = customer.created + 5 * DAY
        state = replace(_unlike(template, customer.id), customer=customer.id, livemode=customer.livemode)
        state = replace(state, created=at, period_start=at, period_end=at + 30 * DAY, trial_end=None)
        histories.append([Change(at, "created", replace(state, status="active"))])
    return histories


def _unlike(state: State, name: str) -> State:
    """Return the state under ids of its own, as if it had never begun or ended."""
    items = tuple(replace(item, id=vendor_id("si_", f"{name} {item.id}")) for item in state.items)
    cleared = dict.fromkeys(("cancel_at", "canceled_at", "ended_at", "reason", "comment", "coupon"))
    return replace(state, id=vendor_id("sub_", name), items=items, is_paused_as_draft=False, note="", **cleared)


def _cancelled_trial(state: State, begin: int) -> list[Change]:
    end, stopped = begin + TRIAL_DAYS * DAY, begin + 6 * DAY
    trial = replace(state, created=begin, status="trialing", period_start=begin, period_end=end, trial_end=end)
    gone = replace(trial, status="canceled", canceled_at=stopped, ended_at=stopped, reason="cancellation_requested")
    return [Change(begin, "created", trial), Change(stopped, "deleted", gone)]


def _never_paid(state: State, begin: int) -> list[Change]:
    open_ = replace(state, created=begin, status="incomplete", period_start=begin, period_end=begin + 30 * DAY)
    expired = replace(open_, status="incomplete_expired", ended_at=begin + 23 * 3600)
    return [Change(begin, "created", open_), Change(begin + 23 * 3600, "updated", expired)]


# --- invoices, charges, cards ----------------------------------------------------------------


def _with_subscription(company: Company, rows: pd.DataFrame, time: str) -> pd.DataFrame:
    """Return the rows with the account's subscription that began last at or before a time column, and its customer."""
    begun = stints(company).drop(columns="ended_at").sort_values("started_at")
    rows = rows.sort_values(time, kind="stable")
    return pd.merge_asof(rows, begun, left_on=time, right_on="started_at", by="account_id").drop(columns="started_at")


@cache
def _invoices_with_attempts(company: Company) -> pd.DataFrame:
    """Return the invoices with `has_failed`: their first attempt to pay failed."""
    rows = _with_subscription(company, company.tables["invoices"], "issued_at")
    payments = company.tables["payments"]
    failed = payments[~payments["succeeded"]]
    failed_at = set(zip(failed["account_id"], failed["attempted_at"], strict=True))
    first = rows["issued_at"] + pd.Timedelta(seconds=60)
    return rows.assign(has_failed=[each in failed_at for each in zip(rows["account_id"], first, strict=True)])


@cache
def _bills(company: Company) -> dict[str, list[Any]]:
    """Return the invoices of each subscription id, in order of time."""
    rows = sorted(_invoices_with_attempts(company).itertuples(), key=lambda row: (row.subscription_id, row.issued_at))
    return {name: list(group) for name, group in groupby(rows, key=lambda row: row.subscription_id)}


@cache
def taxed_accounts(company: Company) -> frozenset[str]:
    """Return the accounts whose invoices and charges hold tax."""
    chances = np.array(company.chances(len(company.accounts), "stripe", "tax"))
    return frozenset(company.accounts["account_id"][chances < TAXED_SHARE])


def tax_of(net: int, account: str, taxed: frozenset[str]) -> int:
    """Return the tax on a net amount in minor units."""
    return round(net * TAX) if account in taxed else 0


@cache
def invoices(company: Company, *, due_dates: bool = True) -> list[Invoice]:
    """Return the invoices of the canonical table; without `due_dates`, those that a card pays at once have none."""
    taxed = taxed_accounts(company)
    by_card = frozenset() if due_dates else frozenset(company.tables["cards"]["account_id"])
    histories = {history[0].state.id: history for history in subscription_changes(company)}
    found = []
    for row in _invoices_with_attempts(company).itertuples():
        currency, issued = company.currency_of[row.account_id], unix(row.issued_at)
        net, is_paid = whole_minor_units(row.amount, currency), pd.notna(row.paid_at)
        found.append(
            Invoice(
                vendor_id("in_", row.invoice_id), row.customer, vendor_id("sub_", row.subscription_id), currency,
                issued - 3600, net, tax_of(net, row.account_id, taxed), "paid" if is_paid else "open", issued,
                due=None if row.account_id in by_card else unix(row.due_at),
                paid=unix(row.paid_at) if is_paid else None,
                first_failed=issued + 60 if row.has_failed else None,
                lines=_lines(row.invoice_id, issued, histories[vendor_id("sub_", row.subscription_id)]),
            )
        )  # fmt: skip
    return found


def _lines(name: str, issued: int, history: list[Change]) -> tuple[Line, ...]:
    """Return a line per licensed item of the subscription as it stood when the invoice was sent."""
    state = next(change.state for change in reversed(history) if change.at <= issued)
    return tuple(
        Line(vendor_id("il_", f"{name} {item.id}"), item, item.amount, state.period_start, state.period_end)
        for item in state.items
        if item.quantity is not None
    )


def noise_invoices(company: Company) -> list[Invoice]:
    """Return drafts, invoices voided after they were sent, and invoices of trials, whose total is zero."""
    found, real = list[Invoice](), invoices(company)
    for invoice, chance in zip(real, company.chances(len(real), "stripe", "invoices"), strict=True):
        at = (invoice.finalized or 0) + 2 * DAY
        extra = replace(invoice, created=at, tax=0, due=None, paid=None, first_failed=None, finalized=None)
        if chance < 0.01:
            found.append(replace(extra, id=vendor_id("in_", f"draft {invoice.id}"), status="draft"))
        elif chance < 0.02:
            void = replace(extra, id=vendor_id("in_", f"void {invoice.id}"), status="void", due=at + 14 * DAY)
            found.append(replace(void, finalized=at + 3600, voided=at + 5 * DAY))
    for history in subscription_changes(company):
        if history[0].state.status == "trialing":
            state = history[0].state
            found.append(
                Invoice(
                    vendor_id("in_", f"trial {state.id}"), state.customer, state.id, state.currency, state.created,
                    0, 0, "paid", state.created, paid=state.created,
                )
            )  # fmt: skip
    return found


def charges(company: Company) -> list[Charge]:
    """Return the charges of the canonical payments; one in a hundred that succeeded is refunded in part."""
    taxed = taxed_accounts(company)
    rows = _with_subscription(company, company.tables["payments"], "attempted_at")
    invoice = _invoice_of_payment(company)
    found = []
    for row, chance in zip(rows.itertuples(), company.chances(len(rows), "stripe", "charges"), strict=True):
        currency, at = company.currency_of[row.account_id], unix(row.attempted_at)
        net = whole_minor_units(row.amount, currency)
        owed = invoice.get((row.account_id, row.attempted_at))
        charge = Charge(
            vendor_id("ch_", row.payment_id), row.customer, owed, currency, at,
            net + tax_of(net, row.account_id, taxed), "succeeded" if row.succeeded else "failed",
        )  # fmt: skip
        refunded_at = at + 3 * DAY
        if row.succeeded and chance < 0.01 and refunded_at < unix(company.end):
            back = whole_minor_units(10, currency)
            charge = replace(charge, refund=vendor_id("re_", charge.id), refunded=back, refunded_at=refunded_at)
        found.append(charge)
    return found


def pending_charges(company: Company) -> list[Charge]:
    """Return charges that never got beyond pending, which are noise."""
    real = charges(company)
    chances = company.chances(len(real), "stripe", "pending")
    chosen = [charge for charge, chance in zip(real, chances, strict=True) if chance < 0.01]
    return [
        replace(each, id=vendor_id("ch_", f"pending {each.id}"), invoice=None, status="pending",
                created=each.created + 77, refund=None, refunded=0, refunded_at=None)
        for each in chosen
    ]  # fmt: skip


def _invoice_of_payment(company: Company) -> dict[tuple[str, pd.Timestamp], str]:
    """Return the invoice that an attempt pays, by account and time: at its payment, or at the times of a retry."""
    found = {}
    for row in company.tables["invoices"].itertuples():
        for seconds in RETRIES:
            found[row.account_id, row.issued_at + pd.Timedelta(seconds=seconds)] = vendor_id("in_", row.invoice_id)
    for row in company.tables["invoices"].itertuples():
        if pd.notna(row.paid_at):
            found[row.account_id, row.paid_at] = vendor_id("in_", row.invoice_id)
    return found


def cards(company: Company) -> list[Card]:
    """Return the payment cards; a card that expires on 2027-06-01 reads 05/27."""
    rows = _with_subscription(company, company.tables["cards"], "added_at")
    first = stints(company).drop_duplicates("account_id").set_index("account_id")["customer"]
    found = []
    for row in rows.itertuples():
        printed = row.expires_at - pd.Timedelta(days=1)
        removed = unix(row.removed_at) if pd.notna(row.removed_at) else None
        customer = row.customer if pd.notna(row.customer) else first[row.account_id]
        found.append(
            Card(vendor_id("pm_", row.card_id), customer, unix(row.added_at), printed.month, printed.year, removed)
        )
    return found
