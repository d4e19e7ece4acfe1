"""Draws the accounts of a world: their fixed traits and their initial state."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.state import LONG_AGO, NO_CARD, SURVEY_DAYS, Floats, Ints, State, Static


def draw_accounts(p: Parameters, rng: Generator) -> tuple[Static, State]:
    """Draw the fixed traits of the accounts and their initial state."""
    n = p.accounts
    seats = np.clip(np.round(rng.lognormal(np.log(p.seats_median), p.seats_spread, n)), 1, 300)
    heavy = (seats / 4.0) ** 0.45 * rng.lognormal(-0.1, 0.45, n)
    static = _draw_static(p, seats, heavy, rng)
    return static, _draw_state(p, static, seats.astype(np.int64), heavy, rng)


def _draw_static(p: Parameters, seats: Floats, heavy: Floats, rng: Generator) -> Static:
    n = p.accounts
    old = rng.random(n) < p.old_share
    annual = rng.random(n) < p.annual_share + 0.12 * np.log(seats / p.seats_median)
    complexity = np.clip(rng.normal(0.25 * np.log(seats / 4.0), 0.9, n), -2.5, 2.5)
    hidden = rng.standard_normal(n)
    errors = p.error_share * np.exp(0.3 * complexity + rng.normal(0.0, 0.5, n) + p.hidden_error * hidden)
    load = p.load_seconds * np.exp(0.2 * complexity + rng.normal(0.0, 0.2, n)) + p.hidden_load * hidden
    return Static(
        signup_day=np.where(old, -rng.integers(1, 1100, n), rng.integers(0, p.days, n)),
        clock=rng.integers(0, 6 * 3600, n),
        segment=_segment(seats, rng),
        term=np.where(annual, 12, 1),
        discount=np.where(rng.random(n) < p.discount_share, rng.uniform(0.1, 0.3, n), 0.0),
        complexity=complexity,
        quiet_errors=errors,
        quiet_load=np.maximum(load, 0.2),
        mix=rng.dirichlet((1.0, 0.45, 0.35), n),
        mean_satisfaction=rng.normal(0.15, p.satisfaction_mean_sd, n),
        session_base=p.session_rate * heavy,
        by_invoice=annual & (seats > 15),
        response=rng.normal(p.contact_response, p.contact_spread, n),
        leaning=p.hidden_churn * hidden,
        survey_turn=np.stack([rng.integers(0, every, n) for every in SURVEY_DAYS], axis=1),
    )


def _segment(seats: Floats, rng: Generator) -> Ints:
    """Return the segment of each account by its number of seats, with the noise of real segment labels."""
    noisy_seats = seats * rng.lognormal(0.0, 0.3, len(seats))
    return np.searchsorted((3.5, 15.0, 60.0), noisy_seats).astype(np.int64)


def _draw_state(p: Parameters, static: Static, seats: Ints, heavy: Floats, rng: Generator) -> State:
    n = len(seats)
    satisfaction = static.mean_satisfaction + rng.normal(0.0, 0.5, n)
    habit = rng.normal(0.0, 0.4, n) + 0.35 * np.log(heavy)
    price_rise_on = -rng.integers(30, 500, n)
    price = p.seat_price * seats**0.98 * rng.lognormal(0.0, 0.25, n) * (1.0 - static.discount)
    risk = p.card_failure * rng.lognormal(-(p.card_spread**2) / 2, p.card_spread, n)
    missed = _missed(p, static, rng)
    months_left = rng.integers(1, p.card_months + 1, n)  # of the card given at signup, or the one on file on day 0
    return State(
        active=static.signup_day < 0,
        satisfaction=satisfaction,
        engagement=habit - missed + p.engagement_follows * satisfaction,
        habit=habit,
        missed=missed,
        champion=np.zeros(n, np.int64),
        champion_since=np.full(n, LONG_AGO),
        seats=seats,
        mrr=np.round(price, 2),
        stint_start=static.signup_day,
        ended_on=np.full(n, LONG_AGO),
        renews_on=_first_renewal(p, static),
        price_rise_on=np.where(price_rise_on > static.signup_day, price_rise_on, LONG_AGO),
        card_risk=np.minimum(risk * np.where(static.by_invoice, 0.3, 1.0), 0.3),
        card_since=static.signup_day,
        card_expires=np.where(
            static.by_invoice, NO_CARD, month_start(p.first_day, np.maximum(static.signup_day, 0), months_left)
        ),
        dunning_day=np.zeros(n, np.int64),
        dunning=np.zeros(n),
        trouble=np.zeros(n),
        ticket_base=p.ticket_rate * (seats / 4.0) ** 0.4,
        ticket_age=np.full(n, -1),
        offer_on=np.full(n, LONG_AGO),
    )


def _missed(p: Parameters, static: Static, rng: Generator) -> Floats:
    """Return the engagement still missed from the last most active user who left before day 0."""
    ago = rng.exponential(1.0 / p.champion_loss, p.accounts) if p.champion_loss else np.full(p.accounts, np.inf)
    left = p.champion_weight * rng.exponential(1.0, p.accounts) * np.exp2(-ago / p.champion_halving)
    return np.where(ago < -static.signup_day, left, 0.0)


def _first_renewal(p: Parameters, static: Static) -> Ints:
    """Return the day of each account's first billing after its signup that is not before day 0."""
    due = months_later(p.first_day, static.signup_day, static.term)
    while (due < 0).any():
        due = np.where(due < 0, months_later(p.first_day, due, static.term), due)
    return due


def month_start(first_day: np.datetime64, day: Ints | int, months: Ints | int) -> Ints:
    """Return the day numbers of the first day of the month, `months` calendar months after that of `day`."""
    month = (first_day + day).astype("datetime64[M]") + months
    return np.asarray((month.astype("datetime64[D]") - first_day).astype(np.int64))


def months_later(first_day: np.datetime64, day: Ints, months: Ints) -> Ints:
    """Return the day numbers `months` calendar months on; days 29-31 become the 28th."""
    date = first_day + day
    month = date.astype("datetime64[M]")
    day_of_month = np.minimum((date - month.astype("datetime64[D]")).astype(np.int64), 27)
    later: Ints = (month + months).astype("datetime64[D]") + day_of_month - first_day
    return later.astype(np.int64)
