"""Builds the feature table: point-in-time features as Parquet per as_of, one row per account at risk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from undertow.features.build.account_ranges import ranges_needed, write_by_range
from undertow.features.build.compiled_sql import compiled_features
from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import Catalogue, make_catalogue
from undertow.features.catalogue.own import project_features
from undertow.features.compiler.compiled import CompiledFeatures
from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.engines.database import Database, open_database
from undertow.features.errors import DataError
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.settings import Settings
from undertow.features.snapshots.activity import Activity, activity_of
from undertow.features.snapshots.calendar import require_known, require_midnight
from undertow.features.snapshots.population import open_tables, own_profile, take_population
from undertow.features.sources.loaded import Progress, Tables

AS_OFS_PER_QUERY = 36  # more would only take more memory
BATCH = 20_000  # rows in memory at once, of those that are chosen from


@dataclass(frozen=True)
class FeatureTable:
    """A built feature table: Parquet under `folder`/as_of=<day>/, the columns account_id and those of `catalogue`."""

    folder: Path
    catalogue: Catalogue
    as_ofs: tuple[datetime, ...]

    def path(self, as_of: datetime) -> Path:
        """Return the folder of one as_of."""
        return self.folder / f"as_of={as_of:%Y-%m-%d}"

    def as_json(self) -> dict[str, object]:
        """Return a summary of the table as plain JSON values: folder, as_ofs, row count, columns, features left out."""
        return {
            "folder": str(self.folder),
            "as_ofs": [f"{as_of:%Y-%m-%d}" for as_of in self.as_ofs],
            "rows": self.snapshots().num_rows,
            "columns": [column.name for column in self.catalogue.columns],
            "left_out": self.catalogue.dropped,
        }

    def read(self, as_ofs: Sequence[datetime] | None = None, keep: np.ndarray | None = None) -> pa.Table:
        """Return account_id, as_of and the features of these as_ofs (default: all) as one table.

        Rows are in the order of the as_ofs given, and by account_id within each. `keep`: which of them to return,
        bool, (n,); they are read batch by batch, so that the others never are in memory together.
        """
        chosen = self.as_ofs if as_ofs is None else as_ofs
        parts, first = [], 0
        for as_of in chosen:
            if keep is None:
                parts.append(self._read(as_of))
                continue
            order = self._accounts(as_of)
            parts.append(self._read_part(as_of, order, keep[first : first + len(order)]))
            first += len(order)
        return pa.concat_tables(parts)

    def snapshots(self, as_ofs: Sequence[datetime] | None = None) -> pa.Table:
        """Return account_id and as_of of these as_ofs (default: all), in the order of `read`."""
        chosen = self.as_ofs if as_ofs is None else as_ofs
        return pa.concat_tables([self._read(as_of, ["account_id"]) for as_of in chosen])

    def _read(self, as_of: datetime, columns: list[str] | None = None) -> pa.Table:
        rows = pa.concat_tables([pq.ParquetFile(file).read(columns) for file in self._files(as_of)])
        return _with_as_of(rows.sort_by("account_id"), as_of)

    def _read_part(self, as_of: datetime, order: np.ndarray, keep: np.ndarray) -> pa.Table:
        """Return rows of one as_of. `order`: of those stored by account_id, (n,); `keep`: in that order, bool, (n,)."""
        as_stored = np.empty(len(order), dtype=bool)
        as_stored[order] = keep
        parts, first = [], 0
        for file in self._files(as_of):
            for batch in pq.ParquetFile(file).iter_batches(BATCH):
                parts.append(batch.filter(pa.array(as_stored[first : first + batch.num_rows])))
                first += batch.num_rows
        schema = pq.read_schema(self._files(as_of)[0])
        return _with_as_of(pa.Table.from_batches(parts, schema).sort_by("account_id"), as_of)

    def _accounts(self, as_of: datetime) -> np.ndarray:
        """Return the order of the stored rows of one as_of by account_id, (n,)."""
        stored = pa.concat_tables([pq.ParquetFile(file).read(["account_id"]) for file in self._files(as_of)])
        return np.asarray(pc.sort_indices(stored["account_id"]))

    def _files(self, as_of: datetime) -> list[Path]:
        return sorted(self.path(as_of).glob("*.parquet"))


def _with_as_of(rows: pa.Table, as_of: datetime) -> pa.Table:
    return rows.add_column(1, "as_of", arrow_column(np.full(rows.num_rows, np.datetime64(as_of, "us"))))


def build_features(
    settings: Settings, tables: Tables, as_ofs: Sequence[datetime], progress: Progress | None = None
) -> FeatureTable:
    """Build the features of every account at risk at each as_of; snapshots that are already stored are reused.

    Only the months of events that the windows of the missing as_ofs need are read. A snapshot is rebuilt
    when the data or a definition changed, and is published atomically. Raises TimeError for an as_of off
    midnight or after the rows end, DataError where there is no subscriptions table, SettingsError where an entry of
    [[features]] is wrong.
    """
    for as_of in as_ofs:
        require_known(require_midnight(as_of), tables.until)
    activity = _activity(settings, tables)
    catalogue = _catalogue(settings, tables)
    name = f"{tables.fingerprint}-{_definition_hash(settings, tables, catalogue, activity)}"
    built = FeatureTable(settings.store_path("features", name), catalogue, tuple(as_ofs))
    missing = sorted({as_of for as_of in as_ofs if not built.path(as_of).exists()})
    if missing:
        built.folder.mkdir(parents=True, exist_ok=True)
        with open_database(settings) as database:
            for start in range(0, len(missing), AS_OFS_PER_QUERY):
                batch = missing[start : start + AS_OFS_PER_QUERY]
                _build(settings, database, tables, built, batch)
                if progress:
                    progress("features", (start + len(batch)) / len(missing))
    return built


def _catalogue(settings: Settings, tables: Tables) -> Catalogue:
    """Return the features of a project: those of the catalogue, and its own."""
    profile = own_profile(tables, settings.accounts.carry)
    return make_catalogue(tables.present, profile, project_features(settings), settings.events.kinds)


def _definition_hash(
    settings: Settings, tables: Tables, catalogue: Catalogue, activity: Activity | None
) -> str:
    """Return a hash, 12 hex digits, of the SQL that the features compile to; it names the stored table.

    A definition or a compiler that yields the same SQL in other words leaves the stored table as it is.
    """
    sql = _compiled(settings, catalogue, None, "duckdb").plan().sql()
    sql = _unknown_when_stale(sql, catalogue.columns, tables.stale)
    population = repr(activity) if activity else ""
    return hashlib.sha256((sql + population).encode()).hexdigest()[:12]


def _activity(settings: Settings, tables: Tables) -> Activity | None:
    """Return what counts as activity; None for subscriptions. Raises DataError where no table holds customers."""
    activity = activity_of(settings, tables.present)
    if activity is None and "subscriptions" not in tables.present:
        raise DataError(
            "No account is at risk without the subscriptions table: give it a source under [tables]. Where customers "
            'buy without one and nobody cancels, set [churn] kind = "inactivity".'
        )
    return activity


def _compiled(settings: Settings, catalogue: Catalogue, as_of_count: int | None, dialect: str) -> CompiledFeatures:
    return compiled_features(settings.store_path("compiled"), catalogue.columns, as_of_count, dialect)


def _unknown_when_stale(query: str, columns: Sequence[Column], stale: Mapping[str, datetime]) -> str:
    """Return the query with null for every feature that reads a stale table, at as_ofs after that table's end."""
    ends = {column.name: [stale[table] for table in column.feature.tables if table in stale] for column in columns}
    replaced = [
        f"CASE WHEN as_of <= TIMESTAMP '{min(end):%Y-%m-%d %H:%M:%S}' THEN {name} END AS {name}" if end else name
        for name, end in ends.items()
    ]
    return f"SELECT account_id, as_of, {', '.join(replaced)} FROM ({query}) AS computed" if stale else query


