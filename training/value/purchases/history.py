"""The purchase history of customers, and its recency-frequency-monetary (RFM) summary as of a day.

A purchase is a day on which a customer bought: several receipts of one day count as one. Days are half-open: what
happened before the midnight at which `as_of` begins is known, the horizon is [as_of, as_of + days).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undertow.features.errors import DataError

DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class PurchaseRecord:
    """Purchases and refunds on n customer-days, ordered by customer and day; made by `read_purchases`.

    `ids`: (m,), the customers, ascending. `customer`: (n,), int, a place in `ids`. `day`: (n,), datetime64[D].
    `net`: (n,), money, purchases less the refunds booked on that day. `until`: the record covers the days before it.
    """

    ids: np.ndarray
    customer: np.ndarray
    day: np.ndarray
    net: np.ndarray
    until: np.datetime64

    @property
    def since(self) -> np.datetime64:
        """Return the day of the first row."""
        return np.datetime64(self.day.min(), "D")

    def before(self, as_of: np.datetime64) -> Purchases:
        """Return what was known at the start of `as_of`: purchases less the refunds booked by then."""
        known = self.day < as_of
        customer, day = self.customer[known], self.day[known]
        spend = _settle_refunds(customer, self.net[known])
        kept = spend > 0
        if not kept.any():
            raise DataError(f"No purchase lies before {as_of}; the first row is of {self.since}. Choose a later as_of.")
        places, customer = np.unique(customer[kept], return_inverse=True)
        return Purchases(self.ids[places], customer, day[kept], spend[kept], as_of.astype("datetime64[D]"))

    def spent(self, ids: np.ndarray, first: np.datetime64, end: np.datetime64) -> np.ndarray:
        """Return what the customers `ids`, (k,), spent on days in [first, end) less refunds, money, at least 0, (k,).

        A customer who is not in the record spent nothing.
        """
        rows = (self.day >= first) & (self.day < end)
        net = np.bincount(self.customer[rows], self.net[rows], len(self.ids))
        return np.asarray(np.maximum(_of(ids, self.ids, net), 0.0))

    def bought(self, ids: np.ndarray, first: np.datetime64, end: np.datetime64) -> np.ndarray:
        """Return on how many days in [first, end) the customers `ids`, (k,), bought more than was refunded, (k,)."""
        rows = (self.day >= first) & (self.day < end) & (self.net > 0)
        return _of(ids, self.ids, np.bincount(self.customer[rows], minlength=len(self.ids)).astype(float))


@dataclass(frozen=True)
class Purchases:
    """Purchases of m customers known at the start of `as_of`, on n customer-days, ordered by customer and day.

    `ids`: (m,), ascending. `customer`: (n,), int, a place in `ids`. `day`: (n,), datetime64[D], before as_of.
    `spend`: (n,), money, above 0.
    """

    ids: np.ndarray
    customer: np.ndarray
    day: np.ndarray
    spend: np.ndarray
    as_of: np.datetime64

    @cached_property
    def counts(self) -> np.ndarray:
        """Return on how many days each customer bought, (m,), int."""
        return np.bincount(self.customer, minlength=len(self.ids))

    @cached_property
    def first_row(self) -> np.ndarray:
        """Return the row of each customer's first purchase, (m,)."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    @property
    def last_row(self) -> np.ndarray:
        """Return the row of each customer's last purchase, (m,)."""
        return np.asarray(self.first_row + self.counts - 1)


def read_purchases(
    customer: np.ndarray, day: np.ndarray, amount: np.ndarray, until: np.datetime64 | None = None
) -> PurchaseRecord:
    """Return the record of rows of receipts; `customer`, `day`, `amount` (money): (rows,) each.

    An amount below 0 is a refund. From the day on which it is booked it is taken from what the customer spent: from
    that day, then from the purchases before it, newest first; what exceeds them has no effect. A purchase refunded in
    full is none, and rows of amount 0 are none. `until`: the day after the last one recorded; where it is not given,
    the day after the last row. Raises DataError where a row breaks this contract.

    >>> days = np.array(["2024-01-01", "2024-01-01", "2024-01-09", "2024-01-10"], "datetime64[D]")
    >>> record = read_purchases(np.array([7, 7, 7, 7]), days, np.array([10.0, 5.0, 20.0, -8.0]))
    >>> record.before(days[-1]).spend.tolist(), record.before(days[-1] + 1).spend.tolist()
    ([15.0, 20.0], [15.0, 12.0])
    """
    customer, day, amount = np.asarray(customer), np.asarray(day), np.asarray(amount, dtype=float)
    _check(customer, day, amount)
    day = day.astype("datetime64[D]")
    end = day.max() + 1 if until is None else until.astype("datetime64[D]")
    if (day >= end).any():
        raise DataError(f"A row lies on {day.max()}, but the record ends before {end}. Give a later `until`.")
    ids, code = np.unique(customer, return_inverse=True)
    order = np.lexsort((day, code))
    code, day, amount = code[order], day[order], amount[order]
    first = np.r_[True, (code[1:] != code[:-1]) | (day[1:] != day[:-1])]
    return PurchaseRecord(ids, code[first], day[first], np.add.reduceat(amount, np.flatnonzero(first)), end)


