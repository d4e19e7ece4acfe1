"""The attributions that the scoring benchmark compares are equal, and the trees are in the model that it scores."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.benchmarks.scoring.attributions import (
    TREES,
    Attribution,
    attribution_lines,
    fit,
    of_size,
    with_trees,
)
from undertow.features.settings import Settings
from undertow.serving.jobs.score import score
from undertow.training.bundle.bundle import Bundle


@pytest.fixture
def published(copied: Settings) -> tuple[Bundle, pa.Table]:
    """The model of the small trained project, and the published features."""
    folder = score(copied, datetime(2024, 7, 2, 4)).folder
    return Bundle.load(folder / "bundle"), pq.read_table(folder / "features.parquet")


def test_trees_are_attributed_alike_and_change_the_scores(
    published: tuple[Bundle, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, rows = published
    monkeypatch.setattr("tests.benchmarks.scoring.attributions.SIZES", (1, 50, 2000))
    booster = fit(bundle, rows)
    lines = attribution_lines(bundle, rows, booster)
    assert booster.num_trees() == TREES
    differences = [float(line.split("largest difference ")[1]) for line in lines[1:3]]
    assert max(differences) < 1e-12
    assert lines[3].strip().startswith("2,000 rows: ") and "LightGBM" not in lines[3]
    treed = with_trees(bundle, booster)
    assert treed.used == bundle.used
    assert all(cause.trees is not None and len(cause.trees.boosters) == 1 for cause in treed.causes)
    assert not np.allclose(treed.score(rows).probability, bundle.score(rows).probability)


def test_more_rows_than_there_are_take_each_value_from_its_column() -> None:
    matrix = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, np.nan]])
    assert of_size(matrix, 2).tolist() == [[1.0, 10.0], [2.0, 20.0]]
    drawn = of_size(matrix, 100)
    assert drawn.shape == (100, 2) and set(drawn[:, 0]) == {1.0, 2.0, 3.0}
    assert len({tuple(row) for row in np.nan_to_num(drawn).tolist()}) > len(matrix)


def test_a_line_states_the_ratio_and_the_difference() -> None:
    assert str(Attribution(1000, 0.02, 0.3, 2e-15)) == (
        " 1,000 rows: 0.0200 s, LightGBM 0.3000 s (15 times), largest difference 2e-15"
    )
    assert str(Attribution(10_000, 0.5)) == "10,000 rows: 0.5000 s"
