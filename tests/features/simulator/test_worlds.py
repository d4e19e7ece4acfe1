"""Worlds with something planted: noise, a hidden cause, calls by judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.features.simulator import WORLDS, Parameters, World, lever_effects, run
from undertow.features.simulator.history import Day
from undertow.features.simulator.state import ACCEPTED, CONTROL, DECLINED


def _all(world: World, what: Callable[[Day], NDArray[np.generic]]) -> NDArray[np.generic]:
    """Return one array of all days, (n_days, n_accounts)."""
    return np.concatenate([what(month) for month in world.months()])


def _risk(world: World, who: NDArray[np.bool_]) -> float:
    """Return the mean chance per day at risk with which the accounts leave by choice."""
    chances = sum(month.hazards.voluntary[:, who].sum() for month in world.months())
    return float(chances / sum(month.present[:, who].sum() for month in world.months()))


def _auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    rank = np.argsort(np.argsort(score)) + 1
    n = positive.sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum()))


# --- noise -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise() -> World:
    """The world in which nothing foretells anything, in small."""
    return run(replace(WORLDS["noise"], accounts=1000, months=12), seed=1)


def test_in_noise_everybody_runs_the_same_risk(noise: World) -> None:
    p = noise.parameters
    for month in noise.months():
        assert set(month.hazards.voluntary[month.present]) == {p.lottery_voluntary}
        assert set(month.hazards.involuntary[month.present]) == {p.lottery_involuntary}


def test_in_noise_nothing_that_is_true_of_an_account_foretells_its_churn(noise: World) -> None:
    state = noise.frozen[0]
    stays = noise.frozen[noise.parameters.days].active[state.active]
    assert 90 < (~stays).sum() < 200
    known = [getattr(state, name) for name in ("satisfaction", "engagement", "seats", "mrr", "card_risk", "renews_on")]
    known += [noise.static.quiet_errors, noise.static.complexity, noise.static.signup_day]
    for latent in known:
        luck = latent[state.active].astype(np.float64)
        assert abs(_auroc(luck, ~stays) - 0.5) < 3.5 * 0.29 / np.sqrt((~stays).sum())


# --- a hidden cause --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def confounded() -> World:
    """The world with a hidden cause, in small."""
    return run(replace(WORLDS["confounded"], accounts=2000, months=12), seed=1)


def test_a_hidden_trait_slows_pages_and_keeps_customers(confounded: World) -> None:
    assert np.corrcoef(confounded.static.quiet_load, confounded.static.leaning)[0, 1] < -0.6
    assert np.corrcoef(confounded.static.quiet_errors, confounded.static.leaning)[0, 1] < -0.3


def test_the_slow_seem_to_stay_but_faster_pages_would_keep_them(confounded: World) -> None:
    load = confounded.static.quiet_load
    slow, fast = load > np.quantile(load, 0.67), load < np.quantile(load, 0.33)
    assert _risk(confounded, slow) < 0.85 * _risk(confounded, fast)
    table = lever_effects(confounded, date(2023, 6, 1), paths=4)
    faster = table["lever"].to_numpy(zero_copy_only=False) == "pages half a second faster"
    assert faster.any() and table["effect"].to_numpy()[faster].mean() < 0.0


def test_without_it_no_leaning_is_hidden() -> None:
    world = run(Parameters(accounts=50, months=1), seed=1)
    assert (world.static.leaning == 0.0).all()


# --- calls -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def treated() -> World:
    """The world with a trial and a team that calls, with more of the trial: 2,000 accounts x 10 months."""
    return run(replace(WORLDS["treated"], accounts=2000, months=10, contact_rate=0.006), seed=1)


def test_the_team_calls_the_unhappy(treated: World) -> None:
    j, usual = treated.journal, treated.frozen[151].satisfaction
    assert j.satisfaction[j.chosen].mean() < np.median(usual) - 0.7
    assert set(j.called[j.chosen]) == {DECLINED, ACCEPTED}


def test_the_arms_of_the_trial_are_alike(treated: World) -> None:
    j = treated.journal
    control, called = (
        j.satisfaction[(j.called > 0) & ~j.chosen & ((j.called == CONTROL) == held)] for held in (True, False)
    )
    assert len(control) / (len(control) + len(called)) == pytest.approx(0.5, abs=0.05)
    noise = np.sqrt(control.var() / len(control) + called.var() / len(called))
    assert abs(control.mean() - called.mean()) < 3.5 * noise


@pytest.fixture(scope="module")
def risk_after(treated: World) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
    """Return a function from lines of the journal to the chances of leaving by choice in the 60 days after."""
    chances = np.cumsum(_all(treated, lambda month: month.hazards.voluntary), axis=0)

    def risk(which: NDArray[np.bool_]) -> NDArray[np.float64]:
        j = treated.journal.take(np.flatnonzero(which & (treated.journal.day < len(chances) - 60)))
        return np.asarray(chances[j.day + 60, j.account] - chances[j.day, j.account])

    return risk


def test_who_took_the_offer_of_the_trial_leaves_less_than_the_control(
    treated: World, risk_after: Callable[[NDArray[np.bool_]], NDArray[np.float64]]
) -> None:
    j = treated.journal
    taken, control = (risk_after((j.called == arm) & ~j.chosen) for arm in (ACCEPTED, CONTROL))
    assert len(taken) > 200
    assert taken.mean() < 0.85 * control.mean()


def test_calls_by_judgement_seem_to_drive_customers_away(
    treated: World, risk_after: Callable[[NDArray[np.bool_]], NDArray[np.float64]]
) -> None:
    j = treated.journal
    assert risk_after(j.chosen).mean() > 1.5 * risk_after((j.called == CONTROL) & ~j.chosen).mean()
