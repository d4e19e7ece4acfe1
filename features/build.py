"""Build the feature table: one Parquet file an as_of, one row an account at risk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.catalogue import Catalogue, make_catalogue
from features.definition import Column
from features.engines import Connection, literal, open_duckdb, quoted, run
from features.errors import DataError, TimeError
from features.plan import compile_features
from features.settings import Settings, midnight
from features.sources import Progress, Tables
from features.tables import ACCOUNTS
from features.window import month_starts, require_known, require_midnight

LONGEST_WINDOW = 90  # days


@dataclass(frozen=True)
class FeatureTable:
    """Built features: `folder`/as_of=<day>.parquet, whose columns are account_id, as_of and `catalogue`."""

    folder: Path
    catalogue: Catalogue
    as_ofs: tuple[datetime, ...]

    def path(self, as_of: datetime) -> Path:
        """Return the file of one as_of."""
        return self.folder / f"as_of={as_of:%Y-%m-%d}.parquet"

    def as_json(self) -> dict[str, object]:
        """Return what was built as plain JSON values."""
        return {
            "folder": str(self.folder),
            "as_ofs": [f"{as_of:%Y-%m-%d}" for as_of in self.as_ofs],
            "rows": self.read().num_rows,
            "columns": [column.name for column in self.catalogue.columns],
            "left_out": self.catalogue.dropped,
        }

    def read(self, as_ofs: Sequence[datetime] | None = None) -> pa.Table:
        """Return the rows of these as_ofs (all, unless given), in their order, as one table."""
        wanted = self.as_ofs if as_ofs is None else as_ofs
        return pa.concat_tables([pq.read_table(self.path(as_of), partitioning=None) for as_of in wanted])


def build_features(
    settings: Settings, tables: Tables, as_ofs: Sequence[datetime], progress: Progress | None = None
) -> FeatureTable:
    """Build the features of every account at risk at each as_of, reusing files already there.

    A file is made anew when the data or a definition changed. Raises TimeError for an as_of off
    midnight or after the rows end, DataError where there is no subscription to be at risk with.
    """
    for as_of in as_ofs:
        require_known(require_midnight(as_of), tables.until)
    if "subscriptions" not in tables.present:
        raise DataError("Nobody can be at risk without the subscriptions table: give it a source under [tables].")
    catalogue = make_catalogue(tables.present, own_profile(tables))
    query = _ordered_query(catalogue.columns)
    asked = hashlib.sha256(query.encode()).hexdigest()[:12]
    folder = settings.store_path("features", f"{tables.fingerprint}-{asked}")
    folder.mkdir(parents=True, exist_ok=True)
    built = FeatureTable(folder, catalogue, tuple(as_ofs))
    missing = [as_of for as_of in as_ofs if not built.path(as_of).exists()]
    if missing:
        with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
            open_tables(connection, tables)
            for number, as_of in enumerate(missing):
                take_population(connection, as_of)
                _write_snapshot(connection, query, built.path(as_of))
                if progress:
                    progress("features", (number + 1) / len(missing))
    return built


def calendar(settings: Settings, tables: Tables) -> list[datetime]:
    """Return the as_ofs at which we look: those in the settings, or every month start in the record.

    The first lies 90 days into the record, so that every window is full. Raises TimeError where
    the record is too short for one.
    """
    if settings.snapshots.dates:
        chosen = {*settings.snapshots.dates, *settings.snapshots.test}
        return [midnight(day) for day in sorted(chosen)]
    found = month_starts(tables.since + timedelta(days=LONGEST_WINDOW), tables.until)
    found = sorted({*found, *(midnight(day) for day in settings.snapshots.test)})
    if not found:
        raise TimeError(
            f"The record runs from {tables.since:%Y-%m-%d} to {tables.until:%Y-%m-%d}: too short for a month start "
            f"with {LONGEST_WINDOW} days before it. Add older rows, set [data] since, or name [snapshots] dates."
        )
    return found


def open_tables(connection: Connection, tables: Tables) -> None:
    """Make every canonical table a view of its name."""
    for name in tables.present:
        path = literal(str(tables.path(name)))
        run(connection, f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({path})", name)


def own_profile(tables: Tables) -> list[tuple[str, bool]]:
    """Return (column, is it a number) of the accounts' columns beyond the contract."""
    schema = pq.read_schema(tables.path("accounts"))
    return [
        (column.name, pa.types.is_floating(column.type))
        for column in schema
        if ACCOUNTS.column(column.name) is None
    ]


def take_population(connection: Connection, as_of: datetime) -> None:
    """Make the table `snapshots`: every account with MRR above 0 at as_of, as known then.

    Accounts that have since churned or been deleted from today's list belong to it too.
    """
    moment = f"TIMESTAMP '{as_of:%Y-%m-%d}'"
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE snapshots AS "
        f"SELECT account_id, {moment} AS as_of FROM subscriptions "
        f"WHERE started_at < {moment} AND recorded_at < {moment} AND mrr > 0 "
        f"AND NOT coalesce(ended_at < {moment} AND end_recorded_at < {moment}, false) "
        "GROUP BY account_id ORDER BY account_id",
        f"population at {as_of:%Y-%m-%d}",
    )


def _ordered_query(columns: Sequence[Column]) -> str:
    names = ", ".join(quoted(column.name) for column in columns)
    return f"SELECT account_id, as_of, {names} FROM ({compile_features(columns)}) ORDER BY account_id"


def _write_snapshot(connection: Connection, query: str, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}")
    run(connection, f"COPY ({query}) TO {literal(str(unfinished))} (FORMAT parquet)", path.name)
    unfinished.replace(path)
