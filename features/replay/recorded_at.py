"""What the sources themselves say about time: when rows were written, and under which definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undertow.features.engines.duckdb import Connection, InDuckDB, quoted, rows
from undertow.features.replay.replay import SET_AHEAD, Finding
from undertow.features.snapshots import open_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import TABLES, Table

CHECK = "recording"


@dataclass(frozen=True)
class Recording:
    """How many rows of a table say that they were written the moment they happened.

    `by`: the column that says when (None: the table has none). `share`: 0 to 1, of rows where it
    equals the time of the happening itself; 1 means that it was filled in, not recorded.
    """

    table: str
    by: str | None
    rows: int
    share: float

    @property
    def is_stated(self) -> bool:
        """Whether the source tells when at least one row was written."""
        return self.by is not None and self.share < 1


def recordings(connection: Connection, tables: Tables) -> list[Recording]:
    """Return, for each table and for the ends of subscriptions, whether the source states when rows were recorded.

    `connection`: a DuckDB connection in which the tables are opened under their names.
    """
    open_tables(InDuckDB(connection), tables)
    per_table = [_recording(connection, TABLES[name]) for name in tables.present]
    if "subscriptions" in tables.present:
        per_table.append(_share(connection, "subscriptions", "end_recorded_at", "ended_at"))
    return per_table


def recording_findings(
    connection: Connection, tables: Tables, stated: Sequence[Recording]
) -> list[Finding]:
    """Return findings on recorded_at: values recorded before they happened fail, unstated times are a warning.

    `stated`: what `recordings` returned for the same tables, which it left open in `connection`.
    """
    findings = [one for name in tables.present for one in _early_times(connection, TABLES[name])]
    findings += _definitions(connection) if "events" in tables.present else []
    return findings + _unstated_findings([each for each in stated if not each.is_stated and each.rows])


def _recording(connection: Connection, table: Table) -> Recording:
    if table.column("recorded_at") is None:
        [counted] = rows(connection, f"SELECT count(*) AS n FROM {table.name}", table.name)
        return Recording(table.name, None, int(str(counted["n"])), 1.0)
    return _share(connection, table.name, "recorded_at", table.happened_at)


def _share(connection: Connection, table: str, by: str, happened_at: str) -> Recording:
    [counted] = rows(
        connection,
        f"SELECT count({by}) AS n, count(*) FILTER (WHERE {by} = {happened_at}) AS same FROM {table}",
        table,
    )
    n, same = int(str(counted["n"])), int(str(counted["same"]))
    return Recording(table, by, n, same / n if n else 1.0)


def _unstated_findings(unstated: list[Recording]) -> list[Finding]:
    by = {"recorded_at": [r.table for r in unstated if r.by != "end_recorded_at"],
          "end_recorded_at": [r.table for r in unstated if r.by == "end_recorded_at"]}  # fmt: skip
    said = {
        "recorded_at": "these do not say when rows were written (recorded_at is absent, or equals the time of the "
        "happening in every row). Replay can only show what our code does with them, not what your systems did: "
        "compare with an older export.",
        "end_recorded_at": "no end says when it was booked, so each counts as known from the moment it came.",
    }
    return [Finding("warning", CHECK, ", ".join(names), said[column]) for column, names in by.items() if names]


def _early_times(connection: Connection, table: Table) -> list[Finding]:
    """A time without a rule that lies after its row was recorded was written into an older row."""
    written = "recorded_at" if table.column("recorded_at") else table.happened_at
    found = []
    for column in table.columns:
        settled = column.known_from is not None or (table.name, column.name) in SET_AHEAD
        if column.type != "time" or settled or column.name in (table.happened_at, "recorded_at"):
            continue
        name = quoted(column.name)
        [counted] = rows(connection, f"SELECT count(*) AS n FROM {table.name} WHERE {name} > {written}", table.name)
        if counted["n"]:
            said = f"{counted['n']:,} rows hold a time after they were recorded; no rule says from when it is known."
            found.append(Finding("failure", CHECK, f"{table.name}.{column.name}", said))
    return found


def _definitions(connection: Connection) -> list[Finding]:
    """Note where the upstream rule behind a kind of event was changed: a step that is not behaviour."""
    found = rows(
        connection,
        "SELECT kind, definition, min(occurred_at) AS since FROM events WHERE definition IS NOT NULL "
        "GROUP BY kind, definition QUALIFY count(*) OVER (PARTITION BY kind) > 1 ORDER BY kind, since",
        "events",
    )
    kinds: dict[str, list[str]] = {}
    for row in found:
        kinds.setdefault(str(row["kind"]), []).append(f"{row['definition']} from {row['since']:%Y-%m-%d}")
    return [
        Finding("note", CHECK, f"events of the kind {kind}", "measured by more than one rule: " + ", ".join(rules)
                + ". A step between them is no behaviour.")
        for kind, rules in kinds.items()
    ]  # fmt: skip
