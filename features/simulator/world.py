"""A world of accounts whose hazards are known: one pure step a day, vectorised over accounts.

Latents are satisfaction S and engagement E (both about -2 to 2). What the product does to an
account moves S, S moves E, E moves usage, and all of them move the hazards. `step` draws no
exits: `run` does that for history, and `truth` branches without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulator.parameters import Parameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PLATFORMS = ("web", "ios", "android")
SEGMENTS = ("startup", "smb", "mid-market", "enterprise")
LONG_AGO = -10_000  # a day number before anything that matters
STAYED, VOLUNTARY, INVOLUNTARY = 0, 1, 2


@dataclass(frozen=True)
class Rows:
    """A record of arrays that share their first axis, one row per account (or path)."""

    def each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        """Return the record with `change` applied to every array."""
        return replace(self, **{f.name: change(getattr(self, f.name)) for f in fields(self)})

    def repeat(self, times: int) -> Self:
        """Return every row `times` times, neighbours together."""
        return self.each(lambda array: np.repeat(array, times, axis=0))

    def take(self, rows: Flags | Ints) -> Self:
        """Return the chosen rows."""
        return self.each(lambda array: array[rows])


Record = TypeVar("Record", bound=Rows)


@dataclass(frozen=True)
class Static(Rows):
    """What never changes. Arrays of shape (n_accounts,), `mix` of shape (n_accounts, 3)."""

    signup_day: Ints  # may be negative: before the history starts
    clock: Ints  # second of the day, 0 to 6 h, at which the account signs and is billed
    segment: Ints  # index into SEGMENTS
    term: Ints  # months: 1 or 12
    complexity: Floats  # about standard normal: how much the account asks of the product
    quiet_errors: Floats  # errors per page view in quiet weeks: the complex meet more
    quiet_load: Floats  # seconds per page view in quiet weeks: the complex wait longer
    mix: Floats  # share of use on each of PLATFORMS, sums to 1
    mean_satisfaction: Floats
    mean_engagement: Floats
    session_base: Floats  # recorded sessions per day at E = 0
    card_risk: Floats  # chance that a billing fails
    by_invoice: Flags  # pays by transfer, days after the bill


@dataclass(frozen=True)
class State(Rows):
    """What changes from day to day. Arrays of shape (n_accounts,)."""

    active: Flags
    satisfaction: Floats
    engagement: Floats
    seats: Ints
    mrr: Floats  # EUR per month while active
    stint_start: Ints  # day on which the present (or last) subscription began
    ended_on: Ints  # day of the last churn, or LONG_AGO
    renews_on: Ints  # next billing, which is also the next renewal
    price_rise_on: Ints  # day of the last price rise
    dunning_day: Ints  # 0 = none, 1 = the card failed today
    dunning: Floats  # 0 or 1; in a branch the probability of being in dunning
    trouble: Floats  # extra errors per page view from the account's own incidents
    ticket_age: Ints  # days the open ticket has waited, -1 = none is open


@dataclass(frozen=True)
class Observed(Rows):
    """What could be noticed of a day, (n_accounts,); stacked over days, (n_days, n_accounts)."""

    satisfaction: Floats
    engagement: Floats
    seats: Ints
    mrr: Floats
    renews_on: Ints
    trouble: Floats
    billed: Flags
    card_failed: Flags
    recovered: Flags
    last_try: Flags  # the last day of dunning: whoever stays has paid
    repriced: Flags  # the price or the seats changed with this billing
    opened: Flags
    resolved: Flags
    reopened: Flags


@dataclass(frozen=True)
class Hazards(Rows):
    """Chances of leaving on this day for an account at risk at its start, by cause, 0 to 1."""

    voluntary: Floats
    involuntary: Floats


@dataclass(frozen=True)
class Releases:
    """Releases that break something on one platform for some weeks. Arrays (n_releases,)."""

    calendar: Ints  # which of several possible futures the release belongs to
    start: Ints  # day
    end: Ints  # first day on which all is well again
    platform: Ints  # index into PLATFORMS
    error: Floats  # extra errors per page view
    load: Floats  # extra seconds per page


@dataclass(frozen=True)
class Weather:
    """What releases add on each day: arrays of shape (n_calendars, n_days, 3)."""

    first_day: int
    error: Floats  # errors per page view, at most 0.3
    load: Floats  # seconds, at most 4

    def on(self, day: int, rows: int) -> tuple[Floats, Floats]:
        """Return extra errors and extra load of a day, each (rows, 3), calendars in turn."""
        at = day - self.first_day
        times = (rows // len(self.error), 1)
        return np.tile(self.error[:, at], times), np.tile(self.load[:, at], times)


@dataclass(frozen=True)
class World:
    """A finished run. `daily`, `hazards`: (n_days, n_accounts).

    `present`: at risk that day; `arrived`: signed or came back that day; `left`: STAYED,
    VOLUNTARY or INVOLUNTARY; `frozen`: the state at the first instant of some days.
    """

    parameters: Parameters
    seed: int
    static: Static
    first: State
    releases: Releases
    weather: Weather
    daily: Observed
    hazards: Hazards
    present: Flags
    arrived: Flags
    left: NDArray[np.int8]
    frozen: dict[int, State]


def stream(seed: int, *names: int) -> Generator:
    """Return a generator that depends on nothing but the seed and the numbers named."""
    return np.random.default_rng([seed, *names])


def months_later(first_day: np.datetime64, day: Ints, months: Ints) -> Ints:
    """Return the day numbers `months` calendar months on; days 29-31 become the 28th."""
    date = first_day + day
    month = date.astype("datetime64[M]")
    day_of_month = np.minimum((date - month.astype("datetime64[D]")).astype(np.int64), 27)
    later: Ints = (month + months).astype("datetime64[D]") + day_of_month - first_day
    return later.astype(np.int64)


def draw_releases(p: Parameters, rng: Generator, days: tuple[int, int], calendars: int) -> Releases:
    """Draw the releases that start in [days[0], days[1]), independently for each calendar."""
    n = int(rng.poisson(p.bad_releases * (days[1] - days[0]) * calendars))
    start = rng.integers(days[0], days[1], n)
    return Releases(
        calendar=rng.integers(0, calendars, n),
        start=start,
        end=start + rng.integers(8, 29, n),
        platform=rng.choice(3, n, p=(0.4, 0.3, 0.3)),
        error=rng.gamma(1.6, 0.022, n),
        load=rng.gamma(1.2, 0.4, n),
    )


def paint(releases: Releases, days: tuple[int, int], calendars: int) -> Weather:
    """Lay releases over the days [days[0], days[1])."""
    length = days[1] - days[0]
    begin = np.clip(releases.start - days[0], 0, length)
    end = np.clip(releases.end - days[0], 0, length)

    def laid(effect: Floats, most: float) -> Floats:
        change = np.zeros((calendars, length + 1, 3))
        np.add.at(change, (releases.calendar, begin, releases.platform), effect)
        np.add.at(change, (releases.calendar, end, releases.platform), -effect)
        return np.clip(np.cumsum(change, axis=1)[:, :length], 0.0, most)

    return Weather(days[0], laid(releases.error, 0.3), laid(releases.load, 4.0))


def draw_accounts(p: Parameters, rng: Generator) -> tuple[Static, State]:
    """Draw who the accounts are and the state in which each of them would start."""
    n = p.accounts
    seats = np.clip(np.round(rng.lognormal(np.log(p.seats_median), p.seats_spread, n)), 1, 300)
    old = rng.random(n) < p.old_share
    signup = np.where(old, -rng.integers(1, 1100, n), rng.integers(0, int(p.days * 0.96), n))
    annual = rng.random(n) < p.annual_share + 0.12 * np.log(seats / p.seats_median)
    heavy = (seats / 4.0) ** 0.45 * rng.lognormal(-0.1, 0.45, n)
    by_invoice = annual & (seats > 15)
    complexity = np.clip(rng.normal(0.25 * np.log(seats / 4.0), 0.9, n), -2.5, 2.5)
    risk = p.card_failure * rng.lognormal(-(p.card_spread**2) / 2, p.card_spread, n)
    static = Static(
        signup_day=signup,
        clock=rng.integers(0, 6 * 3600, n),
        segment=_segment(seats, rng),
        term=np.where(annual, 12, 1),
        complexity=complexity,
        quiet_errors=p.error_share * np.exp(0.3 * complexity + rng.normal(0.0, 0.5, n)),
        quiet_load=p.load_seconds * np.exp(0.2 * complexity + rng.normal(0.0, 0.2, n)),
        mix=rng.dirichlet((1.0, 0.45, 0.35), n),
        mean_satisfaction=rng.normal(0.15, p.satisfaction_mean_sd, n),
        mean_engagement=rng.normal(0.0, 0.4, n) + 0.35 * np.log(heavy),
        session_base=p.session_rate * heavy,
        card_risk=np.minimum(risk * np.where(by_invoice, 0.3, 1.0), 0.3),
        by_invoice=by_invoice,
    )
    return static, _first_state(p, static, seats.astype(np.int64), rng)


def _segment(seats: Floats, rng: Generator) -> Ints:
    """Name accounts by size, with some of the muddle of real segment labels."""
    perceived = seats * rng.lognormal(0.0, 0.3, len(seats))
    return np.searchsorted((3.5, 15.0, 60.0), perceived).astype(np.int64)


def _first_state(p: Parameters, static: Static, seats: Ints, rng: Generator) -> State:
    n = len(seats)
    satisfaction = static.mean_satisfaction + rng.normal(0.0, 0.5, n)
    risen = -rng.integers(30, 500, n)
    price = p.seat_price * seats**0.98 * rng.lognormal(0.0, 0.25, n)
    return State(
        active=static.signup_day < 0,
        satisfaction=satisfaction,
        engagement=static.mean_engagement + p.engagement_follows * satisfaction,
        seats=seats,
        mrr=np.round(price, 2),
        stint_start=static.signup_day,
        ended_on=np.full(n, LONG_AGO),
        renews_on=_first_renewal(p, static),
        price_rise_on=np.where(risen > static.signup_day, risen, LONG_AGO),
        dunning_day=np.zeros(n, np.int64),
        dunning=np.zeros(n),
        trouble=np.zeros(n),
        ticket_age=np.full(n, -1),
    )


def _first_renewal(p: Parameters, static: Static) -> Ints:
    """Return each account's first billing after its signup that is not before day 0."""
    due = months_later(p.first_day, static.signup_day, static.term)
    while (due < 0).any():
        due = np.where(due < 0, months_later(p.first_day, due, static.term), due)
    return due


