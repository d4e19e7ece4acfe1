"""Random numbers per row are fixed by the row's keys, and have the distributions that they claim."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.features.simulator.draws import Draws, draws, joined_draws, poisson


@pytest.fixture(scope="module")
def many() -> Draws:
    """The draws of 500 accounts on each of 400 days."""
    return draws(7, "visit", np.repeat(np.arange(500), 400), np.tile(np.arange(400), 500))


def test_a_row_has_the_same_numbers_alone_and_among_others(many: Draws) -> None:
    alone = draws(7, "visit", np.array([3]), 17)
    row = np.array([3 * 400 + 17])
    for one, other in ((alone, many.take(row)), (alone.then(2), many.then(2).take(row))):
        assert one.uniform("hour") == other.uniform("hour") and one.normal("score") == other.normal("score")
        assert one.poisson("views", 2.0) == other.poisson("views", 2.0)


def test_seed_purpose_keys_and_name_each_give_other_numbers() -> None:
    account, day = np.array([3]), np.array([17])
    found = [
        draws(7, "visit", account, day).uniform("hour"), draws(8, "visit", account, day).uniform("hour"),
        draws(7, "ticket", account, day).uniform("hour"), draws(7, "visit", day, account).uniform("hour"),
        draws(7, "visit", account, day).uniform("user"), draws(7, "visit", account, day).then(0).uniform("hour"),
    ]  # fmt: skip
    assert len({float(number[0]) for number in found}) == len(found)


def test_uniform_numbers_fill_their_interval_evenly_and_without_memory(many: Draws) -> None:
    u = many.uniform("hour", 2.0, 6.0)
    assert u.min() >= 2.0 and u.max() < 6.0
    assert np.histogram(u, 20, (2.0, 6.0))[0] == pytest.approx(np.full(20, 10_000), abs=500)
    unit = (u - 4.0) / np.sqrt(16 / 12)
    others = (many.uniform("user") - 0.5) * np.sqrt(12)
    for one, other in ((unit[1:], unit[:-1]), (unit[400:], unit[:-400]), (unit, others)):
        assert abs(np.mean(one * other)) < 4.0 / np.sqrt(len(one))


def test_other_distributions_have_their_moments(many: Draws) -> None:
    z, n = many.normal("score"), len(many)
    assert [z.mean(), z.var(), (z**4).mean()] == pytest.approx([0.0, 1.0, 3.0], abs=12.0 / np.sqrt(n))
    e = many.exponential("wait", 2.0)
    assert e.min() >= 0.0 and [e.mean(), e.std()] == pytest.approx([2.0, 2.0], abs=12.0 / np.sqrt(n))
    assert np.median(many.lognormal("load", np.log(3.0), 0.5)) == pytest.approx(3.0, rel=0.01)
    assert np.bincount(many.integers("page", 2, 6))[2:] == pytest.approx(np.full(4, n / 4), rel=0.02)


def test_a_count_is_the_quantile_of_its_poisson_distribution() -> None:
    # With mean 1: P(0) = e^-1 = 0.3679, P(at most 1) = 0.7358, P(at most 2) = 0.9197, P(at most 3) = 0.9810.
    u = np.array([0.0, 0.367, 0.369, 0.735, 0.737, 0.919, 0.9199, 0.9811])
    assert poisson(u, 1.0).tolist() == [0, 0, 1, 1, 2, 2, 3, 4]
    assert poisson(np.array([[0.5, 0.999], [0.5, 0.0]]), np.array([[0.0, 0.0], [0.5, 0.5]])).tolist() == [
        [0, 0],
        [0, 0],
    ]


@pytest.mark.parametrize("mean", [0.02, 1.9, 40.0])
def test_poisson_counts_have_equal_mean_and_variance(many: Draws, mean: float) -> None:
    counts = many.poisson("views", mean)
    assert counts.mean() == pytest.approx(mean, abs=5.0 * np.sqrt(mean / len(many)))
    assert counts.var() == pytest.approx(mean, rel=0.05)


def test_the_largest_uniform_number_ends_in_a_count() -> None:
    assert 5 < poisson(np.array([np.nextafter(1.0, 0.0)]), 2.0)[0] < 40


def test_draws_of_parts_are_joined_in_order(many: Draws) -> None:
    halves = [many.take(np.arange(100)), many.take(np.arange(100, 200))]
    assert np.array_equal(joined_draws(halves).uniform("hour"), many.uniform("hour")[:200])
