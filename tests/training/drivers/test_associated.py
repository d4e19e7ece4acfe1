"""Drivers over all accounts and by segment, from contributions told by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.training.bundle.by_hand import no_value
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.attribution import by_group
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.drivers.associated import FEW_ACCOUNTS, TOP_FEATURES, drivers

SEGMENTS = ["large"] * 40 + ["small"] * 20 + [None] * 30
N = len(SEGMENTS)


@pytest.fixture
def shares(bundle: Bundle) -> np.ndarray:
    """Contributions by feature: errors +-5 points, open tickets +1, activity +0.5 or +9, the rest nothing."""
    found = np.zeros((N, len(bundle.contribution_names)))
    at = bundle.contribution_names.index
    found[:, at("error_rate_30")] = np.where(np.arange(N) % 3 == 0, 0.05, -0.05)
    found[:, at("tickets_open")] = 0.01
    found[:, at("active_days_30")] = np.where(np.arange(N) % 9 == 0, 0.09, 0.005)
    return found


@pytest.fixture
def found(bundle: Bundle, shares: np.ndarray) -> dict[str, Any]:
    return drivers(bundle, scores_of(bundle, shares), SEGMENTS, "2025-01-31")


def scores_of(bundle: Bundle, shares: np.ndarray) -> Scores:
    families = by_group(shares, bundle.contribution_families, REASON_FAMILIES)
    n = len(shares)
    return replace(
        no_value(n), probability=np.full((n, len(bundle.ends)), 0.2), by_cause=np.zeros((n, len(bundle.ends), 2)),
        like_probability=np.linspace(0.1, 0.2, n), probability_by_feature=shares, probability_by_family=families,
    )  # fmt: skip


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {family["family"]: family for family in found["families"]}


def test_families_go_by_how_far_they_move_a_score(found: dict[str, Any]) -> None:
    assert [family["family"] for family in found["families"]] == ["ux", "usage", "cx", "billing"]


def test_moving_far_is_told_apart_from_pushing_one_way(found: dict[str, Any]) -> None:
    ux = by_name(found)["ux"]
    assert ux["mean_absolute_contribution"] == pytest.approx(0.05)
    assert ux["mean_contribution"] == pytest.approx(-0.05 / 3)


def test_the_share_first_is_that_of_the_accounts_where_one_family_stands_out(found: dict[str, Any]) -> None:
    """Of nine accounts one has activity first (9 points, errors 5), two errors (5, tickets 1), six no clear one."""
    assert found["share_of_accounts_where_one_stands_out"] == pytest.approx(3 / 9)
    first = {name: family["share_of_accounts_first"] for name, family in by_name(found).items()}
    assert first == pytest.approx({"ux": 2 / 3, "usage": 1 / 3, "cx": 0.0, "billing": 0.0})


def test_where_no_family_stands_out_none_is_first(bundle: Bundle, shares: np.ndarray) -> None:
    nothing = drivers(bundle, scores_of(bundle, 0 * shares), SEGMENTS, "2025-01-31")
    assert nothing["share_of_accounts_where_one_stands_out"] == 0.0
    assert {family["share_of_accounts_first"] for family in by_name(nothing).values()} == {None}


def test_context_is_stated_apart_overall_and_per_segment(found: dict[str, Any]) -> None:
    assert found["mean_like_probability"] == pytest.approx(0.15)
    means = {segment["segment"]: segment["mean_like_probability"] for segment in found["segments"]}
    step = 0.1 / (N - 1)
    assert means == pytest.approx(
        {"large": 0.1 + 19.5 * step, "small": 0.1 + 49.5 * step, "not stated": 0.1 + 74.5 * step}
    )


def test_the_strongest_features_stand_behind_a_family(bundle: Bundle, shares: np.ndarray) -> None:
    billing = [i for i, family in enumerate(bundle.contribution_families) if family == "billing"]
    shares[:, billing] = np.arange(1, len(billing) + 1) / 1000
    top = by_name(drivers(bundle, scores_of(bundle, shares), SEGMENTS, "2025-01-31"))["billing"]["top_features"]
    assert next(feature["feature"] for feature in top) == "notice"
    sizes = [feature["mean_absolute_contribution"] for feature in top]
    assert sizes == sorted(sizes, reverse=True)
    assert len(top) == min(TOP_FEATURES, len(billing))
    assert all(feature["sentence"] for feature in top)


def test_features_that_move_nothing_are_not_named(found: dict[str, Any]) -> None:
    assert by_name(found)["billing"]["top_features"] == []


def test_a_small_segment_is_said_to_be_too_small(found: dict[str, Any]) -> None:
    segments = {segment["segment"]: segment for segment in found["segments"]}
    assert {name: segment["accounts"] for name, segment in segments.items()} == {
        "large": 40, "small": 20, "not stated": 30,
    }  # fmt: skip
    assert {name for name, segment in segments.items() if segment["too_few"]} == {"small"}
    assert segments["small"]["families"] == []
    assert 20 < FEW_ACCOUNTS <= 30


def test_segments_tell_their_own_mean(bundle: Bundle, shares: np.ndarray) -> None:
    shares[:40, bundle.contribution_names.index("tickets_open")] = 0.04
    segments = drivers(bundle, scores_of(bundle, shares), SEGMENTS, "2025-01-31")["segments"]
    means: dict[str, float] = {
        segment["segment"]: share["mean_contribution"]
        for segment in segments  # type: ignore[attr-defined]
        for share in segment["families"]
        if share["family"] == "cx"
    }
    assert means == pytest.approx({"large": 0.04, "not stated": 0.01})


def test_drivers_are_called_associated_and_name_their_moment(found: dict[str, Any]) -> None:
    assert (found["grade"], found["as_of"], found["horizon"], found["accounts"]) == ("associated", "2025-01-31", 90, N)
    assert "does not say what would happen" in found["note"]


def test_drivers_are_plain_json(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found
