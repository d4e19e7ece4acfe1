"""Like accounts: groups by contract position, their means, their medians, and unknown values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from undertow.training.bundle.like import LikeAccounts, fit_like_accounts
from undertow.training.examples.person_periods import COVARIATES, PeriodInputs

TERM = 0  # number of the only feature


def inputs(term: list[float]) -> PeriodInputs:
    n = len(term)
    return PeriodInputs(np.array(term)[:, None], np.zeros((n, 1, len(COVARIATES))), np.zeros(n), (30,))


def by_term(contributions: list[float], term: list[float], **features: list[float]) -> LikeAccounts:
    """Group by the term; one used column, one period, one cause."""
    parts = np.array(contributions)
    numbers = {name: np.array(values) for name, values in features.items()}
    return fit_like_accounts(inputs(term), (TERM,), parts[:, None], parts[:, None, None, None], numbers)


def test_accounts_are_grouped_where_their_contributions_differ() -> None:
    like = by_term([0.1, 0.3, 1.1, 1.3], [1.0, 1.0, 12.0, 12.0])
    monthly, yearly = like.groups_of(inputs([1.0, 12.0]))
    assert monthly != yearly and like.means.shape == (2, 1, 1, 1)
    assert like.means[monthly].item() == pytest.approx(0.2)
    assert like.means[yearly].item() == pytest.approx(1.2)
    assert like.groups_of(inputs([2.0, 24.0, 6.5])).tolist() == [monthly, yearly, monthly]  # halfway is at or below


def test_where_contributions_do_not_differ_all_accounts_are_alike() -> None:
    like = by_term([0.5, 0.5, 0.5, 0.5], [1.0, 1.0, 12.0, 12.0])
    assert like.groups_of(inputs([1.0, 12.0])).tolist() == [0, 0]
    assert like.means.ravel().tolist() == [0.5]


def test_an_unknown_position_is_a_position_of_its_own() -> None:
    nan = float("nan")
    like = by_term([2.0, 2.0, 0.1, 0.1], [nan, nan, 1.0, 1.0])
    unknown, monthly, yearly = like.groups_of(inputs([nan, 1.0, 12.0]))
    assert monthly == yearly != unknown
    assert like.means[unknown].item() == 2.0


def test_medians_are_those_of_the_known_values_of_the_group() -> None:
    nan, term = float("nan"), [1.0] * 3 + [12.0] * 3
    like = by_term([0, 0, 0, 1, 1, 1], term, errors=[0.1, nan, 0.3, 0.5, 0.9, 0.6], nps=[nan, nan, nan, 8.0, nan, nan])
    monthly, yearly = like.groups_of(inputs([1.0, 12.0]))
    assert like.medians[monthly] == pytest.approx({"errors": 0.2})  # nobody's NPS is known there
    assert like.medians[yearly] == {"errors": 0.6, "nps": 8.0}


def test_groups_are_the_same_once_written_as_json_and_read() -> None:
    like = by_term([0.1, 0.3, 1.1, 1.3], [1.0, 1.0, 12.0, float("nan")], errors=[1.0, 2.0, 3.0, 4.0])
    again = LikeAccounts.from_json(json.loads(json.dumps(like.as_json(), allow_nan=False)))
    terms = inputs([1.0, 3.0, 12.0, float("nan")])
    assert again.groups_of(terms).tolist() == like.groups_of(terms).tolist()
    assert np.array_equal(again.means, like.means) and again.medians == like.medians


def test_where_no_column_is_used_the_shape_of_the_means_is_kept() -> None:
    none = np.zeros((4, 0, 3, 2))
    like = fit_like_accounts(inputs([1.0, 1.0, 12.0, 12.0]), (TERM,), np.zeros((4, 1)), none, {})
    again = LikeAccounts.from_json(json.loads(json.dumps(like.as_json())))
    assert again.means.shape == like.means.shape == (1, 0, 3, 2)
