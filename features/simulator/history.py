"""What happened: the days of a world lived one after the other, with arrivals, exits and merges.

A finished `World` keeps the state at each month's start and a journal of what was worth a line.
Everything else is lived again when asked for, month by month: the same seed, the same days. So a
long history needs no more memory than a month.
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
from undertow.features.simulator.world import apply_shock, step


@dataclass(frozen=True)
class Journal(PersonRows):
    """A line for each account and day on which something was worth it, by account and then by day."""

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
    arrived: Flags  # signed or came back
    left: Codes  # STAYED, VOLUNTARY, INVOLUNTARY or MERGED
    heir: Ints  # the account into which it was merged, or -1
    present: Flags  # at risk that day
    asked: Codes  # bit k: asked the k-th of SURVEYS


@dataclass(frozen=True)
class Day:
    """One day of history (n_accounts,), or a month of them (n_days, n_accounts)."""

    lived: Lived
    hazards: Hazards
    present: Flags  # at risk that day
    arrived: Flags  # signed or came back that day
    left: Codes  # STAYED, VOLUNTARY, INVOLUNTARY or MERGED
    heir: Ints  # the account into which it was merged, or -1


@dataclass(frozen=True)
class Scene:
    """What is settled before the first day."""

    parameters: Parameters
    seed: int
    static: Static
    releases: Releases
    release_effects: ReleaseEffects


@dataclass(frozen=True)
class World(Scene):
    """A finished run. `frozen`: the state at the first instant of each month, and at the end, by day."""

    journal: Journal
    frozen: dict[int, State]

    def month(self, number: int) -> Day:
        """Return the days of a month (0 = the first), stacked, lived again as they were."""
        p = self.parameters
        days = range(p.month_start(number), p.month_start(number + 1))
        return _stacked(list(_days(self, self.frozen[days.start], days)))

    def months(self) -> Iterator[Day]:
        """Yield all months in order, one at a time."""
        return (self.month(number) for number in range(self.parameters.months))

    def state_at(self, day: int) -> State:
        """Return the state at the first instant of any day from 0 to the end of the history."""
        start = max(known for known in self.frozen if known <= day)
        state = self.frozen[start]
        for now in range(start, day):
            state, _ = _live(self, state, now)
        return state


def run(p: Parameters, seed: int, progress: Callable[[float], None] | None = None) -> World:
    """Live through all days; keep the state at each month's start and the journal."""
    static, state = draw_accounts(p, stream(seed, 1))
    releases = joined(draw_releases(p, stream(seed, 2), (0, p.days), 1), planted_releases(p))
    scene = Scene(p, seed, static, releases, paint(releases, (0, p.days), 1))
    frozen, lines = dict[int, State](), list[Journal]()
    for number in range(p.months):
        frozen[p.month_start(number)] = state
        for now in range(p.month_start(number), p.month_start(number + 1)):
            state, lived = _live(scene, state, now)
            lines.append(_lines(static, now, lived))
        if progress is not None:
            progress((number + 1) / p.months)
    frozen[p.days] = state
    return World(p, seed, static, releases, scene.release_effects, _in_order(lines), frozen)


def stream(seed: int, *names: int) -> Generator:
    """Return a generator that depends on nothing but the seed and the numbers named."""
    return np.random.default_rng([seed, *names])


# --- one day ---------------------------------------------------------------------------------


def _days(scene: Scene, state: State, days: range) -> Iterator[Day]:
    for now in days:
        state, lived = _live(scene, state, now)
        yield lived


def _live(scene: Scene, state: State, day: int) -> tuple[State, Day]:
    """Live one day of history: some come, all live, some leave, a few become one."""
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
    """Return which accounts the shock of this position strikes: by lot, each account by one at most."""
    shares = [one.share for one in scene.parameters.shocks]
    luck = stream(scene.seed, 5).random(scene.parameters.accounts)
    low = sum(shares[:shock])
    return (luck >= low) & (luck < low + shares[shock])


