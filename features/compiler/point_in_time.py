"""The point-in-time rule: which rows and values were known at an as_of.

A row is known at as_of only if it had happened and was recorded before it, and no newer state of it was recorded by
then (`superseded_at`). A late-known value (a ticket's resolution, the end of a subscription) is null until the time in
its `known_from` column has passed. Features, population, labels and business metrics all take the rule from here; only
the replay of the leakage audit keeps a copy of its own, so that it does not trust what it checks.

The rule is text, as DuckDB reads it: the compiler parses it, and `known_rows` needs no compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from undertow.features.engines.duckdb import quoted
from undertow.features.tables import ALL_TABLES, SUPERSEDED, Table


def known_from(table: Table, name: str) -> str | None:
    """Return the time column from which a late-known column counts; None for any other column."""
    rule = table.column(name)
    return rule.known_from if rule else None


def is_known(table: Table, row: str, as_of: str) -> list[str]:
    """Return the conditions under which a row (by its alias) is known: happened, recorded, and the newest by as_of.

    `as_of`: SQL of the time.
    """
    times = [table.happened_at, *(["recorded_at"] if table.column("recorded_at") else [])]
    conditions = [f"{_column(time, row)} < {as_of}" for time in times]
    if table.has_versions:
        newer = _column(SUPERSEDED.name, row)
        conditions.append(f"({newer} IS NULL OR {newer} >= {as_of})")
    return conditions


def known_value(table: Table, name: str, row: str, as_of: str) -> str:
    """Return a column as it was known at as_of (SQL of the time): null until its `known_from` time has passed."""
    value, from_when = _column(name, row), known_from(table, name)
    if from_when is None:
        return value
    return f"CASE WHEN {_column(from_when, row)} < {as_of} THEN {value} END"


def times_known(table: Table, clock: str) -> list[str]:
    """Return the time columns of which the latest is when a row begins to count.

    By then it had happened, by `clock` too, and all of that was recorded.
    """
    names = dict.fromkeys([table.happened_at, clock, known_from(table, clock)])
    if table.column("recorded_at"):
        names["recorded_at"] = None
    return [name for name in names if name]


def known_rows(table: str, columns: Sequence[str], as_of: datetime | str, dialect: str = "duckdb") -> str:
    """Return the SELECT of these columns of a table as known at one as_of, or at each as_of of a relation.

    `as_of`: a UTC timestamp, or the name of a relation with a column as_of, which is then selected too. `columns`:
    of the table's contract.

    >>> known_rows("users", ["user_id"], datetime(2024, 3, 1))[:62]
    'SELECT "r"."user_id" AS "user_id" FROM users AS r WHERE "r"."j'
    """
    rules = ALL_TABLES[table]
    of_each = isinstance(as_of, str)
    at = _column("as_of", "a") if of_each else f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}'"
    wanted = [f"{known_value(rules, name, 'r', at)} AS {quoted(name)}" for name in columns]
    known = " AND ".join(is_known(rules, "r", at))
    if of_each:
        query = f"SELECT {', '.join([at, *wanted])} FROM {as_of} AS a JOIN {table} AS r ON {known}"
    else:
        query = f"SELECT {', '.join(wanted)} FROM {table} AS r WHERE {known}"
    return query.replace('"', "`") if dialect == "spark" else query  # no name of a contract has either in it


def _column(name: str, of: str) -> str:
    return f"{quoted(of)}.{quoted(name)}"
