"""Batch scoring at scale: churn probabilities only, without reasons or CLV, as Parquet partitioned by as_of.

On Spark the registered model runs inside the cluster (`mlflow.pyfunc.spark_udf`); elsewhere the bundle runs in this
process, in batches. Both give the same probabilities.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.engines.duckdb import literal
from undertow.features.engines.spark import open_spark
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress
from undertow.serving.jobs.prepare import Prepared, prepare
from undertow.training.registry.tracking import open_registry

BATCH = 10_000  # rows


@dataclass(frozen=True)
class BulkReport:
    """What was written: `folder`/as_of=<day>/ holds account_id and p_<horizon> for `accounts` accounts.

    `warnings`: what every command says about the rows, such as how many were refused.
    """

    folder: Path
    as_of: datetime
    accounts: int
    model_version: str
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return {
            "folder": str(self.folder),
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "accounts": self.accounts,
            "model_version": self.model_version,
            "warnings": self.warnings,
        }


def score_in_bulk(
    settings: Settings,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    examples: Path | None = None,
) -> BulkReport:
    """Write the champion's probabilities for every account at risk at `as_of` (the end of the rows, unless given).

    An earlier result for that as_of is replaced as a whole. `examples`: a file of feature rows, scored instead of the
    project's tables. Raises ModelRefusal while there is no champion, or where
    its features have changed since it was trained.
    """
    ready = prepare(settings, now, as_of, progress, examples=examples)
    root = settings.store_path("probabilities")

    def write(folder: Path) -> None:
        if settings.engine.kind == "spark":
            _on_spark(settings, ready, folder)
        else:
            _here(ready, folder)

    folder = _publish(root, ready.features.path(ready.as_of).name, write)
    accounts = sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))
    return BulkReport(root, ready.as_of, accounts, ready.version, ready.tables.warnings)


def _publish(root: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Have `write` fill a hidden folder, then replace the folder of that name with it."""
    final = root / name
    with unfinished_path(root, name) as unfinished:
        write(unfinished)
        shutil.rmtree(final, ignore_errors=True)
        (unfinished / name).rename(final)
    return final


def _here(ready: Prepared, folder: Path) -> None:
    rows, bundle = ready.features.read([ready.as_of]), ready.bundle
    into = folder / ready.features.path(ready.as_of).name
    into.mkdir(parents=True)
    names = [f"p_{horizon}" for horizon in bundle.horizons]
    schema = pa.schema([("account_id", pa.string()), *((name, pa.float64()) for name in names)])
    with pq.ParquetWriter(into / "probabilities.parquet", schema) as writer:
        for start in range(0, rows.num_rows, BATCH):
            batch = rows.slice(start, BATCH)
            probability = bundle.probability(batch)
            writer.write_table(pa.table([batch["account_id"], *probability.T], schema=schema))


def _on_spark(settings: Settings, ready: Prepared, folder: Path) -> None:
    names = ", ".join(f"`{name}`" for name in ready.bundle.needed)
    outputs = ", ".join(f"scored.p_{horizon}" for horizon in ready.bundle.horizons)
    as_of = f"TIMESTAMP {literal(f'{ready.as_of:%Y-%m-%d}')}"
    scored = f"SELECT account_id, as_of, undertow_probability(struct(as_of, {names})) AS scored FROM rows_to_score"
    with open_spark(settings.spark) as database:
        database.open_table("features_of_day", sorted(ready.features.path(ready.as_of).glob("*.parquet")))
        database.create_view("rows_to_score", f"SELECT *, {as_of} AS as_of FROM features_of_day", "scoring")
        udf = open_registry(settings).spark_udf(ready.champion, database.session)
        database.session.udf.register("undertow_probability", udf)
        database.write(f"SELECT account_id, as_of, {outputs} FROM ({scored})", folder, "scoring")
