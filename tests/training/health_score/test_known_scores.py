"""Which health score counts at an as_of, by hand: the newest that was recorded before it and is not too old."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.tables_by_hand import as_arrow
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.settings import Engine, HealthScores
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.split import Examples
from undertow.training.health_score.known_scores import GIVEN, has_stale, health_of, with_health_scores

AS_OF = datetime(2024, 6, 1)


def _score(account: str, scored_at: datetime, score: str, **more: object) -> dict[str, object]:
    return {"account_id": account, "scored_at": scored_at, "score": score, **more}


def test_the_newest_score_recorded_before_as_of_counts_unless_it_is_too_old(tmp_path: Path) -> None:
    given = [
        _score("late", datetime(2024, 4, 20), "30"),
        _score("late", datetime(2024, 5, 20), "90", recorded_at=datetime(2024, 6, 2)),
        _score("changed", datetime(2024, 5, 1), "10", superseded_at=datetime(2024, 5, 9)),
        _score("changed", datetime(2024, 5, 1), "20", recorded_at=datetime(2024, 5, 9)),
        _score("leaked", datetime(2024, 5, 1), "80"),
        _score("leaked", AS_OF, "1"),
        _score("stale", datetime(2024, 3, 2), "50"),
        _score("edge", datetime(2024, 3, 3), "60"),
    ]
    accounts = ["late", "changed", "leaked", "stale", "edge", "none"]
    rows = pa.table({"account_id": accounts, "as_of": pa.array([AS_OF] * 6, pa.timestamp("us"))})
    nan = np.full(6, np.nan)
    outcomes = Outcomes(np.full(6, 99.0), nan, nan, np.full(6, "", dtype=object), np.zeros(6, dtype=bool))
    with open_duckdb(Engine(threads=1), tmp_path / "spill") as connection:
        database = InDuckDB(connection)
        database.register("scores", as_arrow("scores", given))
        found = with_health_scores(database, HealthScores(), Examples(rows, outcomes)).rows
    assert found[GIVEN].to_pylist() == ["30", "20", "80", "50", "60", None]
    np.testing.assert_equal(health_of(found), [30, 20, 80, np.nan, 60, np.nan])
    assert has_stale(found).tolist() == [False, False, False, True, False, False]