def step(
    p: Parameters,
    static: Static,
    state: State,
    day: int,
    rng: Generator,
    releases: Weather,
    *,
    expected_cards: bool = False,
) -> tuple[State, Observed, Hazards]:
    """Live one day, without drawing who leaves.

    `expected_cards`: carry the probability of being in dunning instead of drawing it. Dunning
    moves nothing but the involuntary hazard, so this integrates the cards out exactly.
    """
    extra_error, extra_load = releases.on(day, len(state.seats))
    state = replace(state, trouble=_trouble(p, state, rng))
    errors = static.quiet_errors + state.trouble + np.einsum("ij,ij->i", static.mix, extra_error)
    load = static.quiet_load + np.einsum("ij,ij->i", static.mix, extra_load)
    state = _feel(p, static, state, rng, errors, load)
    state, billed, repriced = _bill(p, static, state, day, rng)
    state, card_failed, recovered, last_try = _collect(
        p, static, state, billed, rng, expected_cards
    )
    state, opened, resolved, reopened = _support(p, state, errors, rng)
    observed = Observed(
        satisfaction=state.satisfaction,
        engagement=state.engagement,
        seats=state.seats,
        mrr=state.mrr,
        renews_on=state.renews_on,
        trouble=state.trouble,
        billed=billed,
        card_failed=card_failed,
        recovered=recovered,
        last_try=last_try,
        repriced=repriced,
        opened=opened,
        resolved=resolved,
        reopened=reopened,
    )
    return state, observed, _hazards(p, static, state, day)


