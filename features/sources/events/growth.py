"""Reads only the rows that were added to the events since the last run, where the earlier ones stay as they were kept.

An event is kept or quarantined by its own values, by the accounts and users that exist, and by the rows of its key.
Where the files only grew and none of these changed for an earlier row, the earlier rows are those of the last run, and
the result is that of a whole reading. Where anything else changed, `NotAppended` is raised and all is read again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undertow.features.engines.duckdb import Connection, literal, one_select, path_literal, quoted, rows, run
from undertow.features.settings import Settings
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.events.appended import WITHOUT_KEY, NotAppended, append_events, show_stored
from undertow.features.sources.events.file_states import FileState, Rest, added_since, as_json, read_states, states_of
from undertow.features.sources.events.months import Fingerprint, event_files
from undertow.features.sources.files.read import Source, is_plain_selection, read_source, source_files, stated_of
from undertow.features.sources.loaded import FORMAT, SUMMARY, Earlier, QuarantineReason, TableReport
from undertow.features.sources.one_table import plain_id
from undertow.features.sources.rows.contract import VISITOR
from undertow.features.sources.rows.repeats import REPEATED
from undertow.features.tables import TABLES

RECORD = "growth"  # of the summary: what the next run needs to recognise grown files
NOT_JUDGED_AGAIN = (VISITOR, REPEATED)
USER_GIVEN = r'"user_id":"?((?:[^"\\]|\\.)*)'  # in the text of a quarantined row


@dataclass(frozen=True)
class Growth:
    """The last run's events, and what was added to their source files since.

    `folder`: of the last run's tables. `entry`: of [files]. `files`: as they are now, before they are read; what is
    added meanwhile may be read, and will be again. `record`: as `record_of` returned it.
    """

    folder: Path
    entry: str
    files: list[FileState]
    rest: Rest
    record: dict[str, Any]
    report: TableReport

    @property
    def earlier(self) -> Earlier:
        """Return what was quarantined before, and the report of it."""
        return Earlier(self.folder / "quarantine" / "events.parquet", self.report)

    def source(self, connection: Connection, copies: Path, entry: SourceFiles | None, is_careful: bool) -> Source:
        """Return how to read what was added, with the columns that the whole entry has."""
        files = self.rest.files(copies)
        found = read_source(connection, self.entry, files, copies, is_careful, entry) if files else None
        if found and found.broken:
            raise NotAppended("a line that was added cannot be read")
        return Source(self.entry, tuple(files), (no_row(self.record["columns"]), *(found.selects if found else ())))

    def refuse_changes(self, connection: Connection, source: Source) -> None:
        """Raise NotAppended where an earlier event may be judged otherwise than before.

        The other tables have been loaded; `judged` holds the added events, read from `source`.
        """
        if sorted(columns_of(connection, self.entry)) != sorted(self.record["columns"]):
            raise NotAppended("the columns of its files changed")
        if _exists(connection, "reject_errors") and _count(connection, _REJECTED.format(
            files=", ".join(literal(str(file)) for file in (*source.files, "none"))
        )):  # fmt: skip
            raise NotAppended("a line that was added cannot be read")
        show_stored(connection, self.folder / "events")
        for reason, sql in self._changes(connection):
            if _count(connection, sql):
                raise NotAppended(reason)

    def append(self, connection: Connection, folder: Path) -> dict[str, Fingerprint]:
        """Write the earlier events with those of the table `events`, which is then a view of them all.

        Returns the fingerprint of each month.
        """
        known: dict[str, Fingerprint] = {name: tuple(found) for name, found in self.record["months"].items()}
        months = append_events(connection, self.folder / "events", folder / "events", known)
        before = self.folder / "visitors.parquet"
        if before.exists():
            added = _exists(connection, "visitors")
            run(connection, f"CREATE OR REPLACE TABLE visitors AS FROM read_parquet({path_literal(before)})"
                            f"{' UNION ALL BY NAME FROM visitors' if added else ''}", "visitors")  # fmt: skip
        return months

    def _changes(self, connection: Connection) -> list[tuple[str, str]]:
        """Return reasons to read all again, each with the SELECT that counts the rows for which it holds (n)."""
        then = {name: path_literal(self.folder / f"{name}.parquet") for name in ("accounts", "users", "merges")}
        refused = f"read_parquet({path_literal(self.folder / 'quarantine' / 'events.parquet')})"
        again = f"reason NOT IN ({', '.join(map(literal, NOT_JUDGED_AGAIN))})"
        new = f"(SELECT account_id FROM known_accounts ANTI JOIN read_parquet({then['accounts']}) USING (account_id))"
        changes = [
            ("an account was removed or its first day changed",
             f"SELECT count(*) AS n FROM read_parquet({then['accounts']}) AS t LEFT JOIN known_accounts AS k "
             "USING (account_id) WHERE CAST(k.created_at AS DATE) IS DISTINCT FROM CAST(t.created_at AS DATE)"),
            ("an account was added that quarantined events name",
             f"SELECT count(*) AS n FROM {refused} AS r JOIN {new} AS a "
             f"ON {plain_id('a.account_id')} = {plain_id('r.account_id')}"),
            ("events that lay in the future may have happened by now",
             f"SELECT count(*) AS n FROM {refused} WHERE reason LIKE '%is in the future'"),
        ]  # fmt: skip
        if (self.folder / "merges.parquet").exists():
            changes.append(("the merged accounts changed", _difference("merges", then["merges"])))
        if (self.folder / "users.parquet").exists():
            changes += self._changed_users(connection, then["users"], refused, again)
        return changes

    def _changed_users(self, connection: Connection, then: str, refused: str, again: str) -> list[tuple[str, str]]:
        """Return reasons to read all again because of users; the table `touched` names those whose rows changed."""
        [row] = rows(connection, "SELECT max(occurred_at) AS t FROM stored_events", "events")
        last = f"TIMESTAMP '{row['t']}'"
        visitors = self.folder / "visitors.parquet"
        if visitors.exists():
            [row] = rows(connection, f"SELECT greatest({last}, max(occurred_at)) AS t FROM "
                                     f"read_parquet({path_literal(visitors)})", "visitors")  # fmt: skip
            last = f"TIMESTAMP '{row['t']}'"
        # who joins or leaves after the last event changes no earlier one
        relevant = (
            f"(SELECT user_id, account_id, joined_at, recorded_at, coalesce(least(left_at, {last}), {last}) AS left_at "
            f"FROM {{}} WHERE superseded_at IS NULL AND joined_at <= {last})"
        )
        now, before = relevant.format("users"), relevant.format(f"read_parquet({then})")
        run(connection, f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT user_id FROM "
                        f"(({now} EXCEPT ALL {before}) UNION ALL ({before} EXCEPT ALL {now}))", "users")  # fmt: skip
        changed = "a user's accounts changed who has earlier events"
        of_touched = "SELECT count(*) AS n FROM {} SEMI JOIN touched USING (user_id)"
        found = [(changed, of_touched.format("stored_events"))]
        if visitors.exists():
            found.append(("a visitor became a user", of_touched.format(f"read_parquet({path_literal(visitors)})")))
        given = f"trim(regexp_extract(lower(row_as_given), {literal(USER_GIVEN)}, 1))"
        found.append((changed, f"SELECT count(*) AS n FROM {refused} WHERE {again} AND {given} IN "
                               "(SELECT lower(user_id) FROM touched)"))  # fmt: skip
        return found


_REJECTED = """
SELECT count(*) AS n FROM reject_errors JOIN reject_scans USING (scan_id, file_id) WHERE file_path IN ({files})"""


def find_growth(settings: Settings, folder: Path | None) -> Growth | None:
    """Return what was added to the events since the tables in `folder` were written; None where they are read whole."""
    if folder is None:
        return None
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    record = summary.get(RECORD)
    entry = _entry(settings)
    if not record or entry is None or record["rules"] != _rules(settings) or record["entry"] != entry:
        return None
    files = states_before(settings)
    rest = added_since(read_states(record["files"]), source_files(settings, entry), settings.folder)
    report = next((each for each in summary["reports"] if each["table"] == "events"), None)
    broken = {each["file"] for each in summary["broken"]} & {str(state[0]) for state in record["files"]}
    if rest is None or report is None or broken or summary["refusals"] or not event_files(folder / "events"):
        return None
    reasons = tuple(QuarantineReason(**reason) for reason in report["reasons"])
    return Growth(folder, entry, files, rest, record, TableReport(**(report | {"reasons": reasons})))


def states_before(settings: Settings) -> list[FileState]:
    """Return the states of the files of the events, before they are read; none where they are always read whole."""
    entry = _entry(settings)
    return [] if entry is None else states_of(source_files(settings, entry), settings.folder)


def record_of(
    connection: Connection, settings: Settings, files: list[FileState], months: dict[str, Fingerprint],
    said: dict[str, list[str]],
) -> dict[str, Any] | None:  # fmt: skip
    """Return what the next run needs to read only what will be added; None where the events must be read whole.

    `files`: as `states_before` returned them. `months`: the fingerprints of the rows. `said`: the notes and cautions
    of reading them.
    """
    entry = plain_entry(connection, settings)
    if entry is None:
        return None
    if _count(connection, WITHOUT_KEY.format(table="events")):
        return None
    return {"rules": _rules(settings), "entry": entry, "files": as_json(files),
            "columns": columns_of(connection, entry), "months": months, **said}  # fmt: skip


def no_row(columns: Iterable[Sequence[str]]) -> str:
    """Return a SELECT of no row with these columns, each given as its name and type."""
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns)
    return f"SELECT {nulls} WHERE false"


def plain_entry(connection: Connection, settings: Settings) -> str | None:
    """Return the only entry of [files] from which the events follow row by row; None where there is none."""
    entry, select = _entry(settings), one_select(settings.select("events") or "", "[tables] events")
    return entry if entry is not None and is_plain_selection(connection, select) else None


def columns_of(connection: Connection, entry: str) -> list[list[str]]:
    """Return the columns of an entry of [files] and their types."""
    described = rows(connection, f"DESCRIBE SELECT * FROM source.{quoted(entry)}", f"[files] {entry}")
    return [[str(row["column_name"]), str(row["column_type"])] for row in described]


def _entry(settings: Settings) -> str | None:
    """Return the only entry of [files] that the events' SELECT names, where nothing else reads it."""
    select = settings.select("events")
    named = [name for name in settings.files if select and _names(select, name)]
    others = [sql for name, sql in settings.selects().items() if name != "[tables] events"]
    return named[0] if len(named) == 1 and not any(_names(sql, named[0]) for sql in others) else None


def _names(sql: str, entry: str) -> bool:
    return re.search(rf"\b{re.escape(entry.lower())}\b", sql.lower()) is not None


def _rules(settings: Settings) -> str:
    """Return a hash of what decides about an event beside the rows: its SELECT, the rules, and the tables given."""
    data = settings.data.model_dump(mode="json", exclude={"until", "max_quarantine_share"})
    given = [table for table in TABLES if settings.select(table) is not None]
    gap = settings.events.session_gap_minutes
    parts = [FORMAT, data, settings.select("events"), settings.currency.report, given, stated_of(settings), gap]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _difference(table: str, then: str) -> str:
    before = f"FROM read_parquet({then})"
    return (
        f"SELECT count(*) AS n FROM (((FROM {table}) EXCEPT ALL ({before})) "
        f"UNION ALL (({before}) EXCEPT ALL (FROM {table})))"
    )


def _exists(connection: Connection, table: str) -> bool:
    return _count(connection, f"SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = {literal(table)}") > 0


def _count(connection: Connection, sql: str) -> int:
    [row] = rows(connection, sql, "events")
    return int(str(row["n"]))
