"""Simulates the history of a world day by day, with signups, returns, exits and merges.

A finished `World` keeps the state at the start of each month and a journal of events. Everything else is
simulated again when it is needed, month by month, with the same seed. So a long history needs no more
memory than a month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.population import draw_accounts, months_later
from undertow.features.simulator.releases import (
    ReleaseEffects,
    Releases,
    draw_releases,
    joined,
    paint,
    planted_releases,
    without_web,
)
from undertow.features.simulator.state import (
    INVOLUNTARY,
    LONG_AGO,
    MERGED,
    STAYED,
    SURVEY_DAYS,
    VOLUNTARY,
    Codes,
    Flags,
    Floats,
    Hazards,
    Ints,
    Lived,
    PersonRows,
    State,
    Static,
    stacked,
)
from undertow.features.simulator.world import apply_shock, step, with_new_cards


@dataclass(frozen=True)
class Journal(PersonRows):
    """The journal: one row per account and day with an event, sorted by account and then by day."""

    account: Ints
    day: Ints
    satisfaction: Floats
    engagement: Floats
    seats: Ints
    mrr: Floats
    renews_on: Ints
    billed: Flags
    card_failed: Flags
    recovered: Flags
    last_try: Flags
    repriced: Flags
    opened: Flags
    resolved: Flags
    reopened: Flags
    called: Codes
    chosen: Flags
    champion: Ints
    champion_left: Flags
    card_given: Flags
    card_expires: Ints
    arrived: Flags  # signed up or returned
    left: Codes  # STAYED, VOLUNTARY, INVOLUNTARY or MERGED
    heir: Ints  # the account into which it was merged, or -1
    present: Flags  # at risk that day
    asked: Codes  # bit k: the k-th of SURVEYS was sent


@dataclass(frozen=True)
class Day:
    """One day of history, arrays of shape (n_accounts,), or the days of a month, (n_days, n_accounts)."""

    lived: Lived
    hazards: Hazards
    present: Flags  # at risk that day
    arrived: Flags  # signed up or returned that day
    left: Codes  # STAYED, VOLUNTARY, INVOLUNTARY or MERGED
    heir: Ints  # the account into which it was merged, or -1


@dataclass(frozen=True)
class Scene:
    """The fixed inputs of a simulation, drawn before the first day."""

    parameters: Parameters
    seed: int
    static: Static
    releases: Releases
    release_effects: ReleaseEffects


@dataclass(frozen=True)
class World(Scene):
    """A simulated history. `frozen`: day number -> state at its first instant, for each month start and the end."""

    journal: Journal
    frozen: dict[int, State]

    def month(self, number: int) -> Day:
        """Return the days of a month (0 = the first), stacked; they are simulated again from the month's start."""
        p = self.parameters
        days = range(p.month_start(number), p.month_start(number + 1))
        return _stacked(list(_simulate_days(self, self.frozen[days.start], days)))

    def months(self) -> Iterator[Day]:
        """Yield all months in order, one at a time."""
        return (self.month(number) for number in range(self.parameters.months))

    def state_at(self, day: int) -> State:
        """Return the state at the first instant of any day from 0 to the end of the history."""
        start = max(kept for kept in self.frozen if kept <= day)
        state = self.frozen[start]
        for earlier in range(start, day):
            state, _ = _simulate_day(self, state, earlier)
        return state


def run(p: Parameters, seed: int, progress: Callable[[float], None] | None = None) -> World:
    """Simulate all days and return the world, with its journal. `progress` receives the share done, 0 to 1."""
    static, state = draw_accounts(p, stream(seed, 1))
    releases = draw_releases(p, stream(seed, 2), (0, p.days), 1)
    if p.web_unbroken:
        releases = without_web(releases, p.days - p.web_unbroken)
    releases = joined(releases, planted_releases(p))
    scene = Scene(p, seed, static, releases, paint(releases, (0, p.days), 1))
    frozen, journals = dict[int, State](), list[Journal]()
    for number in range(p.months):
        frozen[p.month_start(number)] = state
        for day in range(p.month_start(number), p.month_start(number + 1)):
            state, simulated = _simulate_day(scene, state, day)
            journals.append(_journal_rows(static, day, simulated))
        if progress is not None:
            progress((number + 1) / p.months)
    frozen[p.days] = state
    return World(p, seed, static, releases, scene.release_effects, _joined_journal(journals), frozen)


def stream(seed: int, *names: int) -> Generator:
    """Return a random generator that depends only on the seed and the given numbers.

    Whatever is drawn per account is drawn for all accounts, so that one account's number never depends on others.
    """
    return np.random.default_rng([seed, *names])


# --- one day ---------------------------------------------------------------------------------


def _simulate_days(scene: Scene, state: State, days: range) -> Iterator[Day]:
    for day in days:
        state, simulated = _simulate_day(scene, state, day)
        yield simulated


def _simulate_day(scene: Scene, state: State, day: int) -> tuple[State, Day]:
    """Simulate one day of history: planted shocks, signups and returns, the step, exits, merges."""
    p, static, rng = scene.parameters, scene.static, stream(scene.seed, 3, day)
    for number, shock in enumerate(p.shocks):
        if shock.day == day:
            state = apply_shock(state, shock, struck_by(scene, number))
    before = state.active
    state = _arrive(p, static, state, day, rng)
    present = state.active
    state, lived, hazards = step(p, static, state, day, rng, scene.release_effects)
    state, left = _leave(state, hazards, day, rng)
    state, heir = _merge(p, state, rng)
    merged = heir >= 0
    changed = state.mrr != lived.mrr
    lived = replace(lived, seats=state.seats, mrr=state.mrr, repriced=lived.repriced | changed)
    left = np.where(merged, MERGED, left).astype(np.int8)
    return state, Day(lived, hazards, present, present & ~before, left, heir)


