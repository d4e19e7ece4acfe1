"""What Spark sees of the future is what DuckDB sees."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from undertow.features.build.feature_table import build_features
from undertow.features.engines.database import open_database
from undertow.features.settings import Engine, Settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.training.examples.outcomes import observe_outcomes

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark's own, of pandas 3 and of its sockets


def test_outcomes_are_the_same_on_spark(world: Settings) -> None:
    tables = load_tables(world, datetime(2026, 1, 1))
    as_ofs = calendar(world.snapshots, tables)
    features = build_features(world, tables, as_ofs)
    known_at = tables.until - timedelta(days=20)
    on_spark = world.model_copy(update={"engine": Engine(kind="spark")})
    with open_database(world) as duckdb, open_database(on_spark) as spark:
        here, there = (
            observe_outcomes(database, world.churn, tables, features, as_ofs, known_at) for database in (duckdb, spark)
        )
    assert {"voluntary", "involuntary", ""} <= set(here.cause.tolist())
    for name in ("followed_days", "churn_days", "neutral_days", "gone"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name), err_msg=name)
    assert here.cause.tolist() == there.cause.tolist()
