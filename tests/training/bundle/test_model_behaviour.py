"""How the model trained on the simulated world moves when an account's experience or contract is changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.choose import Catalogue
from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.tracking import open_registry


@pytest.fixture(scope="module")
def champion(world: Settings) -> Bundle:
    found = open_registry(world).champion()
    assert found is not None
    return found.bundle


@pytest.fixture(scope="module")
def at_test(world: Settings, report: TrainReport) -> pa.Table:
    """The feature rows of the trained world at the test as_of."""
    as_of = report.dates.test[0]
    [path] = world.store_path("features").glob(f"*/as_of={as_of:%Y-%m-%d}")
    return FeatureTable(path.parent, Catalogue((), {}), (as_of,)).read()


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def at(rows: pa.Table, bundle: Bundle, family: str, worst: bool) -> pa.Table:
    """Rows where every measure of a family that has a better side is at its worst, or its best, tenth."""
    for column in bundle.columns:
        if column.family == family and column.against is None and column.good in ("low", "high"):
            known = rows[column.name].drop_null().to_numpy()
            share = 0.9 if (column.good == "low") == worst else 0.1
            rows = with_column(rows, column.name, np.full(rows.num_rows, np.quantile(known, share)))
    return rows


# Not "ux": broken pages act through moods that usage and tickets show better, and heavy users meet more of them and
# stay; its direction in a small world is a matter of luck. `make yardsticks` measures how far its reasons hold.
@pytest.mark.parametrize("family", ["cx", "usage"])
def test_a_worse_experience_raises_the_mean_score(champion: Bundle, at_test: pa.Table, family: str) -> None:
    worse, better = at(at_test, champion, family, worst=True), at(at_test, champion, family, worst=False)
    moved = [name for name in at_test.column_names if not worse[name].equals(better[name])]
    assert len(moved) > 5
    assert champion.probability(worse)[:, 2].mean() > 1.02 * champion.probability(better)[:, 2].mean()


def test_a_renewal_ahead_raises_the_score_of_an_annual_contract(champion: Bundle, at_test: pa.Table) -> None:
    annual = at_test.filter(pa.array([term == 12 for term in at_test["term_months"].to_pylist()]))
    soon, late = (with_column(annual, "days_to_renewal", [days] * annual.num_rows) for days in (20.0, 300.0))
    assert annual.num_rows > 20
    assert champion.probability(soon)[:, 0].mean() > 1.3 * champion.probability(late)[:, 0].mean()
