"""Columns of accounts that were filled in when a customer left are found; an honest segment is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from tests.training.leakage.columns_by_hand import N, column
from undertow.features.catalogue.cards import Column
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.split import Examples
from undertow.training.leakage.end_states import end_states, source_of, standing_findings


def snapshots(days: np.ndarray, months: int = 6, **columns: Sequence[object]) -> Examples:
    """Each account once a month for `months`, with its days to churn as told at the first."""
    rows = [
        {"account_id": f"a{account}", "as_of": datetime(2024, 1 + month, 1), "left": day - 30 * month}
        | {name: values[account] for name, values in columns.items()}
        for month in range(months)
        for account, day in enumerate(days)
        if not day < 30 * month
    ]
    left = np.array([row.pop("left") for row in rows], dtype=float)
    cause = np.where(np.isnan(left), "", "voluntary").astype(object)
    n = len(rows)
    return Examples(pa.Table.from_pylist(rows), Outcomes(np.full(n, 400.0), left, np.full(n, np.nan), cause,
                                                         np.zeros(n, dtype=bool)))  # fmt: skip


def culprits(examples: Examples, *columns: Column) -> list[str]:
    return [one.culprit for one in end_states(examples, columns)]


def lasting(rng: np.random.Generator) -> np.ndarray:
    """Days to churn over a year, for 30 % of the accounts."""
    return np.where(rng.random(N) < 0.3, rng.uniform(0, 360, N), np.nan)


def test_a_state_written_at_leaving_is_found_long_before() -> None:
    rng = np.random.default_rng(9)
    days = lasting(rng)
    state = np.where(np.isnan(days), "live", "gone")
    found = snapshots(days, profile_state=state.tolist(), segment=rng.choice(["a", "b"], N).tolist())
    assert culprits(found, column("profile_state", text=True), column("segment", text=True)) == ["accounts.state"]


def test_a_value_that_only_leavers_have_is_found_though_few_have_it() -> None:
    rng = np.random.default_rng(10)
    days = lasting(rng)
    some = ~np.isnan(days) & (rng.random(N) < 0.25)
    reason = [("price" if one else None) for one in some]
    code = np.where(some, 4.0, rng.integers(0, 4, N))
    found = snapshots(days, profile_reason=reason, profile_code=code.tolist())
    assert 15 < some.sum() < 45
    assert culprits(found, column("profile_reason", text=True), column("profile_code")) == [
        "accounts.reason",
        "accounts.code",
    ]


@pytest.mark.parametrize("seed", range(10))
def test_a_bad_segment_is_no_end_state(seed: int) -> None:
    """Twice as many leave from one segment, and a few fields are filled at random."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(["a", "b", "c"], N)
    days = np.where(rng.random(N) < np.where(segment == "a", 0.6, 0.2), rng.uniform(0, 360, N), np.nan)
    note = [("x" if one else None) for one in rng.random(N) < 0.1]
    found = snapshots(days, segment=segment.tolist(), profile_note=note, profile_size=rng.normal(size=N).tolist())
    columns = (column("segment", text=True), column("profile_note", text=True), column("profile_size"))
    assert culprits(found, *columns) == []


def test_columns_that_stand_are_named_in_one_warning() -> None:
    [found] = standing_findings([column("segment", text=True), column("profile_industry", text=True)])
    assert (found.severity, found.culprit) == ("warning", "accounts.segment, accounts.industry")
    assert source_of("mrr") == "mrr"
