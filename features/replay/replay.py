"""Replay the past: were old features built only from what was known then?

Two records of the same past must yield the same features. One is what we read today; the other is a
copy of it cut off at as_of (`tables_as_of`, the only place that makes such copies), which tries our own
code. What tries the systems that wrote the rows is an older record (`undertow.features.replay.older_export`).
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

from undertow.features.build import FeatureTable, build_features
from undertow.features.catalogue.cards import Column, Feature
from undertow.features.engines.duckdb import Connection, InDuckDB, literal, open_duckdb, quoted, run
from undertow.features.settings import Settings
from undertow.features.snapshots import open_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.features.tables import TABLES, Table

Severity = Literal["failure", "warning", "note"]

# The audit does not trust the contract that it audits: these two lists stand beside it.
SET_AHEAD = (("invoices", "due_at"), ("subscriptions", "renews_at"), ("subscriptions", "ended_at"))
LATE_VALUES = {
    ("tickets", "csat"): "csat_at",
    ("surveys", "score"): "responded_at",
    ("subscriptions", "ended_at"): "end_recorded_at",
    ("subscriptions", "end_reason"): "end_recorded_at",
}
SAME = 1e-9  # relative: sums in another order differ in their last digits
NOTHING = 1e-12  # of a column's largest value: what is left where a difference cancels


@dataclass(frozen=True)
class Finding:
    """One thing the audit has to say: how bad, which check, who is the culprit, and in words."""

    severity: Severity
    check: str
    culprit: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Return plain JSON values, under the keys level, check, culprit and said."""
        return {"level": self.severity, "check": self.check, "culprit": self.culprit, "said": self.text}


@dataclass(frozen=True)
class ComparedColumn:
    """One feature column, built from two records: rows compared, rows that differ, and one of these."""

    column: str
    rows: int
    differ: int
    account: str | None = None
    as_of: datetime | None = None
    then: object = None
    now: object = None


@dataclass(frozen=True)
class Comparison:
    """Features and population of the same moments, `then` and now.

    `record`: what `then` is, in words. `lost`, `gained`: (account, as_of) at risk in one record only.
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
        """Return the columns that differ, most rows first; those beside peers last, as they follow from others."""
        found = [column for column in self.columns if column.differ]
        return tuple(sorted(found, key=lambda one: (self.meant[one.column].against == "peers", -one.differ)))

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
    """Return `count` of the as_ofs in order: the earliest, and others drawn by `seed`."""
    early, rest = list(as_ofs[:1]), list(as_ofs[1:])
    drawn = random.Random(seed).sample(rest, min(count - 1, len(rest)))
    return sorted(early + drawn)


def replay(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    as_ofs: Sequence[datetime],
    progress: Progress | None = None,
) -> Comparison:
    """Rebuild these snapshots from only the rows recorded by then; compare with `features`, built from all."""
    then = []
    for number, as_of in enumerate(as_ofs):
        with apart(settings) as elsewhere:
            cut = _cut_off(elsewhere, tables, as_of)
            then.append(build_features(elsewhere, cut, [as_of]).read())
        if progress:
            progress("replaying", (number + 1) / len(as_ofs))
    record = "only the rows recorded by then"
    return compare("replay", record, pa.concat_tables(then), features, as_ofs)


def tables_as_of(connection: Connection, tables: Tables, as_of: datetime, folder: Path) -> Tables:
    """Write every table into `folder` as its books stood at as_of, and return them.

    A row is there if it had happened and was recorded before as_of; what came to be known later is
    null. The tables must be open as views of their names.
    """
    kept = replace(tables, folder=folder, fingerprint=f"{tables.fingerprint}-{as_of:%Y%m%d}", until=as_of)
    folder.mkdir(parents=True, exist_ok=True)
    for name in tables.present:
        path = literal(str(folder / f"{name}.parquet"))
        run(connection, f"COPY ({rows_recorded_by(TABLES[name], as_of)}) TO {path} (FORMAT parquet)", name)
    return kept


def rows_recorded_by(table: Table, as_of: datetime) -> str:
    """Return the SELECT of a table's rows as its books stood at as_of."""
    moment = f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}'"
    clocks = [table.happened_at] + ["recorded_at"] * (table.column("recorded_at") is not None)
    masked = []
    for column in table.columns:
        known_from = sorted(_known_from(table, column.name) - set(clocks))
        if known_from:
            known = " AND ".join(f"{quoted(name)} < {moment}" for name in known_from)
            masked.append(f"CASE WHEN {known} THEN {quoted(column.name)} END AS {quoted(column.name)}")
    shown = f"* REPLACE ({', '.join(masked)})" if masked else "*"
    return f"SELECT {shown} FROM {table.name} WHERE {' AND '.join(f'{clock} < {moment}' for clock in clocks)}"


def _known_from(table: Table, name: str) -> set[str]:
    """Return the times that must have passed for a column to be known: the contract's, and our own."""
    column = table.column(name)
    assert column is not None
    found = {column.known_from, LATE_VALUES.get((table.name, name))} - {None}
    if column.type == "time" and (table.name, name) not in SET_AHEAD:
        found.add(name)
    return {known_from for known_from in found if known_from}


