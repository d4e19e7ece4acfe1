"""Directions of measures: bins hold every account once, in the order of their values, and unknown ones last."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.bundle.by_hand import no_value
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.attribution import by_group
from undertow.training.bundle.bundle import Bundle
from undertow.training.drivers.monthly.measures import MOST_BINS, NO_COLUMN, measures, number_bins, text_bins

values = st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(0, 3).map(float), st.just(float("nan"))), max_size=60)
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@quick
@given(values)
def test_every_account_is_in_one_bin_and_bins_are_in_order(given_values: list[float]) -> None:
    seen = np.array(given_values, dtype=float)
    bins = number_bins(seen, np.arange(len(seen)) / 100)
    known = [each for each in bins if each["low"] is not None]
    assert sum(int(str(each["accounts"])) for each in bins) == len(seen)
    assert len(known) <= MOST_BINS and len(bins) - len(known) == int(np.isnan(seen).any())
    ends = [(float(str(each["low"])), float(str(each["high"]))) for each in known]
    assert all(low <= high for low, high in ends)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    total = sum(float(str(each["mean"])) * int(str(each["accounts"])) for each in bins)
    assert total == pytest.approx((np.arange(len(seen)) / 100).sum())


def test_a_value_that_half_of_the_accounts_have_is_a_bin_of_its_own() -> None:
    seen = np.concatenate([np.zeros(50), np.linspace(1, 2, 50)])
    first, second, *_ = number_bins(seen, np.where(seen > 0, 0.1, -0.1))
    assert (first["low"], first["high"], first["accounts"], first["mean"]) == (0.0, 0.0, 50, pytest.approx(-0.1))
    assert second["low"] == 1.0


def test_an_interval_is_that_of_the_mean_and_one_account_has_none() -> None:
    several, one = number_bins(np.array([1.0, 1.0, 1.0, 2.0]), np.array([0.0, 0.1, 0.2, 0.5]))
    half = 1.96 * 0.1 / 3**0.5
    assert (several["mean_low"], several["mean_high"]) == (pytest.approx(0.1 - half), pytest.approx(0.1 + half))
    assert (one["mean_low"], one["mean_high"]) == (None, None)


def test_texts_are_bins_by_name_and_rare_ones_go_together() -> None:
    texts = ["web"] * 5 + ["ios"] * 3 + [""] * 2 + [f"rare {number}" for number in range(12)]
    bins = text_bins(texts, np.zeros(len(texts)))
    names = [each["text"] for each in bins]
    assert names[-1] is None and {"web", "ios", "others"} <= {*names} and len(bins) <= MOST_BINS + 2


def test_the_measures_of_a_family_go_by_how_far_they_move_scores(bundle: Bundle) -> None:
    n, at = 40, bundle.contribution_names.index
    shares = np.zeros((n, len(bundle.contribution_names)))
    shares[:, at("failed_payments_30")], shares[:, at("error_rate_30")] = 0.01, np.linspace(-0.1, 0.1, n)
    shares[:, at("notice")] = 0.2
    rows = pa.table({"failed_payments_30": np.zeros(n), "error_rate_30": np.linspace(0.0, 1.0, n)})
    scores = replace(
        no_value(n), probability_by_feature=shares,
        probability_by_family=by_group(shares, bundle.contribution_families, REASON_FAMILIES),
    )  # fmt: skip
    found = measures(bundle, rows, scores)
    assert [(each["family"], each["feature"]) for each in found] == [
        ("ux", "error_rate_30"), ("billing", "notice"), ("billing", "failed_payments_30"),
    ]  # fmt: skip
    errors, notice, failed = found
    means = [each["mean"] for each in errors["bins"]]  # type: ignore[attr-defined]
    assert len(means) == MOST_BINS and means == sorted(means) and means[0] < 0 < means[-1]
    assert (errors["sentence"], errors["unit"]) == ("Errors per page view", "share")
    assert notice["why_not"] == NO_COLUMN and notice["bins"] == []
    assert [each["accounts"] for each in failed["bins"]] == [n]  # type: ignore[attr-defined]
