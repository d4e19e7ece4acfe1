"""BG/NBD, Pareto/NBD and Gamma-Gamma: published parameters, gradients, limits, recovery of simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from tests.training.value.purchases.histories_by_hand import simulated_record
from undertow.features.errors import ModelRefusal
from undertow.training.value.purchases import pareto_nbd
from undertow.training.value.purchases.bg_nbd import BgNbd, fit_bg_nbd
from undertow.training.value.purchases.gamma_gamma import GammaGamma, fit_gamma_gamma
from undertow.training.value.purchases.history import Summary, read_purchases, summarise
from undertow.training.value.purchases.pareto_nbd import ParetoNbd, fit_pareto_nbd

PUBLISHED = ParetoNbd(0.553, 10.578, 0.606, 11.669)


@pytest.fixture(scope="module")
def cdnow(shared_data: Callable[[str], Path]) -> Summary:
    """The published 1/10 sample, 39 weeks; free purchases count, as in the papers."""
    rows = np.loadtxt(shared_data("cdnow") / "CDNOW_sample.txt", usecols=(0, 2), dtype=int)
    days = np.array([f"{day // 10000}-{day // 100 % 100:02}-{day % 100:02}" for day in rows[:, 1]], "datetime64[D]")
    return summarise(read_purchases(rows[:, 0], days, np.ones(len(days))).before(np.datetime64("1997-10-01")))


def test_bg_nbd_matches_published_cdnow_parameters(cdnow: Summary) -> None:
    found = fit_bg_nbd(cdnow)
    assert [round(each, 3) for each in (found.r, found.alpha, found.a, found.b)] == [0.243, 4.414, 0.793, 2.426]


def test_pareto_nbd_matches_published_cdnow_parameters(cdnow: Summary) -> None:
    found = fit_pareto_nbd(cdnow)
    assert [round(each, 3) for each in (found.r, found.alpha, found.s, found.beta)] == [0.553, 10.578, 0.606, 11.669]


def test_gamma_gamma_is_near_the_published_cdnow_parameters(shared_data: Callable[[str], Path]) -> None:
    """The papers keep free purchases, a record leaves them out: equal to two decimals, not three."""
    rows = np.loadtxt(shared_data("cdnow") / "CDNOW_sample.txt", usecols=(0, 2, 4))
    codes = rows[:, 1].astype(int)
    days = np.array([f"{day // 10000}-{day // 100 % 100:02}-{day % 100:02}" for day in codes], "datetime64[D]")
    found = fit_gamma_gamma(summarise(read_purchases(rows[:, 0], days, rows[:, 2]).before(np.datetime64("1997-10-01"))))
    assert [found.p, found.q, found.gamma] == pytest.approx([6.25, 3.74, 15.44], abs=0.006)


@pytest.mark.parametrize("model", [PUBLISHED, ParetoNbd(0.6, 0.2, 0.6, 60.0), ParetoNbd(0.7, 10.0, 150.0, 6e4)])
def test_the_quadrature_equals_adaptive_integration(model: ParetoNbd) -> None:
    for x, last, now in ((0.0, 0.0, 39.0), (3.0, 20.0, 39.0), (150.0, 30.0, 78.0)):

        def relative(y: float, x: float = x, last: float = last) -> float:
            fall = (model.r + x) * np.log((model.alpha + y) / (model.alpha + last))
            return model.s * np.exp(-fall - (model.s + 1) * np.log((model.beta + y) / (model.beta + last)))

        points = [last + (now - last) * part for part in (0.001, 0.03)]
        whole = quad(relative, last, now, epsabs=0.0, epsrel=1e-10, limit=500, points=points)[0]
        scale = (model.r + x) * np.log(model.alpha + last) + (model.s + 1) * np.log(model.beta + last)
        [found] = pareto_nbd._log_parts(model, np.array([x]), np.array([last]), np.array([now]))[1]
        assert found == pytest.approx(np.log(whole) - scale, abs=1e-8)


def test_the_gradient_is_that_of_central_differences() -> None:
    history = np.array([0.0, 2.0, 30.0]), np.array([0.0, 30.43, 11.0]), np.array([38.0, 38.86, 11.0])
    exact = pareto_nbd.gradient(PUBLISHED, *history)
    values = np.array([PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.s, PUBLISHED.beta])
    for place, step in enumerate(values * 1e-5):
        ahead, behind = (
            pareto_nbd.log_likelihood(ParetoNbd(*(values + sign * step * np.eye(4)[place])), *history)
            for sign in (1, -1)
        )
        assert exact[place] == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-7)


def test_simulated_parameters_are_recovered() -> None:
    of = summarise(simulated_record(20_000, 80, 3).before(np.datetime64("2022-01-03") + 560))
    found, spend = fit_pareto_nbd(of), fit_gamma_gamma(of)
    assert found.r / found.alpha == pytest.approx(0.1, rel=0.1)
    assert found.s / found.beta == pytest.approx(0.7 / 30, rel=0.2)
    assert spend.p * spend.gamma / (spend.q - 1) == pytest.approx(60.0, rel=0.06)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.floats(0.1, 100.0), st.floats(0.0, 1.0), st.floats(1.0, 60.0))
def test_expected_purchases_grow_with_the_horizon_and_alive_is_a_probability(
    repeats: int, age: float, part: float, weeks: float
) -> None:
    of = Summary(np.array([float(repeats)]), np.array([age * part * (repeats > 0)]), np.array([age]), *np.ones((2, 1)))
    for model in (PUBLISHED, BgNbd(0.243, 4.414, 0.793, 2.426)):
        assert 0.0 <= model.alive(of)[0] <= 1.0
        short, long = model.expected_purchases(of, weeks)[0], model.expected_purchases(of, 2 * weeks)[0]
        assert -1e-9 <= short <= long + 1e-9


def test_spend_of_few_purchases_is_drawn_to_that_of_all_and_of_many_is_kept() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    of = Summary(np.array([0.0, 10_000.0]), np.zeros(2), np.ones(2), np.array([0.0, 80.0]), np.ones(2))
    assert model.expected_spend(of).tolist() == pytest.approx([6.25 * 15.44 / 2.74, 80.0], rel=1e-3)


def test_few_customers_who_bought_again_are_refused() -> None:
    of = Summary(np.array([1.0] * 49 + [0.0] * 900), *np.ones((4, 949)))
    for fit in (fit_bg_nbd, fit_pareto_nbd, fit_gamma_gamma):
        with pytest.raises(ModelRefusal, match="49 customers have bought again"):
            fit(of)


def test_expected_purchases_add_up_to_those_simulated() -> None:
    """By the true parameters, in total and for customers with and without a repeat purchase."""
    record, as_of = simulated_record(30_000, 80, 4), np.datetime64("2022-01-03") + 280
    known = record.before(as_of)
    of, bought = summarise(known), record.bought(known.ids, as_of, as_of + 280)
    expected = ParetoNbd(0.8, 8.0, 0.7, 30.0).expected_purchases(of, 40.0)
    for rows in (of.frequency >= 0, of.frequency == 0, of.frequency > 2):
        assert expected[rows].sum() / bought[rows].sum() == pytest.approx(1.0, abs=0.06)
