"""The state of the simulated accounts: fixed traits, daily state, observable variables and hazards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]

SEGMENTS = ("startup", "smb", "mid-market", "enterprise")
LONG_AGO = -10_000  # a day number for "never so far"
NO_CARD = 1_000_000  # the expiry of an account that pays by bank transfer
STAYED, VOLUNTARY, INVOLUNTARY, MERGED = 0, 1, 2, 3
UNCALLED, CONTROL, DECLINED, ACCEPTED = 0, 1, 2, 3
SURVEYS = ("nps", "csat", "ces")
SURVEY_DAYS = (90, 120, 150)  # days between two surveys of a kind


@dataclass(frozen=True)
class PersonRows:
    """Base class of records of arrays that share their first axis: one row per account (or path)."""

    def each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        """Return the record with `change` applied to every array."""
        return replace(self, **{f.name: change(getattr(self, f.name)) for f in fields(self)})

    def repeat(self, times: int) -> Self:
        """Return the record with every row repeated `times` times in place."""
        return self.each(lambda array: np.repeat(array, times, axis=0))

    def take(self, rows: Flags | Ints) -> Self:
        """Return the record with these rows only."""
        return self.each(lambda array: array[rows])


Record = TypeVar("Record", bound=PersonRows)


@dataclass(frozen=True)
class Static(PersonRows):
    """The fixed traits of accounts. Arrays of shape (n_accounts,); `mix` and `survey_turn`: (n_accounts, 3)."""

    signup_day: Ints  # may be negative: before the history starts
    clock: Ints  # second of the day, 0 to 6 h, at which the account signs up and is billed
    segment: Ints  # index into SEGMENTS
    term: Ints  # months: 1 or 12
    discount: Floats  # share off the first price
    complexity: Floats  # about standard normal: complexity of the account's use of the product
    quiet_errors: Floats  # errors per page view in quiet weeks, more with complexity
    quiet_load: Floats  # seconds per page view in quiet weeks, more with complexity
    mix: Floats  # share of use on each of PLATFORMS, sums to 1
    mean_satisfaction: Floats
    session_base: Floats  # recorded sessions per day at E = 0
    by_invoice: Flags  # pays by bank transfer, days after the invoice
    response: Floats  # effect of an accepted retention offer on the logit of voluntary churn
    leaning: Floats  # part of the logit of voluntary churn that nothing observed explains
    survey_turn: Ints  # day of the cycle on which each of SURVEYS is sent


@dataclass(frozen=True)
class State(PersonRows):
    """The daily state of accounts. Arrays of shape (n_accounts,)."""

    active: Flags
    satisfaction: Floats
    engagement: Floats
    habit: Floats  # the engagement to which the account reverts
    missed: Floats  # engagement missed since the most active user left, until a successor has made it good
    champion: Ints  # number of the most active user, which is how many have left before
    champion_since: Ints  # day on which it followed another one, or LONG_AGO
    seats: Ints
    mrr: Floats  # EUR per month while active
    stint_start: Ints  # day on which the present (or last) subscription began
    ended_on: Ints  # day of the last churn, or LONG_AGO
    renews_on: Ints  # next billing, which is also the next renewal
    price_rise_on: Ints  # day of the last price rise
    card_risk: Floats  # probability that a billing fails while the card is valid
    card_since: Ints  # day on which the card on file was given
    card_expires: Ints  # first day on which it is no longer valid, or NO_CARD
    dunning_day: Ints  # 0 = none, 1 = the card failed today
    dunning: Floats  # 0 or 1; in a branch the probability of being in dunning
    trouble: Floats  # extra errors per page view from the account's own incidents
    ticket_base: Floats  # tickets per day in quiet weeks
    ticket_age: Ints  # days since the open ticket was opened, -1 = none is open
    offer_on: Ints  # day on which a retention offer was last accepted, or LONG_AGO


@dataclass(frozen=True)
class Lived(PersonRows):
    """The observable variables of a day, arrays of shape (n_accounts,); stacked over days, (n_days, n_accounts)."""

    satisfaction: Floats
    engagement: Floats
    seats: Ints
    mrr: Floats
    renews_on: Ints
    trouble: Floats
    champion: Ints  # number of the most active user
    champion_left: Flags  # its predecessor left in the morning
    card_given: Flags  # a new card is on file since today
    card_expires: Ints
    billed: Flags
    card_failed: Flags
    recovered: Flags
    last_try: Flags  # the last day of dunning: accounts that stay have paid
    repriced: Flags  # the price or the seats changed today
    opened: Flags
    resolved: Flags
    reopened: Flags
    called: Codes  # UNCALLED, CONTROL, DECLINED or ACCEPTED
    chosen: Flags  # called by the team's choice, not at random


@dataclass(frozen=True)
class Hazards(PersonRows):
    """Daily hazards by cause: the probability, 0 to 1, that an account at risk at the start of the day churns on it."""

    voluntary: Floats
    involuntary: Floats


def stacked(records: Sequence[Record]) -> Record:
    """Stack daily records into one; the first axis becomes the day."""
    kind = type(records[0])
    names = [f.name for f in fields(kind)]
    return kind(**{name: np.stack([getattr(r, name) for r in records]) for name in names})


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
