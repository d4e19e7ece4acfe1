"""Observed churn of groups: shares by hand, differences with intervals, contract positions, and too little of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from undertow.training.drivers.observed import FEW_ACCOUNTS, FEW_LEFT, Observed, compare, left_of


def observed(churned: np.ndarray, account: np.ndarray | None = None, position: np.ndarray | None = None) -> Observed:
    n = len(churned)
    return Observed(
        rows=pa.table({"row": np.arange(n)}),
        churned=churned,
        account=np.arange(n) if account is None else account,
        position=np.zeros(n, dtype=int) if position is None else position,
        as_ofs=("2024-01-01",),
    )


def blocks(*parts: tuple[int, int]) -> np.ndarray:
    """Return outcomes: of each part (n, left), the first `left` left."""
    return np.concatenate([np.arange(n) < left for n, left in parts])


def test_a_share_is_those_who_left_of_all_with_wilsons_interval() -> None:
    found = left_of(observed(blocks((100, 10))), np.ones(100, dtype=bool))
    assert (found.accounts, found.snapshots, found.left, found.share) == (100, 100, 10, 0.1)
    assert (found.low, found.high) == pytest.approx((0.0552, 0.1744), abs=1e-4)  # Wilson 1927, z = 1.96


def test_an_account_seen_twice_does_not_narrow_its_interval() -> None:
    once, twice = blocks((100, 10)), np.repeat(blocks((100, 10)), 2)
    first = left_of(observed(once), np.ones(100, dtype=bool))
    second = left_of(observed(twice, account=np.repeat(np.arange(100), 2)), np.ones(200, dtype=bool))
    assert (second.accounts, second.snapshots, second.share) == (100, 200, 0.1)
    assert (second.low, second.high) == (first.low, first.high)


def test_fewer_accounts_than_needed_have_no_share() -> None:
    found = left_of(observed(blocks((FEW_ACCOUNTS - 1, 10))), np.ones(FEW_ACCOUNTS - 1, dtype=bool))
    assert (found.accounts, found.left, found.share, found.low, found.high) == (FEW_ACCOUNTS - 1, 10, None, None, None)


def test_a_difference_is_that_of_the_shares_and_a_large_one_excludes_0() -> None:
    seen = observed(blocks((200, 60), (200, 20)))
    found = compare(seen, np.arange(400) < 200, np.arange(400) >= 200).raw
    assert found is not None and found.value == pytest.approx(0.30 - 0.10)
    assert 0.10 < found.low < 0.20 < found.high < 0.30  # normal theory: 0.2 +- 0.076


def test_in_like_positions_a_difference_that_is_one_of_position_is_none() -> None:
    """Trouble is met mostly on position 1, where half leave whatever they met; on position 0 a tenth does."""
    parts = [(40, 4, 0, True), (160, 80, 1, True), (160, 16, 0, False), (40, 20, 1, False)]
    seen = observed(
        blocks(*((n, left) for n, left, *_ in parts)),
        position=np.concatenate([np.full(n, position) for n, _, position, _ in parts]),
    )
    met = np.concatenate([np.full(n, trouble) for n, _, _, trouble in parts])
    found = compare(seen, met, ~met)
    assert found.raw is not None and found.like is not None
    assert found.raw.value == pytest.approx(84 / 200 - 36 / 200) and found.raw.low > 0
    assert found.like.value == pytest.approx(0.0) and found.like.low < 0 < found.like.high


def test_without_others_in_its_position_a_group_is_compared_with_nobody_like_it() -> None:
    seen = observed(blocks((100, 20), (100, 10)), position=np.repeat([0, 1], 100))
    found = compare(seen, np.arange(200) < 100, np.arange(200) >= 100)
    assert found.raw is not None and found.like is None


def test_resamples_draw_accounts_not_rows() -> None:
    """Every account is there four times: the interval is that of 60 accounts, not of 240 rows."""
    churned = blocks((60, 20), (60, 10))
    few = compare(observed(churned), np.arange(120) < 60, np.arange(120) >= 60).raw
    repeated = observed(np.repeat(churned, 4), account=np.repeat(np.arange(120), 4))
    many = compare(repeated, np.arange(480) < 240, np.arange(480) >= 240).raw
    assert few is not None and many is not None
    assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.05)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (((29, 10), (200, 20)), "not enough data: one of the groups has 29 accounts, 30 are needed"),
        (((100, FEW_LEFT - 1), (200, 20)), "in one of the groups 4 left, 5 are needed"),
        (((0, 0), (200, 20)), "one of the groups has 0 accounts"),
    ],
)
def test_too_few_are_said_to_be_too_few(parts: tuple[tuple[int, int], tuple[int, int]], said: str) -> None:
    churned = blocks(*parts)
    first = np.arange(len(churned)) < parts[0][0]
    found = compare(observed(churned), first, ~first)
    assert found.raw is None and found.like is None
    assert found.why_not is not None and said in found.why_not


def test_of_shuffled_outcomes_about_one_interval_in_twenty_excludes_0() -> None:
    covered = []
    for seed in range(100):
        random = np.random.default_rng([seed, 1])  # another stream than that of the bootstrap
        churned, first = random.random(300) < 0.15, random.random(300) < 0.4
        seen = observed(churned, position=random.integers(0, 3, 300))
        found = compare(seen, first, ~first, seed)
        assert found.raw is not None and found.like is not None
        covered.append([each.low <= 0 <= each.high for each in (found.raw, found.like)])
    assert (np.mean(covered, axis=0) >= 0.89).all()
    assert (np.mean(covered, axis=0) < 1).all()
