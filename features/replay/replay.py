"""Replay, a leakage check: rebuilds old snapshots from only the rows recorded by then, and compares the features.

Features that differ were built from later rows. The copy of the tables as they were known at as_of
(`tables_as_of`, the only function that makes such copies) tests our own code. To test the systems that
wrote the rows, an older record is needed (`undertow.features.replay.older_export`).
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.catalogue.cards import Column, Feature
from undertow.features.engines.duckdb import Connection, InDuckDB, literal, open_duckdb, quoted, run
from undertow.features.settings import Settings
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.features.tables import ALL_TABLES, Table

Severity = Literal["failure", "warning", "note"]

# The audit must not rely on the contract that it checks: these two lists repeat it independently.
SET_AHEAD = (("invoices", "due_at"), ("subscriptions", "renews_at"), ("subscriptions", "ended_at"),
             ("cards", "expires_at"), ("list_prices", "valid_from"), ("planned_changes", "takes_effect_at"),
             ("price_steps", "takes_effect_at"))  # fmt: skip
LATE_VALUES = {
    ("tickets", "csat"): "csat_at",
    ("surveys", "score"): "responded_at",
    ("subscriptions", "ended_at"): "end_recorded_at",
    ("subscriptions", "end_reason"): "end_recorded_at",
    ("surveys", "scaled"): "responded_at",
    ("invoices", "closed_reason"): "closed_at",
}
SAME = 1e-9  # relative tolerance: sums in another order differ in their last digits
NOTHING = 1e-12  # absolute tolerance, of a column's largest value: the rest where a difference cancels


@dataclass(frozen=True)
class Finding:
    """One finding of the leakage audit: severity, name of the check, culprit (a feature, column or table), text."""

    severity: Severity
    check: str
    culprit: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Return the finding as plain JSON values: its severity (`level`), check, culprit and text (`said`)."""
        return {"level": self.severity, "check": self.check, "culprit": self.culprit, "said": self.text}


@dataclass(frozen=True)
class ComparedColumn:
    """One feature column computed from two records: rows compared, rows that differ, and one example of these."""

    column: str
    rows: int
    differ: int
    account: str | None = None
    as_of: datetime | None = None
    then: object = None
    now: object = None


@dataclass(frozen=True)
class Comparison:
    """Features and accounts at risk of the same as_ofs, computed from an older record and from today's.

    `record`: the older record, in words. `lost`, `gained`: (account, as_of) at risk in the older record only,
    in today's only. `meant`: name -> column, of the columns compared.
    """

    check: str
    record: str
    as_ofs: tuple[datetime, ...]
    rows: int
    columns: tuple[ComparedColumn, ...]
    lost: tuple[tuple[str, datetime], ...]
    gained: tuple[tuple[str, datetime], ...]
    meant: dict[str, Column]

    @property
    def differing(self) -> tuple[ComparedColumn, ...]:
        """Return the columns that differ, most rows first; peer comparisons last, as they follow from the others."""
        columns = [column for column in self.columns if column.differ]
        return tuple(sorted(columns, key=lambda column: (self.meant[column.column].against == "peers", -column.differ)))

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "check": self.check,
            "record": self.record,
            "as_ofs": [f"{as_of:%Y-%m-%d}" for as_of in self.as_ofs],
            "rows": self.rows,
            "at_risk_then_only": len(self.lost),
            "at_risk_now_only": len(self.gained),
            "features": [asdict(column) for column in self.columns],
        }


# --- replay ----------------------------------------------------------------------------------------


def sample_as_ofs(as_ofs: Sequence[datetime], count: int, seed: int) -> list[datetime]:
    """Return `count` of the as_ofs in order: the earliest, and others drawn at random with `seed`."""
    earliest, rest = list(as_ofs[:1]), list(as_ofs[1:])
    drawn = random.Random(seed).sample(rest, min(count - 1, len(rest)))
    return sorted(earliest + drawn)


def replay(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    as_ofs: Sequence[datetime],
    progress: Progress | None = None,
) -> Comparison:
    """Rebuild these snapshots from only the rows recorded by then; compare with `features`, built from all rows."""
    then = []
    for number, as_of in enumerate(as_ofs):
        with temporary_store(settings) as elsewhere:
            known = _write_tables_as_of(elsewhere, tables, as_of)
            then.append(build_features(elsewhere, known, [as_of]).read())
        if progress:
            progress("replaying", (number + 1) / len(as_ofs))
    record = "only the rows recorded by then"
    return compare("replay", record, pa.concat_tables(then), features, as_ofs)


