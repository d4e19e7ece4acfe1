"""Subscriptions, bills and payments: what was sold, what was due, and what arrived."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    HOUR,
    NEVER,
    SECOND,
    account_ids,
    at,
    known_before,
    later,
    numbered,
    same,
    timestamps,
    words,
)
from undertow.features.simulator.observe.journal import next_line
from undertow.features.simulator.state import MERGED, STAYED, Flags, Floats, Ints

PLANS = ("starter", "team", "business")
END_REASONS = ("changed", "cancelled", "payment_failed", "merged")
CHANGED = 0
RETRY_DAYS = (3, 7, 14)


@dataclass(frozen=True)
class _Periods:
    """Time on one price: account, the day on which it began (may be negative), and its terms."""

    account: Ints
    day: Ints  # -1 where it began before the history
    begun: Ints
    first: Flags  # the price at which the account signed
    number: Ints  # which subscription of its account, from 1
    mrr: Floats
    seats: Ints
    renews_on: Ints


def subscriptions(world: World, rng: Generator) -> pa.Table:
    """Return one row for each time on one plan at one price."""
    p, static, periods = world.parameters, world.static, _periods(world)
    account, n = periods.account, len(periods.account)
    clock = static.clock[account] * SECOND
    started = periods.begun * DAY + clock
    ended, booked, reason = _ends(world, periods, clock, rng)
    ended = np.where(booked == NEVER, NEVER, ended)
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
            "end_recorded_at": timestamps(p, booked),
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
    """Return every period, by account and then by day: signing, return or new price."""
    j, first = world.journal, world.frozen[0]
    old = np.flatnonzero(world.static.signup_day < 0)
    line = np.flatnonzero(j.arrived | (j.repriced & j.present))
    account = np.concatenate([old, j.account[line]])
    day = np.concatenate([np.full(len(old), -1), j.day[line]])
    signed = np.concatenate([np.ones(len(old), np.int64), j.arrived[line].astype(np.int64)])
    mrr = np.concatenate([first.mrr[old], j.mrr[line]])
    seats = np.concatenate([first.seats[old], j.seats[line]])
    renews_on = np.concatenate([first.renews_on[old], j.renews_on[line]])
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


def _ends(world: World, periods: _Periods, clock: Ints, rng: Generator) -> tuple[Ints, Ints, Ints]:
    """Return when each period ended, when that was booked (NEVER: not yet), and why."""
    j, account, n = world.journal, periods.account, len(periods.account)
    changed = next_line(j, j.repriced & j.present, account, periods.day)
    lost = next_line(j, j.left != STAYED, account, periods.day - 1)
    changes = (changed >= 0) & ((lost < 0) | (changed <= lost))
    why = j.left[lost]
    left_at = np.where(why == MERGED, j.day[lost] * DAY + 12 * HOUR, at(j.day[lost], rng, (20.5, 23.9)))
    ended = np.where(lost >= 0, left_at, NEVER)
    ended = np.where(changes, j.day[changed] * DAY + clock, ended)
    cancelled = (ended != NEVER) & ~changes & (why != MERGED)
    late = cancelled & (rng.random(n) < world.parameters.late_cancellations)
    booked = known_before(world, np.where(late, ended + later(rng, n, (24.0, 144.0)), ended))
    codes = np.array([CHANGED, 1, 2, 3])  # STAYED, VOLUNTARY, INVOLUNTARY, MERGED
    return ended, booked, np.where(changes, CHANGED, codes[why])


def invoices_and_payments(world: World, rng: Generator) -> dict[str, pa.Table]:
    """Return the invoices and the payments: one bill per signing and renewal."""
    p, static, j = world.parameters, world.static, world.journal
    lines = np.flatnonzero((j.billed | j.arrived) & j.present)
    account, day, n = j.account[lines], j.day[lines], len(lines)
    issued = day * DAY + static.clock[account] * SECOND
    amount = np.round(j.mrr[lines] * static.term[account], 2)
    failed = j.card_failed[lines]
    mended = j.recovered | (j.last_try & (j.left == STAYED))
    mended_line = next_line(j, mended, account, day)
    mended_at = np.where(failed & (mended_line >= 0), j.day[mended_line] * DAY + 10 * HOUR, NEVER)
    transfer = (rng.lognormal(2.3 - 0.25 * j.satisfaction[lines], 0.5) * DAY).astype(np.int64)
    prompt = issued + np.where(static.by_invoice[account], transfer, 60 * SECOND)
    paid = known_before(world, np.where(failed, mended_at, prompt))
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
    """Return successes, first failures, and the retries while the bill is open and the account there."""
    j = world.journal
    paid_rows, failed_rows = np.flatnonzero(paid != NEVER), np.flatnonzero(failed)
    rows, times = [paid_rows, failed_rows], [paid[paid_rows], issued[failed_rows] + 60 * SECOND]
    lost = next_line(j, j.left != STAYED, account[failed_rows], billed[failed_rows] - 1)
    last = np.where(lost >= 0, j.day[lost], world.parameters.days - 1)
    for wait in RETRY_DAYS:
        again = issued[failed_rows] + wait * DAY + HOUR
        still = (paid[failed_rows] == NEVER) | (again < paid[failed_rows])
        here = again // DAY <= last
        rows.append(failed_rows[still & here])
        times.append(again[still & here])
    row, when = np.concatenate(rows), np.concatenate(times)
    succeeded = np.arange(len(row)) < len(paid_rows)
    order = np.lexsort((row, when))
    row, when, succeeded = row[order], when[order], succeeded[order]
    return pa.table(
        {
            "account_id": account_ids(account[row]),
            "payment_id": numbered("Y-", np.arange(len(row)), 7),
            "attempted_at": timestamps(world.parameters, when),
            "recorded_at": timestamps(world.parameters, when),
            "succeeded": succeeded,
            "amount": amount[row],
            "currency": same(len(row), "EUR"),
        }
    )
