"""Subscriptions, invoices and payments as recorded, with failed cards, retries and late payments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    HOUR,
    NEVER,
    SECOND,
    account_ids,
    at,
    in_micros,
    known_before,
    numbered,
    same,
    timestamps,
    words,
)
from undertow.features.simulator.observe.journal import next_row
from undertow.features.simulator.state import MERGED, STAYED, Flags, Floats, Ints

PLANS = ("starter", "team", "business")
END_REASONS = ("changed", "cancelled", "payment_failed", "merged")
CHANGED = 0
RETRY_DAYS = (3, 7, 14)


@dataclass(frozen=True)
class _Periods:
    """Subscription periods, one per account and price: the account, the day it began (may be negative), its terms."""

    account: Ints
    day: Ints  # day in the history, -1 where it began before
    begun: Ints
    first: Flags  # the price at which the account signed up
    number: Ints  # which subscription of its account, from 1
    mrr: Floats
    seats: Ints
    renews_on: Ints


def subscriptions(world: World) -> pa.Table:
    """Return one row per subscription period: a time on one plan at one price."""
    p, static, periods = world.parameters, world.static, _periods(world)
    account, n = periods.account, len(periods.account)
    clock = static.clock[account] * SECOND
    started = periods.begun * DAY + clock
    ended, end_recorded, reason = _ends(world, periods, clock)
    ended = np.where(end_recorded == NEVER, NEVER, ended)
    discount = np.where(periods.first, static.discount[account], 0.0)
    return pa.table(
        {
            "account_id": account_ids(account),
            "subscription_id": pc.binary_join_element_wise(
                numbered("P-", account, 5), numbered("", periods.number, 1), "-"
            ),
            "started_at": timestamps(p, started),
            "recorded_at": timestamps(p, started),
            "ended_at": timestamps(p, ended),
            "end_reason": words(np.where(ended == NEVER, -1, reason), END_REASONS),
            "end_recorded_at": timestamps(p, end_recorded),
            "plan": words(np.searchsorted((4, 21), world.frozen[0].seats, "right")[account], PLANS),
            "mrr": np.round(periods.mrr, 2),
            "discount": np.round(periods.mrr * discount / (1.0 - discount), 2),
            "currency": same(n, "EUR"),
            "seats": periods.seats.astype(np.float64),
            "term_months": static.term[account].astype(np.float64),
            "renews_at": timestamps(p, periods.renews_on * DAY + clock),
        }
    )


def _periods(world: World) -> _Periods:
    """Return every subscription period, by account and then by day; each begins with a signup, return or new price."""
    j, first = world.journal, world.frozen[0]
    old = np.flatnonzero(world.static.signup_day < 0)
    row = np.flatnonzero(j.arrived | (j.repriced & j.present))
    account = np.concatenate([old, j.account[row]])
    day = np.concatenate([np.full(len(old), -1), j.day[row]])
    signed = np.concatenate([np.ones(len(old), np.int64), j.arrived[row].astype(np.int64)])
    mrr = np.concatenate([first.mrr[old], j.mrr[row]])
    seats = np.concatenate([first.seats[old], j.seats[row]])
    renews_on = np.concatenate([first.renews_on[old], j.renews_on[row]])
    order = np.lexsort((day, account))
    account, day = account[order], day[order]
    before = np.searchsorted(account, account)  # the account's first period
    signings = np.cumsum(signed[order])
    number = signings - signings[before] + 1
    return _Periods(
        account=account,
        day=day,
        begun=np.where(day < 0, world.static.signup_day[account], day),
        first=(before == np.arange(len(account))),
        number=number,
        mrr=mrr[order],
        seats=seats[order],
        renews_on=renews_on[order],
    )


def _ends(world: World, periods: _Periods, clock: Ints) -> tuple[Ints, Ints, Ints]:
    """Return when each period ended, when the end was recorded (NEVER: not yet), and the code of its reason."""
    j, account = world.journal, periods.account
    draw = draws(world.seed, "subscription", account, periods.day)
    changed = next_row(j, j.repriced & j.present, account, periods.day)
    lost = next_row(j, j.left != STAYED, account, periods.day - 1)
    changes = (changed >= 0) & ((lost < 0) | (changed <= lost))
    cause = j.left[lost]
    left_at = np.where(
        cause == MERGED, j.day[lost] * DAY + 12 * HOUR, at(j.day[lost], draw.uniform("hour", 20.5, 23.9))
    )
    ended = np.where(lost >= 0, left_at, NEVER)
    ended = np.where(changes, j.day[changed] * DAY + clock, ended)
    cancelled = (ended != NEVER) & ~changes & (cause != MERGED)
    late = cancelled & (draw.uniform("late") < world.parameters.late_cancellations)
    end_recorded = known_before(world, np.where(late, ended + in_micros(draw.uniform("wait", 24.0, 144.0)), ended))
    codes = np.array([CHANGED, 1, 2, 3])  # STAYED, VOLUNTARY, INVOLUNTARY, MERGED
    return ended, end_recorded, np.where(changes, CHANGED, codes[cause])


def invoices_and_payments(world: World) -> dict[str, pa.Table]:
    """Return the tables of invoices and payments: one invoice per signup, return and renewal."""
    p, static, j = world.parameters, world.static, world.journal
    rows = np.flatnonzero((j.billed | j.arrived) & j.present)
    account, day, n = j.account[rows], j.day[rows], len(rows)
    issued = day * DAY + static.clock[account] * SECOND
    amount = np.round(j.mrr[rows] * static.term[account], 2)
    failed = j.card_failed[rows]
    recovered = j.recovered | (j.last_try & (j.left == STAYED))
    recovered_row = next_row(j, recovered, account, day)
    recovered_at = np.where(failed & (recovered_row >= 0), j.day[recovered_row] * DAY + 10 * HOUR, NEVER)
    days = draws(world.seed, "transfer", account, day).lognormal("days", 2.3 - 0.25 * j.satisfaction[rows], 0.5)
    transfer = (days * DAY).astype(np.int64)
    prompt = issued + np.where(static.by_invoice[account], transfer, 60 * SECOND)
    paid = known_before(world, np.where(failed, recovered_at, prompt))
    invoices = pa.table(
        {
            "account_id": account_ids(account),
            "invoice_id": numbered("I-", np.arange(n), 6),
            "issued_at": timestamps(p, issued),
            "recorded_at": timestamps(p, issued),
            "due_at": timestamps(p, issued + 14 * DAY),
            "paid_at": timestamps(p, paid),
            "amount": amount,
            "currency": same(n, "EUR"),
        }
    )
    return {
        "invoices": invoices.take(pc.sort_indices(invoices["issued_at"])),
        "payments": _payments(world, account, day, issued, amount, failed, paid),
    }


def _payments(
    world: World, account: Ints, billed: Ints, issued: Ints, amount: Floats, failed: Flags, paid: Ints
) -> pa.Table:
    """Return the payment attempts: successes, failures, and retries while the invoice is open and the account stays."""
    j = world.journal
    paid_rows, failed_rows = np.flatnonzero(paid != NEVER), np.flatnonzero(failed)
    rows, times = [paid_rows, failed_rows], [paid[paid_rows], issued[failed_rows] + 60 * SECOND]
    lost = next_row(j, j.left != STAYED, account[failed_rows], billed[failed_rows] - 1)
    last = np.where(lost >= 0, j.day[lost], world.parameters.days - 1)
    for wait in RETRY_DAYS:
        retried = issued[failed_rows] + wait * DAY + HOUR
        is_open = (paid[failed_rows] == NEVER) | (retried < paid[failed_rows])
        is_active = retried // DAY <= last
        rows.append(failed_rows[is_open & is_active])
        times.append(retried[is_open & is_active])
    row, attempted = np.concatenate(rows), np.concatenate(times)
    succeeded = np.arange(len(row)) < len(paid_rows)
    order = np.lexsort((row, attempted))
    row, attempted, succeeded = row[order], attempted[order], succeeded[order]
    return pa.table(
        {
            "account_id": account_ids(account[row]),
            "payment_id": numbered("Y-", np.arange(len(row)), 7),
            "attempted_at": timestamps(world.parameters, attempted),
            "recorded_at": timestamps(world.parameters, attempted),
            "succeeded": succeeded,
            "amount": amount[row],
            "currency": same(len(row), "EUR"),
        }
    )
