"""The point-in-time rule: which rows and values were known at an as_of.

A row is known at as_of only if it had happened and was recorded before it, and no newer state of it was recorded by
then (`superseded_at`). A late-known value (a ticket's
resolution, the end of a subscription) is null until the time in its `known_from` column has passed. Features,
population, labels and business metrics all take the rule from here; only the replay of the leakage audit keeps
a copy of its own, so that it does not trust what it checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from undertow.features.compiler.dialects import column, print_sql, relation, when
from undertow.features.tables import ALL_TABLES, SUPERSEDED, Table


def timestamp(at: datetime) -> exp.Expr:
    """Return a UTC timestamp as an SQL literal, to the second."""
    return exp.cast(exp.convert(f"{at:%Y-%m-%d %H:%M:%S}"), "TIMESTAMPNTZ")


def known_from(table: Table, name: str) -> str | None:
    """Return the time column from which a late-known column counts; None for any other column."""
    rule = table.column(name)
    return rule.known_from if rule else None


def is_known(table: Table, row: str, as_of: exp.Expr) -> list[exp.Expr]:
    """Return the conditions under which a row (by its alias) is known: happened, recorded, and the newest by as_of."""
    times = [table.happened_at, *(["recorded_at"] if table.column("recorded_at") else [])]
    conditions: list[exp.Expr] = [exp.LT(this=column(time, row), expression=as_of.copy()) for time in times]
    if table.has_versions:
        newer = column(SUPERSEDED.name, row)
        is_newest = exp.Is(this=newer, expression=exp.Null())
        conditions.append(exp.paren(exp.or_(is_newest, exp.GTE(this=newer.copy(), expression=as_of.copy()))))
    return conditions


def known_value(table: Table, name: str, row: str, as_of: exp.Expr) -> exp.Expr:
    """Return a column as it was known at as_of: null until its `known_from` time has passed."""
    value, from_when = column(name, row), known_from(table, name)
    if from_when is None:
        return value
    return when(exp.LT(this=column(from_when, row), expression=as_of.copy()), value)


def known_at(table: Table, clock: str, row: str) -> exp.Expr:
    """Return the time from which a row counts: it had happened, by `clock` too, and all of that was recorded."""
    names = dict.fromkeys([table.happened_at, clock, known_from(table, clock)])
    if table.column("recorded_at"):
        names["recorded_at"] = None
    times = [column(name, row) for name in names if name]
    return exp.Greatest(this=times[0], expressions=times[1:]) if len(times) > 1 else times[0]


def known_rows(table: str, columns: Sequence[str], as_of: datetime | str, dialect: str = "duckdb") -> str:
    """Return the SELECT of these columns of a table as known at one as_of, or at each as_of of a relation.

    `as_of`: a UTC timestamp, or the name of a relation with a column as_of, which is then selected too.

    >>> known_rows("users", ["user_id"], datetime(2024, 3, 1))[:62]
    'SELECT "r"."user_id" AS "user_id" FROM users AS r WHERE "r"."j'
    """
    rules = ALL_TABLES[table]
    at = column("as_of", "a") if isinstance(as_of, str) else timestamp(as_of)
    wanted = [exp.alias_(known_value(rules, name, "r", at), name, quoted=True) for name in columns]
    if not isinstance(as_of, str):
        return print_sql(exp.select(*wanted).from_(relation(table, "r")).where(*is_known(rules, "r", at)), dialect)
    query = exp.select(at.copy(), *wanted).from_(relation(as_of, "a"))
    return print_sql(query.join(relation(table, "r"), on=exp.and_(*is_known(rules, "r", at))), dialect)