def _build(
    settings: Settings, database: Database, tables: Tables, built: FeatureTable, as_ofs: Sequence[datetime]
) -> None:
    """Write the snapshots of these distinct as_ofs to a hidden folder, then rename each to its final path."""
    plan = _compiled(settings, built.catalogue, len(as_ofs), database.dialect).plan(as_ofs)
    activity = _activity(settings, tables)
    since = {table: _since(as_ofs, days) for table, days in plan.reach.items()}
    since = since if activity is None else activity.since(since, as_ofs[0])
    open_tables(database, tables, since, as_ofs[-1])
    take_population(database, as_ofs, activity)

    def finish(query: str) -> str:
        return _unknown_when_stale(query, built.catalogue.columns, tables.stale)

    with unfinished_path(built.folder, f"{as_ofs[0]:%Y%m%d}") as unfinished:
        number = ranges_needed(database, tables, since, as_ofs[-1])
        if number == 1:
            database.write(finish(plan.prepare(database)), unfinished, "features")
        else:
            write_by_range(database, plan, finish, tables, since, as_ofs, number, unfinished)
        for as_of in as_ofs:
            _publish(unfinished / built.path(as_of).name, built, as_of)


def _publish(written: Path, built: FeatureTable, as_of: datetime) -> None:
    if not written.exists():  # no account was at risk
        written.mkdir(parents=True)
        pq.write_table(_empty_table(built.catalogue), written / "nobody.parquet")
    if not built.path(as_of).exists():
        written.rename(built.path(as_of))


def _empty_table(catalogue: Catalogue) -> pa.Table:
    fields = [(c.name, pa.string() if c.feature.unit == "text" else pa.float64()) for c in catalogue.columns]
    return pa.schema([("account_id", pa.string()), *fields]).empty_table()


def _since(as_ofs: Sequence[datetime], days: int | None) -> datetime | None:
    return None if days is None else as_ofs[0] - timedelta(days=days)


def landmark_features(settings: Settings, tables: Tables, landmarks: pa.Table) -> pa.Table:
    """Return point-in-time features at landmarks: as_ofs that differ per account, such as 60 days after its start.

    `landmarks`: account_id and as_of (any time, UTC), each pair once. The range join computes them;
    every account named is returned, at risk or not. Raises TimeError for an as_of after the rows end.
    """
    for as_of in set(landmarks["as_of"].to_pylist()):
        require_known(as_of, tables.until)
    catalogue = _catalogue(settings, tables)
    with open_database(settings) as database:
        open_tables(database, tables)
        database.register("snapshots", landmarks.select(["account_id", "as_of"]))
        query = _compiled(settings, catalogue, None, database.dialect).plan().prepare(database)
        query = _unknown_when_stale(query, catalogue.columns, tables.stale)
        return database.arrow(f"{query} ORDER BY account_id, as_of", "features at landmarks")
