"""The world: one pure step a day, vectorised over accounts (or over paths into the future).

Latents are satisfaction S and engagement E (both about -2 to 2). What the product does to an
account moves S, S moves E, E moves usage, and all of them move the hazards. `step` draws no
exits: `history` does that for what happened, and `branches` looks ahead without them.

How many numbers a step draws never depends on what a lever may change, so that two branches with
the same seed meet the same luck (common random numbers).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.parameters import Parameters, PlantedCause, Shock
from undertow.features.simulator.population import months_later
from undertow.features.simulator.releases import ReleaseEffects
from undertow.features.simulator.state import (
    ACCEPTED,
    CONTROL,
    DECLINED,
    Codes,
    Flags,
    Floats,
    Hazards,
    Ints,
    Lived,
    State,
    Static,
    logistic,
)

MOST_TICKETS = 2.5  # log of the factor by which tickets may exceed an account's quiet weeks
STORM = 30.0  # tickets against quiet weeks, while a planted storm lasts


def step(
    p: Parameters,
    static: Static,
    state: State,
    day: int,
    rng: Generator,
    release_effects: ReleaseEffects,
    *,
    expected_cards: bool = False,
) -> tuple[State, Lived, Hazards]:
    """Live one day, without drawing who leaves.

    `expected_cards`: carry the probability of being in dunning instead of drawing it. Dunning
    moves nothing but the involuntary hazard, so this integrates the cards out exactly.
    """
    extra_error, extra_load = release_effects.felt(day, static.mix)
    state = replace(state, trouble=_trouble(p, state, rng))
    errors = p.error_factor * (static.quiet_errors + state.trouble + extra_error)
    load = np.maximum(static.quiet_load + extra_load + p.load_shift, 0.2)
    state = _feel(p, static, state, rng, errors, load)
    state, billed, repriced = _bill(p, static, state, day, rng)
    state, card_failed, recovered, last_try = _collect(p, state, billed, rng, expected_cards)
    state, opened, resolved, reopened = _support(p, state, errors, rng)
    state, called, chosen = _call(p, state, day, rng)
    lived = Lived(
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
        called=called,
        chosen=chosen,
    )
    return state, lived, _hazards(p, static, state, day)


def apply_shock(state: State, shock: Shock, struck: Flags) -> State:
    """Plant a shock on the accounts that are struck; a release is planted in the calendar instead."""
    if shock.kind == PlantedCause.card:
        return replace(state, card_risk=np.where(struck, 1.0, state.card_risk))
    if shock.kind == PlantedCause.habit:
        lost = np.where(struck, 2.5, 0.0)
        return replace(state, habit=state.habit - lost, engagement=state.engagement - lost)
    if shock.kind == PlantedCause.tickets:
        return replace(state, ticket_base=np.where(struck, STORM * state.ticket_base, state.ticket_base))
    return state


def _trouble(p: Parameters, state: State, rng: Generator) -> Floats:
    """Let old incidents heal and new ones strike single accounts."""
    n = len(state.trouble)
    struck = rng.integers(0, n, rng.binomial(n, p.incident_rate))
    trouble = state.trouble * (1.0 - p.incident_healing)
    trouble[struck] += rng.exponential(p.incident_error, len(struck))
    return np.minimum(trouble, 0.3)


def _feel(p: Parameters, static: Static, state: State, rng: Generator, errors: Floats, load: Floats) -> State:
    """Move satisfaction toward what the account lives through, and engagement after it."""
    noise = rng.standard_normal((2, len(load)), dtype=np.float32)
    pressure = p.error_weight * (errors - 1.5 * p.error_share) + p.load_weight * (load - p.load_seconds)
    pressure += p.ticket_weight * (state.ticket_age > 4)
    s, e = state.satisfaction, state.engagement
    s = s + p.satisfaction_pull * (static.mean_satisfaction - pressure - s) + p.satisfaction_noise * noise[0]
    e = e + p.engagement_pull * (state.habit + p.engagement_follows * s - e) + p.engagement_noise * noise[1]
    return replace(state, satisfaction=s, engagement=e)


def _bill(p: Parameters, static: Static, state: State, day: int, rng: Generator) -> tuple[State, Flags, Flags]:
    """Renew what is due; some prices rise and some accounts change their seats."""
    billed = state.active & (state.renews_on == day)
    due = np.flatnonzero(billed)
    if len(due) == 0:
        return state, billed, billed
    seats, mrr = state.seats.copy(), state.mrr.copy()
    renews_on, price_rise_on, s = state.renews_on.copy(), state.price_rise_on.copy(), state.satisfaction.copy()
    renews_on[due] = months_later(p.first_day, renews_on[due], static.term[due])

    old_price = day - np.maximum(price_rise_on[due], state.stint_start[due]) > 330
    rises = old_price & (rng.random(len(due)) < p.price_rise)
    price_rise_on[due] = np.where(rises, day, price_rise_on[due])
    seats[due] = _new_seats(p, static.term[due], seats[due], s[due], rng)
    factor = np.where(rises, 1.0 + rng.uniform(0.04, 0.15, len(due)), 1.0)
    mrr[due] = np.round(mrr[due] * factor * seats[due] / state.seats[due], 2)
    s[due] -= p.price_blow * rises
    after = replace(
        state, seats=seats, mrr=mrr, renews_on=renews_on, price_rise_on=price_rise_on, satisfaction=s
    )
    return after, billed, mrr != state.mrr


def _new_seats(p: Parameters, term: Ints, seats: Ints, satisfaction: Floats, rng: Generator) -> Ints:
    """Let a few accounts grow or shrink by about a fifth; the content grow."""
    changes = rng.random(len(seats)) < p.seat_change * np.where(term == 12, 6, 1)
    grows = rng.random(len(seats)) < logistic(0.3 + 0.9 * satisfaction)
    size = np.maximum(1, np.round(seats * rng.uniform(0.08, 0.3, len(seats)))).astype(np.int64)
    return np.where(changes, np.clip(seats + np.where(grows, size, -size), 1, 300), seats)


def _collect(
    p: Parameters, state: State, billed: Flags, rng: Generator, expected: bool
) -> tuple[State, Flags, Flags, Flags]:
    """Try the cards: fail, mend or wait. Whoever is still failing on the last day may lose all."""
    waiting = state.dunning_day > 0
    day = np.where(waiting, state.dunning_day + 1, 0)
    over = day > p.dunning_days + 1
    retried = waiting & (day <= p.dunning_days)
    if expected:
        dunning = np.where(retried, state.dunning * (1.0 - p.recovery), state.dunning)
        dunning = np.where(billed, state.card_risk, np.where(over, 0.0, dunning))
    else:
        chance = rng.random(len(billed))
        mended = retried & (chance < p.recovery)
        dunning = np.where(mended | over, 0.0, state.dunning)
        dunning = np.where(billed, chance < state.card_risk, dunning)
    day = np.where(billed, 1, day) * (dunning > 0.0)
    recovered = retried & (dunning == 0.0)
    after = replace(state, dunning=dunning, dunning_day=day)
    return after, billed & (dunning > 0.0), recovered, day == p.dunning_days + 1


def _support(p: Parameters, state: State, errors: Floats, rng: Generator) -> tuple[State, Flags, Flags, Flags]:
    """Open and resolve tickets, one at a time per account; slower for the unhappy."""
    n, s, age = len(errors), state.satisfaction, state.ticket_age
    chance = rng.random(n, dtype=np.float32)
    opened, resolved, reopened = np.zeros((3, n), bool)

    waiting = np.flatnonzero(age >= 0)
    odds = np.log(p.support_speed) + p.resolve_logit + p.resolve_satisfaction * s[waiting]
    done = logistic(odds)
    resolved[waiting] = chance[waiting] < done
    again = np.minimum(p.reopen_share * np.exp(-0.6 * s[waiting]), 1.0)
    reopened[waiting] = chance[waiting] < done * again

    might = np.flatnonzero((chance < np.exp(MOST_TICKETS) * state.ticket_base) & state.active & (age < 0))
    more = 12.0 * (errors[might] - p.error_share) - 0.35 * s[might]
    opened[might] = chance[might] < state.ticket_base[might] * np.exp(np.clip(more, -2.0, MOST_TICKETS))

    age = age + (age >= 0)
    age[resolved] = -1
    age[opened] = 0
    after = replace(state, ticket_age=age, satisfaction=s - p.reopen_blow * reopened)
    return after, opened, resolved, reopened


def _call(p: Parameters, state: State, day: int, rng: Generator) -> tuple[State, Codes, Flags]:
    """Call some accounts: by lot, with a control half, and whom the team worries about."""
    n = len(state.active)
    chance = rng.random(n, dtype=np.float32)
    called, chosen = np.zeros(n, np.int8), np.zeros(n, bool)
    by_lot = np.flatnonzero((chance < p.contact_rate) & state.active)
    luck = chance[by_lot] / p.contact_rate if p.contact_rate else chance[by_lot]
    offered = np.where(luck < 0.5 * p.contact_accepted, ACCEPTED, DECLINED)
    called[by_lot] = np.where(luck < 0.5, offered, CONTROL)
    if p.targeted_rate:
        rate = p.targeted_rate * np.exp(-1.5 * (state.satisfaction + 1.0))
        top = 1.0 - np.minimum(rate, 0.1)
        chosen = (chance > top) & state.active
        called[chosen] = np.where(
            (chance[chosen] - top[chosen]) < p.contact_accepted * (1.0 - top[chosen]), ACCEPTED, DECLINED
        )
    return replace(state, offer_on=np.where(called == ACCEPTED, day, state.offer_on)), called, chosen


def _hazards(p: Parameters, static: Static, state: State, day: int) -> Hazards:
    """Return the chances of leaving today, by cause; 0 for accounts that are not there."""
    if p.lottery:
        here = state.active.astype(np.float64)
        return Hazards(p.lottery_voluntary * here, p.lottery_involuntary * here)
    s = state.satisfaction
    to_renewal = state.renews_on - day
    annual = p.annual_base + p.annual_window * (to_renewal <= 14)
    monthly = p.monthly_base + p.monthly_window * (to_renewal <= 4)
    logit = np.where(static.term == 12, annual, monthly) + static.leaning
    logit += p.hazard_satisfaction * s + p.hazard_misery * np.maximum(0.0, -0.8 - s)
    logit += p.hazard_engagement * state.engagement
    logit += p.hazard_price * np.exp2(-(day - state.price_rise_on) / 30.0)
    logit += p.hazard_tenure * np.log1p(np.maximum(0, day - state.stint_start) / 90.0)
    logit += p.hazard_complexity * static.complexity
    logit += p.hazard_season * np.cos(2.0 * np.pi * (day - 15) / 365.25)
    offered = np.flatnonzero(day - state.offer_on < 8 * p.contact_halving)
    logit[offered] += static.response[offered] * np.exp2(-(day - state.offer_on[offered]) / p.contact_halving)
    voluntary = np.minimum(logistic(logit), 0.06)
    last_day = state.dunning_day == p.dunning_days + 1
    involuntary = np.where(last_day, state.dunning * (1.0 - p.recovery), 0.0)
    return Hazards(voluntary * state.active, involuntary * state.active)
