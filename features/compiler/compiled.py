"""Compiled feature definitions: the SQL as texts, and how it is run in a database.

Nothing here imports sqlglot, so that SQL which was compiled earlier is run without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from undertow.features.compiler.timeline import Timeline
from undertow.features.engines.database import Database

ALONE = "alone"  # the step with one row per snapshot, before accounts are compared with their peers


@dataclass(frozen=True)
class QueryStep:
    """A named query of a plan.

    `is_joined`: the last query joins its result, which is small. `of_all`: it reads the rows of all accounts, and its
    result, smaller still, is the same for each of them.
    """

    name: str
    sql: str
    is_joined: bool
    of_all: bool = False


@dataclass(frozen=True)
class Plan:
    """Queries that yield (account_id, as_of, one column per feature column), one row per snapshot, unordered.

    `dialect`: of their SQL, "duckdb" or "spark". `steps`: in the order of their dependencies; `last` joins them.
    `tables`: small tables that they read besides the input tables and the snapshots, by name. `reach`: table -> how
    many days before the earliest as_of its rows are read; None: all history.
    """

    dialect: str
    steps: tuple[QueryStep, ...]
    last: str
    tables: dict[str, pa.Table]
    reach: dict[str, int | None]

    def sql(self) -> str:
        """Return the plan as one query."""
        return _with_steps(self.last, self.steps)

    def prepare_by_account(self, database: Database) -> str:
        """Run the steps over the rows of all accounts, and return the query of the rest, for any part of the accounts.

        It yields what `alone` does, before peers are compared. The tables and the snapshots may then be restricted to
        some accounts each time that it is run.
        """
        self._register_tables(database)
        for step in self.steps:
            if step.of_all:
                database.create_table(step.name, step.sql, "features")
        own = [step for step in self.steps if not step.of_all]
        alone = own.pop().sql if own[-1].name == ALONE else self.last
        return _with_steps(alone, own)

    def against_peers(self) -> str:
        """Return the query that compares the accounts in the table `alone` with their peers: all rows of an as_of."""
        return self.last if any(step.name == ALONE for step in self.steps) else f"SELECT * FROM {ALONE}"

    def prepare(self, database: Database) -> str:
        """Register the plan's small tables in the database and return the query to run.

        Where a large query takes longer to plan than to run (`takes_small_queries`), its steps are created first,
        as views and temporary tables.
        """
        self._register_tables(database)
        if not database.takes_small_queries:
            return self.sql()
        for step in self.steps:
            create = database.create_table if step.is_joined else database.create_view
            create(step.name, step.sql, "features")
        return self.last

    def _register_tables(self, database: Database) -> None:
        assert database.dialect == self.dialect, f"a plan in the SQL of {self.dialect} cannot run on {database.dialect}"
        for name, table in self.tables.items():
            database.register(name, table)


def _with_steps(query: str, steps: Iterable[QueryStep]) -> str:
    """Return one query. A WITH inside a step nests; `query` must have none of its own."""
    named = ", ".join(f"{step.name} AS ({step.sql})" for step in steps)
    return f"WITH {named} {query}" if named else query


@dataclass(frozen=True)
class CompiledFeatures:
    """Feature definitions compiled to the SQL of one dialect, for snapshots of any as_ofs of one number.

    In the texts, `Timeline.start` and `Timeline.end` stand for times. Without timelines each snapshot may have any
    as_of of its own. The other fields are those of `Plan`.
    """

    dialect: str
    steps: tuple[QueryStep, ...]
    last: str
    reach: dict[str, int | None]
    timelines: tuple[Timeline, ...] = ()

    def plan(self, as_ofs: Sequence[datetime] = ()) -> Plan:
        """Return the plan for these as_ofs: those of all snapshots, midnights that all accounts share."""
        times: dict[str, str] = {}
        tables: dict[str, pa.Table] = {}
        for timeline in self.timelines:
            times |= timeline.times(as_ofs)
            tables |= timeline.tables(as_ofs)
        steps = tuple(replace(step, sql=_at(step.sql, times)) for step in self.steps)
        return Plan(self.dialect, steps, self.last, tables, self.reach)


def _at(sql: str, times: dict[str, str]) -> str:
    for name, time in times.items():
        sql = sql.replace(f"'{name}'", f"'{time}'")
    return sql
