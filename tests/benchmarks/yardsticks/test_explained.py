"""The model's answers, taken apart by family, add up to its probabilities and to their changes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from tests.benchmarks.yardsticks.explained import explain
from tests.benchmarks.yardsticks.trained import now
from undertow.features.build.feature_table import build_features
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.registry.tracking import open_registry


@pytest.fixture(scope="module")
def bundle(world: Settings) -> Bundle:
    """The model of the small trained world."""
    champion = open_registry(world).champion()
    assert champion is not None
    return champion.bundle


@pytest.fixture(scope="module")
def rows(world: Settings) -> tuple[pa.Table, pa.Table]:
    """The feature rows of 20 accounts at the newest as_of, and those of all accounts 30 days earlier but for two."""
    tables = load_tables(world, now())
    as_ofs = [tables.until - timedelta(days=30), tables.until]
    read = build_features(world, tables, as_ofs).read(as_ofs)
    earlier, newest = (read.filter(pa.compute.equal(read["as_of"], pa.scalar(as_of))) for as_of in as_ofs)
    both = pa.compute.is_in(newest["account_id"], earlier["account_id"])
    newest = newest.filter(both).slice(0, 20)
    absent = pa.compute.is_in(earlier["account_id"], newest["account_id"].slice(0, 2))
    kept = earlier.filter(pa.compute.invert(absent))
    return newest, kept.take(pa.array(np.arange(kept.num_rows)[::-1]))  # in another order


def test_like_and_the_families_add_up_to_the_probability(bundle: Bundle, rows: tuple[pa.Table, pa.Table]) -> None:
    explained = explain(bundle, *rows)
    served = bundle.probability(rows[0])[:, bundle.ends.index(bundle.headline)]
    assert explained.probability == pytest.approx(served) and explained.by_family.shape == (20, len(REASON_FAMILIES))
    assert explained.like + explained.by_family.sum(axis=1) == pytest.approx(served)
    assert np.abs(explained.by_family).max() > 0.001


def test_changes_and_the_clock_add_up_to_the_change_of_the_probability(
    bundle: Bundle, rows: tuple[pa.Table, pa.Table]
) -> None:
    newest, earlier = rows
    explained = explain(bundle, newest, earlier)
    assert np.isnan(explained.clock[:2]).all() and np.isnan(explained.changed[:2]).all()
    probabilities = bundle.probability(earlier)[:, bundle.ends.index(bundle.headline)]
    of_account = dict(zip(earlier["account_id"].to_pylist(), probabilities, strict=True))
    before = np.array([of_account[account] for account in newest["account_id"].to_pylist()[2:]])
    total = explained.changed[2:].sum(axis=1) + explained.clock[2:]
    assert total == pytest.approx(explained.probability[2:] - before)
    assert np.abs(explained.changed[2:]).max() > 0.0


def test_nothing_changed_since_the_same_day(bundle: Bundle, rows: tuple[pa.Table, pa.Table]) -> None:
    explained = explain(bundle, rows[0], rows[0])
    assert np.abs(explained.changed).max() == 0.0 and explained.clock == pytest.approx(np.zeros(20))


def test_accounts_can_be_taken_from_the_answers(bundle: Bundle, rows: tuple[pa.Table, pa.Table]) -> None:
    explained = explain(bundle, *rows)
    taken = explained.take(np.array([3, 1]))
    assert np.array_equal(taken.by_family, explained.by_family[[3, 1]]) and taken.like.shape == (2,)
