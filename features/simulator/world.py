"""The simulation step: one day of all accounts (or of many future paths), vectorised and without side effects.

Latent variables are satisfaction S and engagement E (both about -2 to 2). Errors, load time, tickets and
prices move S, S moves E, E moves usage, and all of them move the hazards. `step` draws no exits: `history`
draws them, and `branches` integrates the hazards instead.

Every step draws the same numbers for every row, whatever a lever or an exit changes, so two branches with one seed
differ only by the lever, and two histories only by what was planted (common random numbers).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.draws import Draws
from undertow.features.simulator.parameters import Parameters, PlantedCause, Shock
from undertow.features.simulator.population import month_start, months_later
from undertow.features.simulator.releases import ReleaseEffects
from undertow.features.simulator.state import (
    ACCEPTED,
    CONTROL,
    DECLINED,
    NO_CARD,
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

CARD_NOTICE = 30  # days before a card expires from which on it is replaced
MOST_TICKETS = 2.5  # log of the largest factor on the ticket rate of quiet weeks
HABIT_LOST = 2.5  # engagement lost when a planted shock makes the most active user leave
MOST_MISSED = 4.0  # engagement lost at most when the most active user leaves
STORM = 30.0  # factor on the ticket rate of quiet weeks after a planted shock of tickets


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
    """Simulate one day without drawing exits; return the new state, the observable variables and the hazards.

    `expected_cards`: carry the probability of being in dunning instead of drawing it. Dunning affects
    only the involuntary hazard, so this integrates over card failures exactly.
    """
    extra_error, extra_load = release_effects.felt(day, static.mix)
    state = replace(state, trouble=_incident_errors(p, state, rng))
    state = _lose_champions(p, state, day, rng)
    errors = p.error_factor * (static.quiet_errors + state.trouble + extra_error)
    load = np.maximum(static.quiet_load + extra_load + p.load_shift, 0.2)
    state = _update_satisfaction(p, static, state, rng, errors, load)
    state = _replace_cards(p, state, day, rng)
    state, billed, repriced = _bill(p, static, state, day, rng)
    state, card_failed, recovered, last_try = _collect_payments(p, state, billed, day, rng, expected_cards)
    state, opened, resolved, reopened = _support(p, state, errors, rng)
    state, called, chosen = _call_accounts(p, state, day, rng)
    lived = Lived(
        satisfaction=state.satisfaction,
        engagement=state.engagement,
        seats=state.seats,
        mrr=state.mrr,
        renews_on=state.renews_on,
        trouble=state.trouble,
        champion=state.champion,
        champion_left=state.champion_since == day,
        card_given=state.card_since == day,
        card_expires=state.card_expires,
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


def apply_shock(state: State, shock: Shock, hit: Flags) -> State:
    """Return the state after a planted shock on the accounts that are hit; a release has its effect in `releases`."""
    if shock.kind == PlantedCause.card:
        has_card = hit & state.active & (state.card_expires != NO_CARD)
        return replace(state, card_expires=np.where(has_card, shock.day, state.card_expires))
    if shock.kind == PlantedCause.habit:
        who = np.flatnonzero(hit & state.active)
        return _without_champion(state, who, np.full(len(who), HABIT_LOST), shock.day)
    if shock.kind == PlantedCause.tickets:
        return replace(state, ticket_base=np.where(hit, STORM * state.ticket_base, state.ticket_base))
    return state


def _incident_errors(p: Parameters, state: State, rng: Generator) -> Floats:
    """Return the extra errors per page view from incidents: old ones decay, new ones hit single accounts."""
    n = len(state.trouble)
    hit = rng.integers(0, n, rng.binomial(n, p.incident_rate))  # as many whatever the state
    trouble = state.trouble * (1.0 - p.incident_healing)
    trouble[hit] += rng.exponential(p.incident_error, len(hit))
    return np.minimum(trouble, 0.3)


def _lose_champions(p: Parameters, state: State, day: int, rng: Generator) -> State:
    """Let a few of the most active users leave, and successors make good a part of earlier losses."""
    draws = rng.random(len(state.active), dtype=np.float32)
    state = replace(state, missed=state.missed * 0.5 ** (1.0 / p.champion_halving))
    who = np.flatnonzero((draws < p.champion_loss) & state.active & (state.champion_since < day))
    if len(who) == 0:
        return state
    lost = -p.champion_weight * np.log1p(-draws[who].astype(np.float64) / p.champion_loss)
    return _without_champion(state, who, np.minimum(lost, MOST_MISSED), day)


def _without_champion(state: State, who: Ints, lost: Floats, day: int) -> State:
    """Return the state after the most active users of some accounts left: engagement falls at once by `lost`."""
    missed, engagement = state.missed.copy(), state.engagement.copy()
    champion, since = state.champion.copy(), state.champion_since.copy()
    missed[who] += lost
    engagement[who] -= lost
    champion[who] += 1
    since[who] = day
    return replace(state, missed=missed, engagement=engagement, champion=champion, champion_since=since)


def _update_satisfaction(
    p: Parameters, static: Static, state: State, rng: Generator, errors: Floats, load: Floats
) -> State:
    """Update satisfaction from errors, load time and open tickets, and engagement from satisfaction."""
    noise = rng.standard_normal((2, len(load)), dtype=np.float32)
    pressure = p.error_weight * (errors - 1.5 * p.error_share) + p.load_weight * (load - p.load_seconds)
    pressure += p.ticket_weight * (state.ticket_age > 4)
    s, e = state.satisfaction, state.engagement
    s = s + p.satisfaction_pull * (static.mean_satisfaction - pressure - s) + p.satisfaction_noise * noise[0]
    usual = state.habit - state.missed + p.engagement_follows * s
    e = e + p.engagement_pull * (usual - e) + p.engagement_noise * noise[1]
    return replace(state, satisfaction=s, engagement=e)


def _bill(p: Parameters, static: Static, state: State, day: int, rng: Generator) -> tuple[State, Flags, Flags]:
    """Bill and renew the subscriptions that are due; raise some prices and change some numbers of seats."""
    keys = rng.integers(0, 1 << 64, len(state.active), np.uint64)
    billed = state.active & (state.renews_on == day)
    due = np.flatnonzero(billed)
    if len(due) == 0:
        return state, billed, billed
    seats, mrr = state.seats.copy(), state.mrr.copy()
    renews_on, price_rise_on, s = state.renews_on.copy(), state.price_rise_on.copy(), state.satisfaction.copy()
    renews_on[due] = months_later(p.first_day, renews_on[due], static.term[due])

    old_price = day - np.maximum(price_rise_on[due], state.stint_start[due]) > 330
    draw = Draws(keys[due])
    rises = old_price & (draw.uniform("price rises") < p.price_rise)
    price_rise_on[due] = np.where(rises, day, price_rise_on[due])
    seats[due] = _new_seats(p, static.term[due], seats[due], s[due], draw)
    factor = np.where(rises, draw.uniform("price factor", 1.04, 1.15), 1.0)
    mrr[due] = np.round(mrr[due] * factor * seats[due] / state.seats[due], 2)
    s[due] -= p.price_blow * rises
    after = replace(state, seats=seats, mrr=mrr, renews_on=renews_on, price_rise_on=price_rise_on, satisfaction=s)
    return after, billed, mrr != state.mrr


def _replace_cards(p: Parameters, state: State, day: int, rng: Generator) -> State:
    """Replace some of the cards that expire soon or have expired; after a billing failed on one, paying replaces it."""
    draws = rng.random(len(state.active), dtype=np.float32)
    due = (state.card_expires - day <= CARD_NOTICE) & state.active & (draws < p.card_replaced)
    return with_new_cards(p, state, due & ~_failed_expired(state, day), day)


def _failed_expired(state: State, day: int) -> Flags:
    """Return which accounts are in dunning since a billing on an expired card; `day`: one on which none was billed."""
    return (state.dunning_day > 0) & (state.card_expires <= day - state.dunning_day)


def with_new_cards(p: Parameters, state: State, who: Flags, day: int) -> State:
    """Return the state after these accounts gave a new card, which expires on the first of a month."""
    if not who.any():
        return state
    expires = month_start(p.first_day, day, p.card_months)
    return replace(
        state,
        card_since=np.where(who, day, state.card_since),
        card_expires=np.where(who, expires, state.card_expires),
    )


def _new_seats(p: Parameters, term: Ints, seats: Ints, satisfaction: Floats, draw: Draws) -> Ints:
    """Return the seats after billing: a few accounts grow or shrink by about a fifth; satisfied ones grow."""
    changes = draw.uniform("seats change") < p.seat_change * np.where(term == 12, 6, 1)
    grows = draw.uniform("seats grow") < logistic(0.3 + 0.9 * satisfaction)
    size = np.maximum(1, np.round(seats * draw.uniform("seats by", 0.08, 0.3))).astype(np.int64)
    return np.where(changes, np.clip(seats + np.where(grows, size, -size), 1, 300), seats)


def _collect_payments(
    p: Parameters, state: State, billed: Flags, today: int, rng: Generator, expected: bool
) -> tuple[State, Flags, Flags, Flags]:
    """Charge the cards of the billed accounts, and retry those in dunning; on its last day the subscription may end.

    An expired card fails; whoever pays after that has given a new one.
    """
    risk = np.where(state.card_expires <= today, 1.0, state.card_risk)
    had_expired = _failed_expired(state, today)
    in_dunning = state.dunning_day > 0
    day = np.where(in_dunning, state.dunning_day + 1, 0)
    over = day > p.dunning_days + 1
    retried = in_dunning & (day <= p.dunning_days)
    if expected:
        dunning = np.where(retried, state.dunning * (1.0 - p.recovery), state.dunning)
        dunning = np.where(billed, risk, np.where(over, 0.0, dunning))
    else:
        draws = rng.random(len(billed))
        repaired = retried & (draws < p.recovery)
        dunning = np.where(repaired | over, 0.0, state.dunning)
        dunning = np.where(billed, draws < risk, dunning)
    day = np.where(billed, 1, day) * (dunning > 0.0)
    recovered = retried & (dunning == 0.0)
    state = with_new_cards(p, state, had_expired & (recovered | over), today)
    after = replace(state, dunning=dunning, dunning_day=day)
    return after, billed & (dunning > 0.0), recovered, day == p.dunning_days + 1


def _support(p: Parameters, state: State, errors: Floats, rng: Generator) -> tuple[State, Flags, Flags, Flags]:
    """Open and resolve tickets, at most one open per account; resolution is slower at low satisfaction."""
    n, s, age = len(errors), state.satisfaction, state.ticket_age
    draws = rng.random(n, dtype=np.float32)
    opened, resolved, reopened = np.zeros((3, n), bool)

    waiting = np.flatnonzero(age >= 0)
    odds = np.log(p.support_speed) + p.resolve_logit + p.resolve_satisfaction * s[waiting]
    done = logistic(odds)
    resolved[waiting] = draws[waiting] < done
    reopen_share = np.minimum(p.reopen_share * np.exp(-0.6 * s[waiting]), 1.0)
    reopened[waiting] = draws[waiting] < done * reopen_share

    might = np.flatnonzero((draws < np.exp(MOST_TICKETS) * state.ticket_base) & state.active & (age < 0))
    log_factor = 12.0 * (errors[might] - p.error_share) - 0.35 * s[might]
    opened[might] = draws[might] < state.ticket_base[might] * np.exp(np.clip(log_factor, -2.0, MOST_TICKETS))

    age = age + (age >= 0)
    age[resolved] = -1
    age[opened] = 0
    after = replace(state, ticket_age=age, satisfaction=s - p.reopen_blow * reopened)
    return after, opened, resolved, reopened


def _call_accounts(p: Parameters, state: State, day: int, rng: Generator) -> tuple[State, Codes, Flags]:
    """Make the retention calls: a randomised trial with a control half, and calls chosen by low satisfaction."""
    n = len(state.active)
    draws = rng.random(n, dtype=np.float32)
    called, chosen = np.zeros(n, np.int8), np.zeros(n, bool)
    in_trial = np.flatnonzero((draws < p.contact_rate) & state.active)
    arm_draw = draws[in_trial] / p.contact_rate if p.contact_rate else draws[in_trial]
    offered = np.where(arm_draw < 0.5 * p.contact_accepted, ACCEPTED, DECLINED)
    called[in_trial] = np.where(arm_draw < 0.5, offered, CONTROL)
    if p.targeted_rate:
        rate = p.targeted_rate * np.exp(-1.5 * (state.satisfaction + 1.0))
        threshold = 1.0 - np.minimum(rate, 0.1)
        chosen = (draws > threshold) & state.active
        called[chosen] = np.where(
            (draws[chosen] - threshold[chosen]) < p.contact_accepted * (1.0 - threshold[chosen]), ACCEPTED, DECLINED
        )
    return replace(state, offer_on=np.where(called == ACCEPTED, day, state.offer_on)), called, chosen


def _hazards(p: Parameters, static: Static, state: State, day: int) -> Hazards:
    """Return today's hazards by cause; 0 for inactive accounts."""
    if p.lottery:
        active = state.active.astype(np.float64)
        return Hazards(p.lottery_voluntary * active, p.lottery_involuntary * active)
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
