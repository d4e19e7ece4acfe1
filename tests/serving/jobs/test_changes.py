"""What changed in 30 days: accounts are matched by id, and those not at risk then have no change."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.training.bundle.by_hand import random_rows
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.serving.jobs import changes
from undertow.serving.jobs.changes import change_columns, features_before
from undertow.training.bundle.bundle import Bundle

NAMES = [*(f"changed_{family}" for family in REASON_FAMILIES), "changed_clock"]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return random_rows(7, seed=11)


@pytest.fixture(scope="module")
def earlier(rows: pa.Table) -> pa.Table:
    """Features of another day: of the accounts r0006, r0005, ... r0001 and of one that has left since."""
    other = random_rows(8, seed=12)
    return other.take(pa.array([7, 6, 5, 4, 3, 2, 1]))


def test_features_before_are_those_of_the_same_account_or_null(rows: pa.Table, earlier: pa.Table) -> None:
    before = features_before(rows, earlier)
    assert before["account_id"].to_pylist() == [None, *(f"r000{number}" for number in range(1, 7))]
    assert before["mrr"].to_pylist() == [None, *reversed(earlier["mrr"].to_pylist()[1:])]


def test_the_changes_of_an_account_add_up_to_the_difference_of_its_scores(
    bundle: Bundle, rows: pa.Table, earlier: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "BATCH", 4)  # two batches
    shown: list[float] = []
    found = change_columns(bundle, rows, features_before(rows, earlier), lambda what, share: shown.append(share))
    assert list(found) == NAMES and shown == [4 / 6, 1.0]
    now = dict(zip(rows["account_id"].to_pylist(), bundle.probability(rows)[:, 2], strict=True))
    then = dict(zip(earlier["account_id"].to_pylist(), bundle.probability(earlier)[:, 2], strict=True))
    assert [column[0].as_py() for column in found.values()] == [None] * 5
    for number in range(1, 7):
        moved = sum(column[number].as_py() for column in found.values())
        assert moved == pytest.approx(now[f"r000{number}"] - then[f"r000{number}"], abs=1e-9)


def test_without_earlier_features_nothing_is_known(bundle: Bundle, rows: pa.Table) -> None:
    found = change_columns(bundle, rows, None)
    assert all(column.null_count == len(column) == 7 for column in found.values())
