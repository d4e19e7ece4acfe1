"""Probabilities of everybody, by the million: Parquet by as_of, without reasons or money.

On Spark the registered model runs inside the cluster (`mlflow.pyfunc.spark_udf`); elsewhere the bundle runs
here, in batches. Both say the same.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.build import FeatureTable, build_features
from undertow.features.engines.duckdb import literal
from undertow.features.engines.spark import open_spark
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress
from undertow.features.versions import WRITING, remove_unfinished
from undertow.training.registry import tracking

BATCH = 10_000  # rows


@dataclass(frozen=True)
class BulkReport:
    """What was written: `folder`/as_of=<day>/ holds account_id and p_<horizon> of `accounts` accounts."""

    folder: Path
    as_of: datetime
    accounts: int
    model_version: str

    def as_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return {
            "folder": str(self.folder),
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "accounts": self.accounts,
            "model_version": self.model_version,
        }


def score_in_bulk(
    settings: Settings, now: datetime, as_of: datetime | None = None, progress: Progress | None = None
) -> BulkReport:
    """Write the champion's probabilities for every account at risk at `as_of` (the end of the rows, unless given).

    What was there for that as_of is replaced, whole. Raises ModelRefusal before there is a champion, or
    where the features are others now than those it learned from.
    """
    champion = tracking.champion(settings)
    if champion is None:
        raise ModelRefusal("There is no model to score with yet. Run `undertow train` first.")
    tables = load_tables(settings, now, progress)
    moment = as_of or tables.until
    built = build_features(settings, tables, [moment], progress)
    champion.bundle.refuse_other_features(built.catalogue.columns)
    write = _on_spark if settings.engine.kind == "spark" else _here
    root = settings.store_path("probabilities")
    folder = _publish(root, built.path(moment).name, lambda into: write(settings, champion, built, moment, into))
    accounts = sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))
    return BulkReport(root, moment, accounts, f"{settings.name} v{champion.number} ({champion.bundle.version})")


def _publish(root: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a hidden folder, and put it where the old one of that name was."""
    root.mkdir(parents=True, exist_ok=True)
    remove_unfinished(root)
    unfinished, final = root / f"{WRITING}{name}-{os.getpid()}", root / name
    try:
        write(unfinished)
        shutil.rmtree(final, ignore_errors=True)
        (unfinished / name).rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return final


def _here(
    settings: Settings, champion: tracking.Registered, built: FeatureTable, as_of: datetime, folder: Path
) -> None:
    rows, bundle = built.read([as_of]), champion.bundle
    into = folder / built.path(as_of).name
    into.mkdir(parents=True)
    names = [f"p_{horizon}" for horizon in bundle.horizons]
    schema = pa.schema([("account_id", pa.string()), *((name, pa.float64()) for name in names)])
    with pq.ParquetWriter(into / "probabilities.parquet", schema) as writer:
        for start in range(0, rows.num_rows, BATCH):
            some = rows.slice(start, BATCH)
            found = bundle.probability(some)
            writer.write_table(pa.table([some["account_id"], *found.T], schema=schema))


def _on_spark(
    settings: Settings, champion: tracking.Registered, built: FeatureTable, as_of: datetime, folder: Path
) -> None:
    names = ", ".join(f"`{column.name}`" for column in champion.bundle.columns)
    outputs = ", ".join(f"found.p_{horizon}" for horizon in champion.bundle.horizons)
    moment = f"TIMESTAMP {literal(f'{as_of:%Y-%m-%d}')}"
    asked = f"SELECT account_id, as_of, undertow_probability(struct(as_of, {names})) AS found FROM rows_to_score"
    with open_spark(settings.spark) as database:
        database.open_table("features_of_day", sorted(built.path(as_of).glob("*.parquet")))
        database.create_view("rows_to_score", f"SELECT *, {moment} AS as_of FROM features_of_day", "scoring")
        udf = tracking.spark_udf(settings, champion, database.session)
        database.session.udf.register("undertow_probability", udf)
        database.write(f"SELECT account_id, as_of, {outputs} FROM ({asked})", folder, "scoring")