def tables_as_of(connection: Connection, tables: Tables, as_of: datetime, folder: Path) -> Tables:
    """Write every table as it was known at as_of into `folder`, and return the tables.

    Rows are kept if they had happened and were recorded before as_of; later-known values are null.
    The tables must be open as views of their names.
    """
    known = replace(tables, folder=folder, fingerprint=f"{tables.fingerprint}-{as_of:%Y%m%d}", until=as_of)
    folder.mkdir(parents=True, exist_ok=True)
    for name in tables.present:
        path = literal(str(folder / f"{name}.parquet"))
        run(connection, f"COPY ({rows_recorded_by(ALL_TABLES[name], as_of)}) TO {path} (FORMAT parquet)", name)
    return known


def rows_recorded_by(table: Table, as_of: datetime) -> str:
    """Return the SELECT of a table's rows as known at as_of: recorded before it, later-known values null."""
    timestamp = f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}'"
    clocks = [table.happened_at] + ["recorded_at"] * (table.column("recorded_at") is not None)
    masked = []
    for column in table.columns:
        known_from = sorted(_known_from(table, column.name) - set(clocks))
        if known_from:
            known = " AND ".join(f"{quoted(name)} < {timestamp}" for name in known_from)
            masked.append(f"CASE WHEN {known} THEN {quoted(column.name)} END AS {quoted(column.name)}")
    selected = f"* REPLACE ({', '.join(masked)})" if masked else "*"
    return f"SELECT {selected} FROM {table.name} WHERE {' AND '.join(f'{clock} < {timestamp}' for clock in clocks)}"


def _known_from(table: Table, name: str) -> set[str]:
    """Return the time columns that must have passed for a value to be known: the contract's and those listed here."""
    column = table.column(name)
    assert column is not None
    times = {column.known_from, LATE_VALUES.get((table.name, name))} - {None}
    if column.type == "time" and (table.name, name) not in SET_AHEAD:
        times.add(name)
    return {time for time in times if time}


def _write_tables_as_of(elsewhere: Settings, tables: Tables, as_of: datetime) -> Tables:
    with open_duckdb(elsewhere.engine, elsewhere.store_path("spill")) as connection:
        open_tables(InDuckDB(connection), tables)
        return tables_as_of(connection, tables, as_of, elsewhere.store_path("tables_as_of"))


@contextmanager
def temporary_store(settings: Settings) -> Iterator[Settings]:
    """Yield a copy of the settings whose store is a temporary folder inside the project's store, deleted afterwards.

    The engine is DuckDB, whatever engine the project uses.
    """
    settings.store_path().mkdir(parents=True, exist_ok=True)
    engine = settings.engine.model_copy(update={"kind": "duckdb"})
    with tempfile.TemporaryDirectory(dir=settings.store_path(), prefix=".audit-") as folder:
        yield settings.model_copy(update={"store": Path(folder).resolve(), "engine": engine})


# --- comparing -------------------------------------------------------------------------------------


def compare(check: str, record: str, then: pa.Table, now: FeatureTable, as_ofs: Sequence[datetime]) -> Comparison:
    """Compare the features and the accounts at risk of the same as_ofs, computed from two records.

    Columns that only one of the two has are left out.
    """
    today = now.read(as_ofs)
    rows_then = _row_numbers(then)
    rows_now = _row_numbers(today)
    both = [key for key in rows_now if key in rows_then]
    was, is_ = then.take([rows_then[key] for key in both]), today.take([rows_now[key] for key in both])
    shared = [column for column in now.catalogue.columns if column.name in then.column_names]
    return Comparison(
        check=check,
        record=record,
        as_ofs=tuple(as_ofs),
        rows=len(both),
        columns=tuple(_compare_column(column, was, is_) for column in shared),
        lost=tuple(key for key in rows_then if key not in rows_now),
        gained=tuple(key for key in rows_now if key not in rows_then),
        meant={column.name: column for column in shared},
    )


def _row_numbers(rows: pa.Table) -> dict[tuple[str, datetime], int]:
    keys = zip(rows["account_id"].to_pylist(), rows["as_of"].to_pylist(), strict=True)
    return {key: number for number, key in enumerate(keys)}


