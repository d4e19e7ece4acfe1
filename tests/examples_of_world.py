"""The simulated business as a file of feature rows, as a team with a pipeline of its own would write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.build.feature_table import build_features
from undertow.features.catalogue.cards import FAMILIES, Column
from undertow.features.catalogue.given import FIXED, OUR_COLUMNS
from undertow.features.engines.database import open_database
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.training.examples.outcomes import observe_outcomes


def rows_of_world(world: Settings, now: datetime) -> tuple[pa.Table, list[Column]]:
    """Return every snapshot with its outcome and facts, and the feature columns that feed the model."""
    tables = load_tables(world, now)
    as_ofs = calendar(world.snapshots, tables)
    features = build_features(world, tables, as_ofs)
    with open_database(world) as database:
        outcomes = observe_outcomes(database, world.churn, tables, features, as_ofs, tables.until)
    columns = [column for column in features.catalogue.columns if column.feeds or column.name in OUR_COLUMNS]
    columns = [column for column in columns if column.name not in FIXED]
    rows = features.read(as_ofs)
    facts = pq.read_table(tables.path("accounts"), columns=["account_id", "name", "owner"]).to_pylist()
    by_id = {row["account_id"]: row for row in facts}
    known = [by_id.get(account, {}) for account in rows["account_id"].to_pylist()]
    given = rows.select(["account_id", "as_of", *(column.name for column in columns), "segment"])
    for name in ("name", "owner"):
        given = given.append_column(name, pa.array([row.get(name) for row in known], pa.string()))
    stated = {
        "churn_days": outcomes.churn_days,
        "followed_days": np.clip(outcomes.followed_days, 0.0, None),
    }
    for name, values in stated.items():
        given = given.append_column(name, pa.array(values, from_pandas=True))
    given = given.append_column("cause", pa.array([cause or None for cause in outcomes.cause], pa.string()))
    return given.filter(pa.array(~outcomes.gone)), columns


def examples_section(columns: Sequence[Column]) -> str:
    """Return the section [examples] that describes these columns as their cards do."""
    own = [column for column in columns if column.name not in OUR_COLUMNS]
    lines = ["[examples]"]
    for family in FAMILIES:
        names = [column.name for column in own if column.feature.family == family]
        lines.append(f"{family} = {json.dumps(names)}")
    lines.append(f"deviates = {json.dumps([column.name for column in own if column.feature.deviates])}")
    details = {
        "sentences": {column.name: column.sentence for column in own},
        "good": {column.name: column.feature.good for column in own if column.feature.good},
        "units": {column.name: column.feature.unit for column in own},
    }
    for name, entries in details.items():
        lines += [f"[examples.{name}]", *(f"{column} = {json.dumps(value)}" for column, value in entries.items())]
    return "\n".join(lines) + "\n"


def make_project(folder: Path, rows: pa.Table, section: str, more: str = "") -> tuple[Settings, Path]:
    """Write a project that has nothing but a file of feature rows; return its settings and the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(f'name = "given"\n{more}\n{section}', encoding="utf-8")
    pq.write_table(rows, folder / "rows.parquet")
    return load_settings(folder), folder / "rows.parquet"
