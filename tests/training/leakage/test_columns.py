"""Statistical alarms: what they measure, what they find, and that noise and honest columns raise none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.training.leakage.columns_by_hand import HEADLINE, N, churn_days, column
from undertow.features.catalogue.cards import Column
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import Auroc
from undertow.training.leakage.columns import ColumnSignal, column_signals, signal_findings


def levels(examples: Examples, *columns: Column) -> dict[str, str]:
    """Culprit -> level of what is said of these columns."""
    found = signal_findings(column_signals(examples, columns, HEADLINE), HEADLINE)
    return {one.culprit: one.severity for one in found}


# --- columns that were told, and honest ones -----------------------------------------------------------


def test_a_column_that_knows_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(5)
    days = churn_days(rng)
    knows = ~np.isnan(days) + rng.normal(0, 0.4, N)
    found = examples(days, knows=knows, backwards=-knows, noise=rng.normal(size=N))
    assert levels(found, column("knows"), column("backwards"), column("noise")) == {
        "knows": "failure",
        "backwards": "failure",
    }


def test_a_text_that_knows_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(6)
    days = churn_days(rng)
    status = np.where(np.isnan(days), "active", "closed").astype(object)
    found = examples(days, status=status, name=[f"n{number}" for number in range(N)])
    assert levels(found, column("status", text=True), column("name", text=True)) == {"status": "failure"}


def test_a_column_filled_for_leavers_only_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(7)
    days = churn_days(rng)
    found = examples(days, note=[None if np.isnan(day) else float(rng.random()) for day in days])
    assert levels(found, column("note")) == {"note": "failure"}


def test_days_to_renewal_are_judged_like_any_column(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(8)
    days = churn_days(rng)
    renewal = np.where(np.isnan(days), 400.0, days + 1)
    assert levels(examples(days, renewal=renewal), column("renewal", clock=True)) == {"renewal": "failure"}


@pytest.mark.parametrize(("value", "level"), [(0.84, "warning"), (0.16, "warning"), (0.79, None)])
def test_a_strong_column_of_few_leavers_is_warned_of(value: float, level: str | None) -> None:
    """Its lower bound is below .80, so it is no failure."""
    signal = ColumnSignal("c", "value", Auroc(value, value - 0.1, value + 0.1, 30), (None, None, None))
    assert [one.severity for one in signal_findings([signal], HEADLINE)] == ([level] if level else [])


@pytest.mark.parametrize("seed", range(20))
def test_noise_raises_no_alarm_however_few_leave(examples: Callable[..., Examples], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {f"c{number}": rng.normal(size=120) for number in range(20)}
    found = examples(churn_days(rng, 0.2, 120), **columns)
    assert all(level == "note" for level in levels(found, *map(column, columns)).values())


def test_few_leavers_are_said_aloud(examples: Callable[..., Examples]) -> None:
    days = np.full(N, np.nan)
    days[:10] = 5.0
    [found] = signal_findings(
        column_signals(examples(days, knows=~np.isnan(days) * 1.0), [column("knows")], HEADLINE), 90
    )
    assert (found.severity, found.culprit) == ("note", "all columns")
    assert "not enough data" in found.text


# --- by days to churn ------------------------------------------------------------------------------------


def by_band(*aurocs: float, left: int = 50) -> list[ColumnSignal]:
    """A column with these areas in the three bands, known to 0.02, and 0.7 on the whole."""
    return [
        ColumnSignal(
            "c", "value", Auroc(0.7, 0.68, 0.72, left), tuple(Auroc(a, a - 0.02, a + 0.02, left) for a in aurocs)
        )
    ]


@pytest.mark.parametrize(
    ("aurocs", "level"),
    [
        ((0.93, 0.7, 0.6), None),  # an honest sign of the last week
        ((0.98, 0.7, 0.6), "warning"),  # nearly perfect, but late
        ((0.7, 0.98, 0.6), "failure"),  # nearly perfect, and early
        ((0.78, 0.78, 0.78), "failure"),  # as good a season ahead: an end state
        ((0.22, 0.22, 0.22), "failure"),
        ((0.78, 0.78, 0.7), None),  # it fades
        ((0.78, 0.22, 0.78), None),  # it turns round: noise
        ((0.65, 0.65, 0.65), None),  # who somebody is does not fade, but never tells so much
    ],
)
def test_the_profile_by_days_to_churn(aurocs: Sequence[float], level: str | None) -> None:
    found = signal_findings(by_band(*aurocs), HEADLINE)
    assert [one.severity for one in found] == ([level] if level else [])


def test_bands_with_few_leavers_raise_no_alarm() -> None:
    found = signal_findings(by_band(1.0, 1.0, 1.0, left=12), HEADLINE)
    assert [one.severity for one in found] == ["note"]