def _of(ids: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the values of `ids`, given those of `known` (ascending); 0 where an id is not known."""
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[place] == ids, values[place], 0.0)


def _check(customer: np.ndarray, day: np.ndarray, amount: np.ndarray) -> None:
    if not customer.ndim == day.ndim == amount.ndim == 1 or not len(customer) == len(day) == len(amount):
        shapes = f"{customer.shape}, {day.shape} and {amount.shape}"
        raise DataError(f"customer, day and amount have the shapes {shapes}; expected one value of each per row.")
    if not len(amount):
        raise DataError("There is no row of purchases; expected at least one.")
    if day.dtype.kind != "M":
        raise DataError(f"day is of type {day.dtype}; expected datetime64. Convert it, for example by pandas.")
    if np.isnat(day).any():
        raise DataError(f"{np.isnat(day).sum():,} rows have no day; expected a day in every row. Leave them out.")
    if not np.isfinite(amount).all():
        raise DataError(f"{(~np.isfinite(amount)).sum():,} amounts are missing or infinite; expected money. Fix them.")
    if (customer.dtype.kind == "f" and np.isnan(customer).any()) or customer.dtype.kind == "O":
        raise DataError("customer has missing values or mixed types; expected whole numbers or texts. Leave them out.")


def _settle_refunds(customer: np.ndarray, net: np.ndarray) -> np.ndarray:
    """Return the spend of customer-days after refunds, at least 0; rows ordered by customer and day."""
    spend = np.maximum(net, 0.0)
    for row in np.flatnonzero(net < 0):
        left, before = -net[row], row - 1
        while left > 0 and before >= 0 and customer[before] == customer[row]:
            taken = min(spend[before], left)
            spend[before] -= taken
            left -= taken
            before -= 1
    return np.where(spend < 1e-9, 0.0, spend)


@dataclass(frozen=True)
class Summary:
    """Recency, frequency, age and spend of m customers as of a day (Fader, Hardie and Lee 2005a, section 2).

    `frequency`: (m,), repeat purchases: days bought after the first. `recency`: (m,), weeks from the first purchase to
    the last. `age`: (m,), weeks from the first purchase to the last day known, the one before as_of. `spend`: (m,),
    money per repeat purchase; 0 without any. `first_spend`: (m,), money at the first purchase.
    """

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    spend: np.ndarray
    first_spend: np.ndarray


def summarise(known: Purchases) -> Summary:
    """Return the summary of purchases as of their as_of; rows in the order of `known.ids`.

    >>> days = np.array(["2024-01-01", "2024-01-15", "2024-01-29"], "datetime64[D]")
    >>> of_one = summarise(read_purchases(np.array([1, 1, 1]), days, np.array([5.0, 8.0, 10.0])).before(days[-1] + 8))
    >>> of_one.frequency.tolist(), of_one.recency.tolist(), of_one.age.tolist(), of_one.spend.tolist()
    ([2.0], [4.0], [5.0], [9.0])
    """
    total = np.bincount(known.customer, known.spend, len(known.ids))
    first, last = known.day[known.first_row], known.day[known.last_row]
    first_spend = known.spend[known.first_row]
    repeats = known.counts - 1.0
    return Summary(
        frequency=repeats,
        recency=(last - first).astype(float) / DAYS_PER_WEEK,
        age=(known.as_of - 1 - first).astype(float) / DAYS_PER_WEEK,
        spend=np.divide(total - first_spend, repeats, out=np.zeros(len(repeats)), where=repeats > 0),
        first_spend=first_spend,
    )