def _cut_off(elsewhere: Settings, tables: Tables, as_of: datetime) -> Tables:
    with open_duckdb(elsewhere.engine, elsewhere.store_path("spill")) as connection:
        open_tables(InDuckDB(connection), tables)
        return tables_as_of(connection, tables, as_of, elsewhere.store_path("books"))


@contextmanager
def apart(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a store of their own, inside the project's, which is removed afterwards.

    What is written there is read by DuckDB, whatever engine the project asks for.
    """
    settings.store_path().mkdir(parents=True, exist_ok=True)
    engine = settings.engine.model_copy(update={"kind": "duckdb"})
    with tempfile.TemporaryDirectory(dir=settings.store_path(), prefix=".audit-") as folder:
        yield settings.model_copy(update={"store": Path(folder).resolve(), "engine": engine})


# --- comparing -------------------------------------------------------------------------------------


def compare(check: str, record: str, then: pa.Table, now: FeatureTable, as_ofs: Sequence[datetime]) -> Comparison:
    """Compare feature rows, and who has one, of the same as_ofs; columns of one side only are left out."""
    today = now.read(as_ofs)
    places = _places(then)
    here = _places(today)
    both = [key for key in here if key in places]
    was, is_ = then.take([places[key] for key in both]), today.take([here[key] for key in both])
    shared = [column for column in now.catalogue.columns if column.name in then.column_names]
    return Comparison(
        check=check,
        record=record,
        as_ofs=tuple(as_ofs),
        rows=len(both),
        columns=tuple(_compare_column(column, was, is_) for column in shared),
        lost=tuple(key for key in places if key not in here),
        gained=tuple(key for key in here if key not in places),
        meant={column.name: column for column in shared},
    )


def _places(rows: pa.Table) -> dict[tuple[str, datetime], int]:
    keys = zip(rows["account_id"].to_pylist(), rows["as_of"].to_pylist(), strict=True)
    return {key: position for position, key in enumerate(keys)}


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
    """Return bool, shape (n,): null equals null, counts and texts exactly, other numbers to 1e-9."""
    if pa.types.is_string(was.type) or pa.types.is_string(is_.type):
        pairs = zip(was.to_pylist(), is_.to_pylist(), strict=True)
        return np.array([one != other for one, other in pairs], dtype=bool)
    a, b = (np.asarray(side.cast(pa.float64()).to_numpy(), dtype=float) for side in (was, is_))
    size = np.fmax(np.abs(a), np.abs(b))
    allowed = np.zeros(len(a)) if exactly else np.fmax(SAME * size, NOTHING * np.nanmax(size, initial=0.0))
    neither = np.isnan(a) & np.isnan(b)
    return np.asarray(~neither & ~(np.abs(a - b) <= allowed))


# --- saying ----------------------------------------------------------------------------------------


def replay_findings(found: Comparison) -> list[Finding]:
    """Return a failure for each group of cards that differ because our code looked too far."""
    said = []
    for tables, columns in grouped(found, lambda card: ", ".join(sorted(card.tables))).items():
        cards = list(dict.fromkeys(found.meant[column.column].feature.name for column in columns))
        told = f"built from rows of {tables} that were not recorded by then: {differences(columns)}"
        said.append(Finding("failure", found.check, _some(cards), told))
    return said + population_findings(found)


def grouped(found: Comparison, by: Callable[[Feature], str]) -> dict[str, list[ComparedColumn]]:
    """Group the columns that differ, most rows first.

    What an account is like beside its peers differs for all of them where one of them does: such
    columns are left out while something else differs.
    """
    own = [column for column in found.differing if found.meant[column.column].against != "peers"]
    explained = own or found.lost or found.gained
    grouped: dict[str, list[ComparedColumn]] = {}
    for column in own if explained else found.differing:
        grouped.setdefault(by(found.meant[column.column].feature), []).append(column)
    return grouped


def population_findings(found: Comparison) -> list[Finding]:
    """Return a failure where somebody is at risk in one of the two records only."""
    sides = (
        (found.lost, "at risk in the older record and missing today: an old snapshot must keep whoever left since"),
        (found.gained, "at risk in today's record, and unknown to the older one: back-dated"),
    )
    if found.check == "replay":
        sides = ((found.lost, "at risk by what was recorded then, and not by today's features"),
                 (found.gained, "at risk only by what was recorded later"))  # fmt: skip
    return [
        Finding("failure", found.check, "the population", f"{count_rows(len(who))} {said}; such as "
                f"{who[0][0]} at {who[0][1]:%Y-%m-%d}.")
        for who, said in sides if who
    ]  # fmt: skip


def differences(columns: Sequence[ComparedColumn]) -> str:
    """Return in words how the first of some columns differs, and how many others do."""
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
    """Return a number of rows in words: 1 -> "1 row"."""
    return f"{count:,} row{'s' * (count != 1)}"


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