def _trouble(p: Parameters, state: State, rng: Generator) -> Floats:
    """Let old incidents heal and new ones strike single accounts."""
    struck = np.flatnonzero(rng.random(len(state.trouble)) < p.incident_rate)
    trouble = state.trouble * (1.0 - p.incident_healing)
    trouble[struck] += rng.exponential(p.incident_error, len(struck))
    return np.minimum(trouble, 0.3)


def _feel(
    p: Parameters, static: Static, state: State, rng: Generator, errors: Floats, load: Floats
) -> State:
    """Move satisfaction toward what the account lives through, and engagement after it."""
    pressure = (
        p.error_weight * (errors - 1.5 * p.error_share)
        + p.load_weight * (load - p.load_seconds)
        + p.ticket_weight * (state.ticket_age > 4)
    )
    noise = rng.standard_normal((2, len(load)))
    s, e = state.satisfaction, state.engagement
    s = s + p.satisfaction_pull * (static.mean_satisfaction - pressure - s)
    s = s + p.satisfaction_noise * noise[0]
    e = e + p.engagement_pull * (static.mean_engagement + p.engagement_follows * s - e)
    e = e + p.engagement_noise * noise[1]
    return replace(state, satisfaction=s, engagement=e)


def _bill(
    p: Parameters, static: Static, state: State, day: int, rng: Generator
) -> tuple[State, Flags, Flags]:
    """Renew what is due; some prices rise and some accounts change their seats."""
    billed = state.active & (state.renews_on == day)
    due = np.flatnonzero(billed)
    seats, mrr = state.seats.copy(), state.mrr.copy()
    renews_on, price_rise_on = state.renews_on.copy(), state.price_rise_on.copy()
    renews_on[due] = months_later(p.first_day, renews_on[due], static.term[due])

    old_price = day - np.maximum(price_rise_on[due], state.stint_start[due]) > 330
    rises = old_price & (rng.random(len(due)) < p.price_rise)
    price_rise_on[due] = np.where(rises, day, price_rise_on[due])
    seats[due] = _new_seats(p, static.term[due], seats[due], state.satisfaction[due], rng)
    factor = np.where(rises, 1.0 + rng.uniform(0.04, 0.15, len(due)), 1.0)
    mrr[due] = np.round(mrr[due] * factor * seats[due] / state.seats[due], 2)

    blow = np.zeros(len(seats))
    blow[due] = p.price_blow * rises
    after = replace(
        state,
        seats=seats,
        mrr=mrr,
        renews_on=renews_on,
        price_rise_on=price_rise_on,
        satisfaction=state.satisfaction - blow,
    )
    return after, billed, mrr != state.mrr