def struck_by(scene: Scene, shock: int) -> Flags:
    """Return which accounts the shock with this index hits: chosen at random, at most one shock per account."""
    shares = [planted.share for planted in scene.parameters.shocks]
    draws = stream(scene.seed, 5).random(scene.parameters.accounts)
    low = sum(shares[:shock])
    return (draws >= low) & (draws < low + shares[shock])


def _arrive(p: Parameters, static: Static, state: State, day: int, rng: Generator) -> State:
    """Start the subscriptions of accounts that sign up today, and of a few churned ones that return."""
    away = day - state.ended_on
    may_return = (away >= p.return_after) & (away <= p.return_before) & ~state.active
    returns = may_return & (rng.random(len(away)) < p.return_rate)
    arriving = np.flatnonzero(returns | (static.signup_day == day))
    if len(arriving) == 0:
        return state
    active, stint_start, renews_on = state.active.copy(), state.stint_start.copy(), state.renews_on.copy()
    active[arriving], stint_start[arriving] = True, day
    renews_on[arriving] = months_later(p.first_day, stint_start[arriving], static.term[arriving])
    satisfaction = np.where(returns, static.mean_satisfaction, state.satisfaction)
    state = with_new_cards(p, state, active & ~state.active & (state.card_expires <= day), day)
    return replace(state, active=active, stint_start=stint_start, renews_on=renews_on, satisfaction=satisfaction)


def _leave(state: State, hazards: Hazards, day: int, rng: Generator) -> tuple[State, Codes]:
    """Draw which accounts churn today and by which cause; one account has at most one cause per day."""
    draws = rng.random(len(hazards.voluntary))
    total = hazards.voluntary + hazards.involuntary
    cause = np.where(draws < hazards.voluntary, VOLUNTARY, INVOLUNTARY)
    cause = np.where(draws < total, cause, STAYED).astype(np.int8)
    return _end_subscriptions(state, np.flatnonzero(cause), day), cause


def _merge(p: Parameters, state: State, rng: Generator) -> tuple[State, Ints]:
    """Merge a few accounts into others, which take over their seats and MRR; return the surviving account of each.

    Every account draws whether it merges today and into which one; both must be active, and in no dunning.
    """
    n = len(state.active)
    heir, draws, drawn = np.full(n, -1), rng.random(n), rng.integers(0, n, n)
    eligible = state.active & (state.dunning_day == 0)
    merges = eligible & (draws < p.merge_rate)
    merges &= eligible[drawn] & ~merges[drawn]
    merged = np.flatnonzero(merges)
    if len(merged) == 0:
        return state, heir
    heir[merged] = drawn[merged]
    seats, mrr = state.seats.copy(), state.mrr.copy()
    np.add.at(seats, heir[merged], seats[merged])
    np.add.at(mrr, heir[merged], mrr[merged])
    mrr[heir[merged]] = np.round(mrr[heir[merged]], 2)
    return replace(_end_subscriptions(state, merged, LONG_AGO), seats=seats, mrr=mrr), heir


def _end_subscriptions(state: State, accounts: Ints, day: int) -> State:
    """Return the state after these accounts' subscriptions ended: inactive, no dunning, no open ticket."""
    if len(accounts) == 0:
        return state
    changed = {
        name: getattr(state, name).copy() for name in ("active", "ended_on", "dunning_day", "dunning", "ticket_age")
    }
    changed["active"][accounts], changed["ended_on"][accounts] = False, day
    changed["dunning_day"][accounts], changed["dunning"][accounts], changed["ticket_age"][accounts] = 0, 0.0, -1
    return replace(state, **changed)


def _stacked(days: list[Day]) -> Day:
    return Day(
        stacked([day.lived for day in days]),
        stacked([day.hazards for day in days]),
        *(np.stack([getattr(day, name) for day in days]) for name in ("present", "arrived", "left", "heir")),
    )


# --- the journal -----------------------------------------------------------------------------


def _journal_rows(static: Static, day_number: int, day: Day) -> Journal:
    """Return the journal rows of one day: the accounts with an event."""
    lived, here = day.lived, day.present
    due = day_number % np.array(SURVEY_DAYS) == static.survey_turn
    asked = ((due << np.arange(len(SURVEY_DAYS))).sum(axis=1) * here).astype(np.int8)
    has_event = lived.billed | lived.recovered | lived.last_try | lived.repriced | lived.opened | lived.resolved
    has_event |= lived.champion_left | lived.card_given
    has_event = (has_event & here) | (lived.called > 0) | day.arrived | (day.left > 0) | (asked > 0)
    account = np.flatnonzero(has_event)
    kept = {f.name: getattr(lived, f.name)[account] for f in fields(Lived) if f.name != "trouble"}
    of_day = {name: getattr(day, name)[account] for name in ("arrived", "left", "heir", "present")}
    return Journal(account=account, day=np.full(len(account), day_number), asked=asked[account], **kept, **of_day)


def _joined_journal(journals: list[Journal]) -> Journal:
    """Return the journals of all days as one, sorted by account and then by day."""
    names = [f.name for f in fields(Journal)]
    journal = Journal(**{name: np.concatenate([getattr(part, name) for part in journals]) for name in names})
    return journal.take(np.argsort(journal.account, kind="stable"))