def _compare_column(column: Column, then: pa.Table, now: pa.Table) -> ComparedColumn:
    was, is_ = then[column.name], now[column.name]
    differ = _differs(was, is_, exactly=column.feature.unit == "count")
    if not differ.any():
        return ComparedColumn(column.name, len(differ), 0)
    row = int(np.argmax(differ))
    return ComparedColumn(
        column.name, len(differ), int(differ.sum()), now["account_id"][row].as_py(), now["as_of"][row].as_py(),
        was[row].as_py(), is_[row].as_py(),
    )  # fmt: skip


def _differs(was: pa.ChunkedArray, is_: pa.ChunkedArray, exactly: bool) -> np.ndarray:
    """Return where values differ, bool, (n,): counts and texts exactly, other numbers to 1e-9. Nulls are equal."""
    if pa.types.is_string(was.type) or pa.types.is_string(is_.type):
        pairs = zip(was.to_pylist(), is_.to_pylist(), strict=True)
        return np.array([one != other for one, other in pairs], dtype=bool)
    a, b = (np.asarray(values.cast(pa.float64()).to_numpy(), dtype=float) for values in (was, is_))
    size = np.fmax(np.abs(a), np.abs(b))
    tolerance = np.zeros(len(a)) if exactly else np.fmax(SAME * size, NOTHING * np.nanmax(size, initial=0.0))
    both_null = np.isnan(a) & np.isnan(b)
    return np.asarray(~both_null & ~(np.abs(a - b) <= tolerance))


# --- findings --------------------------------------------------------------------------------------


def replay_findings(comparison: Comparison) -> list[Finding]:
    """Return a failure for each group of cards that differ: our code read rows recorded after as_of."""
    findings = []
    for tables, columns in grouped(comparison, lambda card: ", ".join(sorted(card.tables))).items():
        cards = list(dict.fromkeys(comparison.meant[column.column].feature.name for column in columns))
        text = f"built from rows of {tables} that were not recorded by then: {differences(columns)}"
        findings.append(Finding("failure", comparison.check, _first_names(cards), text))
    return findings + population_findings(comparison)


def grouped(comparison: Comparison, by: Callable[[Feature], str]) -> dict[str, list[ComparedColumn]]:
    """Group the columns that differ by `by` of their card, most rows first.

    Columns that read the rows of other accounts differ for many where one account does: they are left out as long
    as other columns or the accounts at risk differ.
    """
    own = [column for column in comparison.differing if not comparison.meant[column.column].reads_others]
    explained = own or comparison.lost or comparison.gained
    grouped: dict[str, list[ComparedColumn]] = {}
    for column in own if explained else comparison.differing:
        grouped.setdefault(by(comparison.meant[column.column].feature), []).append(column)
    return grouped


def population_findings(comparison: Comparison) -> list[Finding]:
    """Return a failure where accounts are at risk in only one of the two records."""
    differing = (
        (comparison.lost, "at risk in the older record but missing today: old snapshots must keep accounts that left"),
        (comparison.gained, "at risk today but not in the older record: back-dated"),
    )
    if comparison.check == "replay":
        differing = ((comparison.lost, "at risk by the rows recorded then, but not in today's features"),
                     (comparison.gained, "at risk only by rows recorded later"))  # fmt: skip
    return [
        Finding("failure", comparison.check, "the population", f"{count_rows(len(keys))} {reason}; such as "
                f"{keys[0][0]} at {keys[0][1]:%Y-%m-%d}.")
        for keys, reason in differing if keys
    ]  # fmt: skip


def differences(columns: Sequence[ComparedColumn]) -> str:
    """Return a text: how the first column differs, with an example, and how many more columns do."""
    first = columns[0]
    others = f", and {len(columns) - 1} columns more" if len(columns) > 1 else ""
    return (
        f"{first.column} differs in {first.differ:,} of {first.rows:,} rows ({first.account} at "
        f"{first.as_of:%Y-%m-%d}: {_value(first.then)} then, {_value(first.now)} now){others}."
    )


def _value(value: object) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def count_rows(count: int) -> str:
    """Return a number of rows as text.

    >>> count_rows(1), count_rows(2500)
    ('1 row', '2,500 rows')
    """
    return f"{count:,} row{'s' * (count != 1)}"


def _first_names(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