def _new_seats(
    p: Parameters, term: Ints, seats: Ints, satisfaction: Floats, rng: Generator
) -> Ints:
    """Let a few accounts grow or shrink by about a fifth; the content grow."""
    changes = rng.random(len(seats)) < p.seat_change * np.where(term == 12, 6, 1)
    grows = rng.random(len(seats)) < logistic(0.3 + 0.9 * satisfaction)
    size = np.maximum(1, np.round(seats * rng.uniform(0.08, 0.3, len(seats)))).astype(np.int64)
    return np.where(changes, np.clip(seats + np.where(grows, size, -size), 1, 300), seats)


def _collect(
    p: Parameters,
    static: Static,
    state: State,
    billed: Flags,
    rng: Generator,
    expected: bool,
) -> tuple[State, Flags, Flags, Flags]:
    """Try the cards: fail, mend or wait. Whoever is still failing on the last day may lose all."""
    chance = np.zeros(len(billed)) if expected else rng.random(len(billed))
    waiting = state.dunning_day > 0
    day = np.where(waiting, state.dunning_day + 1, 0)
    over = day > p.dunning_days + 1
    retried = waiting & (day <= p.dunning_days)
    if expected:
        dunning = np.where(retried, state.dunning * (1.0 - p.recovery), state.dunning)
        dunning = np.where(billed, static.card_risk, np.where(over, 0.0, dunning))
    else:
        mended = retried & (chance < p.recovery)
        dunning = np.where(mended | over, 0.0, state.dunning)
        dunning = np.where(billed, chance < static.card_risk, dunning)
    day = np.where(billed, 1, day) * (dunning > 0.0)
    recovered = retried & (dunning == 0.0)
    after = replace(state, dunning=dunning, dunning_day=day)
    return after, billed & (dunning > 0.0), recovered, day == p.dunning_days + 1


def _support(
    p: Parameters, state: State, errors: Floats, rng: Generator
) -> tuple[State, Flags, Flags, Flags]:
    """Open and resolve tickets, one at a time per account; slower for the unhappy."""
    chance, again = rng.random((2, len(errors)))
    s = state.satisfaction
    waiting = state.ticket_age >= 0
    resolved = waiting & (chance < logistic(p.resolve_logit + p.resolve_satisfaction * s))
    reopened = resolved & (again < p.reopen_share * np.exp(-0.6 * s))
    rate = p.ticket_rate * (state.seats / 4.0) ** 0.4
    rate = rate * np.exp(np.clip(12.0 * (errors - p.error_share) - 0.35 * s, -2.0, 2.5))
    opened = state.active & ~waiting & (chance < rate)
    age = np.where(waiting & ~resolved, state.ticket_age + 1, np.where(opened, 0, -1))
    after = replace(state, ticket_age=age, satisfaction=s - p.reopen_blow * reopened)
    return after, opened, resolved, reopened


