"""Leakage checks of recording times: whether sources state when rows were written, and which times may leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undertow.features.engines.duckdb import Connection, InDuckDB, quoted, rows
from undertow.features.replay.replay import SET_AHEAD, Finding
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import TABLES, Table

CHECK = "recording"


@dataclass(frozen=True)
class Recording:
    """Whether a table states when its rows were recorded.

    `by`: the column of the recording time (None: the table has none). `share`: share of rows, 0 to 1, where it
    equals the time of the event itself; 1 means that it was filled in by default, not recorded.
    """

    table: str
    by: str | None
    rows: int
    share: float

    @property
    def is_stated(self) -> bool:
        """Return whether the source states the recording time of at least one row."""
        return self.by is not None and self.share < 1


def recordings(connection: Connection, tables: Tables) -> list[Recording]:
    """Return for each table, and for the ends of subscriptions, whether the source states when rows were recorded.

    `connection`: a DuckDB connection in which the tables are opened under their names.
    """
    open_tables(InDuckDB(connection), tables)
    per_table = [_recording(connection, TABLES[name]) for name in tables.present if name in TABLES]
    if "subscriptions" in tables.present:
        per_table.append(_share(connection, "subscriptions", "end_recorded_at", "ended_at"))
    return per_table


def recording_findings(connection: Connection, tables: Tables, stated: Sequence[Recording]) -> list[Finding]:
    """Return the findings on recording times: times that leak fail, unstated recording times are a warning.

    A changed definition of an event kind is a note. `stated`: the result of `recordings` for the same tables,
    which it left open in `connection`.
    """
    given = [TABLES[name] for name in tables.present if name in TABLES]
    findings = [finding for table in given for finding in _leaking_times(connection, table)]
    findings += _changed_definitions(connection) if "events" in tables.present else []
    return findings + _unstated_findings([each for each in stated if not each.is_stated and each.rows])


def _recording(connection: Connection, table: Table) -> Recording:
    if table.column("recorded_at") is None:
        [counts] = rows(connection, f"SELECT count(*) AS n FROM {table.name}", table.name)
        return Recording(table.name, None, int(str(counts["n"])), 1.0)
    return _share(connection, table.name, "recorded_at", table.happened_at)


def _share(connection: Connection, table: str, by: str, happened_at: str) -> Recording:
    [counts] = rows(
        connection,
        f"SELECT count({by}) AS n, count(*) FILTER (WHERE {by} = {happened_at}) AS same FROM {table}",
        table,
    )
    n, same = int(str(counts["n"])), int(str(counts["same"]))
    return Recording(table, by, n, same / n if n else 1.0)


def _unstated_findings(unstated: list[Recording]) -> list[Finding]:
    by = {"recorded_at": [r.table for r in unstated if r.by != "end_recorded_at"],
          "end_recorded_at": [r.table for r in unstated if r.by == "end_recorded_at"]}  # fmt: skip
    text = {
        "recorded_at": "these tables do not state when rows were recorded (recorded_at is absent, or equals the time "
        "of the event in every row). Replay can only check our code with them, not the systems that wrote them: "
        "compare with an older export.",
        "end_recorded_at": "no end states when it was recorded, so each counts as known from the time it happened.",
    }
    return [Finding("warning", CHECK, ", ".join(names), text[column]) for column, names in by.items() if names]


def _leaking_times(connection: Connection, table: Table) -> list[Finding]:
    """Return a failure for each time without a rule that lies after its row was recorded: it was filled in later."""
    recorded_at = "recorded_at" if table.column("recorded_at") else table.happened_at
    findings = []
    for column in table.columns:
        settled = column.known_from is not None or (table.name, column.name) in SET_AHEAD
        if column.type != "time" or settled or column.name in (table.happened_at, "recorded_at"):
            continue
        name = quoted(column.name)
        [counts] = rows(connection, f"SELECT count(*) AS n FROM {table.name} WHERE {name} > {recorded_at}", table.name)
        if counts["n"]:
            text = f"{counts['n']:,} rows hold a time after they were recorded; no rule states from when it is known."
            findings.append(Finding("failure", CHECK, f"{table.name}.{column.name}", text))
    return findings


def _changed_definitions(connection: Connection) -> list[Finding]:
    """Return a note for each event kind whose upstream definition changed: a step there is no change of behaviour."""
    definitions = rows(
        connection,
        "SELECT kind, definition, min(occurred_at) AS since FROM events WHERE definition IS NOT NULL "
        "GROUP BY kind, definition QUALIFY count(*) OVER (PARTITION BY kind) > 1 ORDER BY kind, since",
        "events",
    )
    kinds: dict[str, list[str]] = {}
    for row in definitions:
        kinds.setdefault(str(row["kind"]), []).append(f"{row['definition']} from {row['since']:%Y-%m-%d}")
    return [
        Finding("note", CHECK, f"events of the kind {kind}", "recorded under more than one definition: "
                + ", ".join(since) + ". A step between them is not a change of behaviour.")
        for kind, since in kinds.items()
    ]  # fmt: skip