def _arrive(p: Parameters, static: Static, state: State, day: int, rng: Generator) -> State:
    """Let new accounts sign and a few lost ones come back."""
    away = day - state.ended_on
    may_return = (away >= p.return_after) & (away <= p.return_before) & ~state.active
    returns = may_return & (rng.random(len(away)) < p.return_rate)
    comes = np.flatnonzero(returns | (static.signup_day == day))
    if len(comes) == 0:
        return state
    active, stint_start, renews_on = state.active.copy(), state.stint_start.copy(), state.renews_on.copy()
    active[comes], stint_start[comes] = True, day
    renews_on[comes] = months_later(p.first_day, stint_start[comes], static.term[comes])
    satisfaction = np.where(returns, static.mean_satisfaction, state.satisfaction)
    return replace(
        state, active=active, stint_start=stint_start, renews_on=renews_on, satisfaction=satisfaction
    )


def _leave(state: State, hazards: Hazards, day: int, rng: Generator) -> tuple[State, Codes]:
    """Draw who leaves today and why; both causes cannot happen on one day."""
    chance = rng.random(len(hazards.voluntary))
    both = hazards.voluntary + hazards.involuntary
    why = np.where(chance < hazards.voluntary, VOLUNTARY, INVOLUNTARY)
    why = np.where(chance < both, why, STAYED).astype(np.int8)
    return _gone(state, np.flatnonzero(why), day), why


def _merge(p: Parameters, state: State, rng: Generator) -> tuple[State, Ints]:
    """Let a few accounts go into another one, which takes their seats and their money."""
    heir = np.full(len(state.active), -1)
    here = np.flatnonzero(state.active & (state.dunning_day == 0))
    count = min(rng.poisson(p.merge_rate * len(here)), len(here) // 2)
    if count == 0:
        return state, heir
    gone, heirs = rng.choice(here, (2, count), replace=False)
    heir[gone] = heirs
    seats, mrr = state.seats.copy(), state.mrr.copy()
    seats[heirs] += seats[gone]
    mrr[heirs] = np.round(mrr[heirs] + mrr[gone], 2)
    return replace(_gone(state, gone, LONG_AGO), seats=seats, mrr=mrr), heir


def _gone(state: State, who: Ints, day: int) -> State:
    """End what ends with a subscription."""
    if len(who) == 0:
        return state
    changed = {
        name: getattr(state, name).copy() for name in ("active", "ended_on", "dunning_day", "dunning", "ticket_age")
    }
    changed["active"][who], changed["ended_on"][who] = False, day
    changed["dunning_day"][who], changed["dunning"][who], changed["ticket_age"][who] = 0, 0.0, -1
    return replace(state, **changed)


def _stacked(days: list[Day]) -> Day:
    return Day(
        stacked([day.lived for day in days]),
        stacked([day.hazards for day in days]),
        *(np.stack([getattr(day, name) for day in days]) for name in ("present", "arrived", "left", "heir")),
    )


# --- the journal -----------------------------------------------------------------------------


def _lines(static: Static, now: int, day: Day) -> Journal:
    """Return the lines of one day."""
    lived, here = day.lived, day.present
    due = now % np.array(SURVEY_DAYS) == static.survey_turn
    asked = ((due << np.arange(len(SURVEY_DAYS))).sum(axis=1) * here).astype(np.int8)
    worth = lived.billed | lived.recovered | lived.last_try | lived.repriced | lived.opened | lived.resolved
    worth = (worth & here) | (lived.called > 0) | day.arrived | (day.left > 0) | (asked > 0)
    account = np.flatnonzero(worth)
    kept = {f.name: getattr(lived, f.name)[account] for f in fields(Lived) if f.name != "trouble"}
    of_day = {name: getattr(day, name)[account] for name in ("arrived", "left", "heir", "present")}
    return Journal(account=account, day=np.full(len(account), now), asked=asked[account], **kept, **of_day)


def _in_order(lines: list[Journal]) -> Journal:
    """Join the days' lines, by account and then by day."""
    names = [f.name for f in fields(Journal)]
    joined_lines = Journal(**{name: np.concatenate([getattr(one, name) for one in lines]) for name in names})
    return joined_lines.take(np.argsort(joined_lines.account, kind="stable"))