def _hazards(p: Parameters, static: Static, state: State, day: int) -> Hazards:
    """Return the chances of leaving today, by cause; 0 for accounts that are not there."""
    s, annual = state.satisfaction, static.term == 12
    to_renewal = state.renews_on - day
    logit = np.where(
        annual,
        p.annual_base + p.annual_window * (to_renewal <= 14),
        p.monthly_base + p.monthly_window * (to_renewal <= 4),
    )
    logit += p.hazard_satisfaction * s + p.hazard_misery * np.maximum(0.0, -0.8 - s)
    logit += p.hazard_engagement * state.engagement
    logit += p.hazard_price * 0.5 ** (np.minimum(day - state.price_rise_on, 900) / 30.0)
    logit += p.hazard_tenure * np.log1p(np.maximum(0, day - state.stint_start) / 90.0)
    logit += p.hazard_complexity * static.complexity
    logit += p.hazard_season * np.cos(2.0 * np.pi * (day - 15) / 365.25)
    last_day = state.dunning_day == p.dunning_days + 1
    voluntary = np.minimum(logistic(logit), 0.06)
    involuntary = np.where(last_day, state.dunning * (1.0 - p.recovery), 0.0)
    return Hazards(voluntary * state.active, involuntary * state.active)


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def arrive(p: Parameters, static: Static, state: State, day: int, rng: Generator) -> State:
    """Let new accounts sign and a few lost ones come back."""
    away = day - state.ended_on
    may_return = (away >= p.return_after) & (away <= p.return_before) & ~state.active
    returns = may_return & (rng.random(len(away)) < p.return_rate)
    comes = returns | (static.signup_day == day)
    today = np.full(len(away), day)
    return replace(
        state,
        active=state.active | comes,
        stint_start=np.where(comes, day, state.stint_start),
        renews_on=np.where(comes, months_later(p.first_day, today, static.term), state.renews_on),
        satisfaction=np.where(returns, static.mean_satisfaction, state.satisfaction),
    )


def leave(
    state: State, hazards: Hazards, day: int, rng: Generator
) -> tuple[State, NDArray[np.int8]]:
    """Draw who leaves today and why; both causes cannot happen on one day."""
    chance = rng.random(len(hazards.voluntary))
    both = hazards.voluntary + hazards.involuntary
    why = np.where(chance < hazards.voluntary, VOLUNTARY, INVOLUNTARY)
    why = np.where(chance < both, why, STAYED).astype(np.int8)
    gone = why != STAYED
    after = replace(
        state,
        active=state.active & ~gone,
        ended_on=np.where(gone, day, state.ended_on),
        dunning_day=np.where(gone, 0, state.dunning_day),
        dunning=np.where(gone, 0.0, state.dunning),
        ticket_age=np.where(gone, -1, state.ticket_age),
    )
    return after, why


def run(p: Parameters, seed: int, progress: Callable[[float], None] | None = None) -> World:
    """Live through all days; keep what was observed and the state at each month's start."""
    static, first = draw_accounts(p, stream(seed, 1))
    releases = draw_releases(p, stream(seed, 2), (0, p.days), 1)
    weather = paint(releases, (0, p.days), 1)
    month_starts = {p.month_start(month) for month in range(p.months + 1)}
    state, frozen, days = first, dict[int, State](), list[_Day]()
    for day in range(p.days):
        if day in month_starts:
            frozen[day] = state
            if progress is not None:
                progress(day / p.days)
        state, lived = _live(p, static, state, day, stream(seed, 3, day), weather)
        days.append(lived)
    frozen[p.days] = state
    return World(
        p, seed, static, first, releases, weather,
        daily=_stacked([day.observed for day in days]),
        hazards=_stacked([day.hazards for day in days]),
        present=np.stack([day.present for day in days]),
        arrived=np.stack([day.arrived for day in days]),
        left=np.stack([day.left for day in days]),
        frozen=frozen,
    )  # fmt: skip


@dataclass(frozen=True)
class _Day:
    """One day of history, as World keeps it; arrays of shape (n_accounts,)."""

    observed: Observed
    hazards: Hazards
    present: Flags
    arrived: Flags
    left: NDArray[np.int8]


def _live(
    p: Parameters, static: Static, state: State, day: int, rng: Generator, weather: Weather
) -> tuple[State, _Day]:
    """Live one day of history: some come, all live, some leave."""
    before = state.active
    state = arrive(p, static, state, day, rng)
    present = state.active
    state, observed, hazards = step(p, static, state, day, rng, weather)
    state, left = leave(state, hazards, day, rng)
    return state, _Day(observed, hazards, present, present & ~before, left)


def _stacked(records: Sequence[Record]) -> Record:
    """Stack daily records into one, days first."""
    kind = type(records[0])
    names = [f.name for f in fields(kind)]
    return kind(**{name: np.stack([getattr(r, name) for r in records]) for name in names})
