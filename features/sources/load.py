"""From a user's files to the nine tables: read, SELECT, judge each row, keep or quarantine.

One SELECT a table, run where every entry of `[files]` is a view of that name. CSV columns
arrive as text and the contract casts them, so one bad value costs one row, not the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from undertow.features.engines.duckdb import Connection, literal, open_duckdb, quoted, rows, run
from undertow.features.errors import ContractError, SettingsError
from undertow.features.settings import Settings
from undertow.features.sources.contract import REPEATED, judged_select
from undertow.features.sources.files import select_from_files, source_files
from undertow.features.sources.merges import follow_merges, name_heirs, name_known_accounts
from undertow.features.tables import EVENT_KINDS, TABLES, Table
from undertow.features.versions import current, publish

SUMMARY = "summary.json"
FORMAT = 3  # of what is stored; another one is read anew
BY_MONTH = ("events",)
WRITTEN_LIVE = ("events", "tickets", "surveys", "invoices", "payments")


@dataclass(frozen=True)
class Reason:
    """Why rows of a table went to quarantine: how many, and one of them as JSON text."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True)
class TableReport:
    """One table after its contract: rows read, rows kept, and the reasons for the rest."""

    table: str
    read: int
    kept: int
    reasons: tuple[Reason, ...]

    @property
    def refused(self) -> int:
        """Rows in quarantine, repeats not counted (a retry is not dirt)."""
        return sum(reason.rows for reason in self.reasons if reason.reason != REPEATED)

    @property
    def refused_share(self) -> float:
        """Refused rows as a share of the rows read, 0 to 1."""
        return self.refused / self.read if self.read else 0.0


@dataclass(frozen=True)
class Finding:
    """The answer to one question of the project's own `[checks]`."""

    check: str
    rows: int
    of: int
    example: str


@dataclass(frozen=True)
class Tables:
    """The kept rows of every table that has a source, as Parquet under `folder`.

    `since`: the first moment that is fully recorded; before it, whoever left was not written down.
    `until`: the first moment that is not fully recorded; outcomes end there.
    `unused`: names in [files] that no SELECT reads. `unknown_kinds`: event kind -> rows, of kinds that
    no feature knows; they are kept. `fingerprint`: of the kept rows, whatever their order.
    """

    folder: Path
    fingerprint: str
    since: datetime
    until: datetime
    reports: tuple[TableReport, ...]
    findings: tuple[Finding, ...]
    unused: tuple[str, ...]
    unknown_kinds: dict[str, int]

    @property
    def present(self) -> tuple[str, ...]:
        """The tables that have a source."""
        return tuple(report.table for report in self.reports)

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table, or the folder of its months."""
        by_month = self.folder / table
        return by_month if by_month.is_dir() else self.folder / f"{table}.parquet"

    def files(self, table: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
        """Return the Parquet files that hold a table's rows of `[since, until)`; all rows, unless given.

        A table without rows of that time is still one file, so that its columns can be read.
        """
        path = self.path(table)
        if path.is_file():
            return [path]
        months = sorted(path.glob("month=*"))
        first = f"month={since:%Y-%m}" if since else ""
        last = f"month={until - timedelta(microseconds=1):%Y-%m}" if until else "month=~"
        kept = [month for month in months if first <= month.name <= last] or months[:1]
        return [file for month in kept for file in sorted(month.glob("*.parquet"))]

    def report(self, table: str) -> TableReport:
        """Return the report of a table that is present."""
        return next(report for report in self.reports if report.table == table)

    def as_json(self) -> dict[str, object]:
        """Return the reports as plain JSON values."""
        return {
            "since": f"{self.since:%Y-%m-%d}",
            "until": f"{self.until:%Y-%m-%d}",
            "fingerprint": self.fingerprint,
            "tables": [
                asdict(report) | {"refused": report.refused, "refused_share": report.refused_share}
                for report in self.reports
            ],
            "checks": [asdict(found) for found in self.findings],
            "unused_files": self.unused,
            "unknown_event_kinds": self.unknown_kinds,
            "quarantine": str(self.folder / "quarantine"),
        }


Progress = Callable[[str, float], None]  # (what, share done 0..1)


def load_tables(settings: Settings, now: datetime, progress: Progress | None = None) -> Tables:
    """Return the project's tables, read anew only where a file or a SELECT has changed.

    Raises SourceError for a missing, empty or unreadable file, ContractError where more than
    `max_quarantine_share` of a table's rows break their contract.
    """
    tables = read_tables(settings, now, progress)
    refuse_dirt(tables, settings.data.max_quarantine_share)
    return tables


def read_tables(settings: Settings, now: datetime, progress: Progress | None = None) -> Tables:
    """Return the project's tables whatever their share of quarantined rows."""
    root = settings.store_path("tables")
    name = _source_version(settings)
    published = current(root)
    if published is None or published.name != name:
        published = publish(root, name, lambda folder: _write_tables(settings, now, folder, progress))
    return read_version(published)


def refuse_dirt(tables: Tables, limit: float) -> None:
    """Raise ContractError, naming the tables and the commonest reasons, above the limit."""
    dirty = [report for report in tables.reports if report.refused_share > limit]
    empty = [report.table for report in tables.reports if report.table == "accounts" and not report.kept]
    if dirty:
        lines = [_describe(report) for report in dirty]
        raise ContractError(
            "Too many rows break their contract (limit: "
            f"max_quarantine_share = {limit:g} under [data]):\n" + "\n".join(lines)
            + "\nRun `undertow check` to see every reason; mend the SELECT, or raise the limit."
        )
    if empty:
        raise ContractError("accounts: no row is left, and nothing can be said about nobody. Run `undertow check`.")


def _describe(report: TableReport) -> str:
    worst = max((r for r in report.reasons if r.reason != REPEATED), key=lambda r: r.rows)
    return (
        f"  {report.table}: {report.refused:,} of {report.read:,} rows "
        f"({report.refused_share:.0%}), most of them: {worst.reason}"
    )


# --- writing ---------------------------------------------------------------------------------


def _write_tables(settings: Settings, now: datetime, folder: Path, progress: Progress | None) -> None:
    (folder / "quarantine").mkdir()
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        _open_sources(connection, settings)
        latest = now + timedelta(hours=settings.data.future_hours)
        reports = []
        given = [table for table in TABLES.values() if settings.select(table.name) is not None]
        for table in given:
            reports.append(_write_table(connection, settings, table, latest, folder))
            if progress:
                progress("reading", len(reports) / len(given))
        present = [report.table for report in reports]
        _refuse_mixed_money(connection, present)
        summary = {
            "selects": selects_id(settings),
            "fingerprint": _fingerprint(connection, present),
            "since": _since(connection, settings, present, now).isoformat(),
            "until": _until(connection, settings, present, now).isoformat(),
            "reports": [asdict(report) for report in reports],
            "unused": _unused(settings),
            "unknown_kinds": _unknown_kinds(connection, present),
            "findings": [asdict(found) for found in _run_checks(connection, settings)],
        }
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _open_sources(connection: Connection, settings: Settings) -> None:
    """Make each entry of [files] a view of its name, in a schema of their own."""
    if settings.select("accounts") is None:
        raise SettingsError(
            "The accounts table has no source: give a file named accounts under [files], or a "
            "SELECT named accounts under [tables]. Run `undertow init` for an example."
        )
    connection.execute("CREATE SCHEMA source")
    for name in settings.files:
        select = select_from_files(name, source_files(settings, name))
        run(connection, f"CREATE VIEW source.{quoted(name)} AS {select}", f"[files] {name}")


def _write_table(
    connection: Connection, settings: Settings, table: Table, latest: datetime, folder: Path
) -> TableReport:
    """Judge every row of one table, then write the kept and the refused ones."""
    where = f"table {table.name}"
    select = settings.select(table.name)
    connection.execute("USE memory.source")
    run(
        connection,
        f"CREATE TABLE main.staged AS SELECT *, row_number() OVER () AS row_number_ FROM ({select})",
        where,
    )
    connection.execute("USE memory.main")
    described = connection.execute("SELECT lower(column_name), column_type FROM (DESCRIBE staged)").fetchall()
    given = dict(described)
    has_users = settings.select("users") is not None
    if table.name == "merges" and "account_id" in given:
        name_known_accounts(connection, "staged")  # an heir may itself have been merged away
    run(connection, f"CREATE TABLE judged AS {judged_select(table, given, latest, has_users)}", where)
    connection.execute(
        f"CREATE TABLE {table.name} AS SELECT * EXCLUDE (reason_, row_number_) FROM judged "
        "WHERE reason_ IS NULL ORDER BY row_number_"
    )
    report = _quarantine(connection, table, folder)
    connection.execute("DROP TABLE staged; DROP TABLE judged")
    if table.name == "users":  # as given: an heir's copy of a membership is no second one
        connection.execute("CREATE TABLE memberships AS FROM users")
    if table.name == "accounts":
        name_known_accounts(connection)
    elif table.name == "merges":
        name_known_accounts(connection, "merges")
        name_heirs(connection)
    elif settings.select("merges") is not None:
        follow_merges(connection, table)
    _write_rows(connection, table, folder)
    return report


def _write_rows(connection: Connection, table: Table, folder: Path) -> None:
    """Write the kept rows: one Parquet file, or for the table that grows without end one a month.

    Inside a month the rows of an account lie together, which is how they are read.
    """
    if table.name in BY_MONTH and _count(connection, table.name):
        connection.execute(
            f"COPY (SELECT *, strftime({table.happened_at}, '%Y-%m') AS month FROM {table.name} "
            f"ORDER BY month, account_id, {table.happened_at}) TO {literal(str(folder / table.name))} "
            "(FORMAT parquet, PARTITION_BY (month))"
        )
    else:
        path = literal(str(folder / f"{table.name}.parquet"))
        connection.execute(f"COPY {table.name} TO {path} (FORMAT parquet)")


def _quarantine(connection: Connection, table: Table, folder: Path) -> TableReport:
    path = folder / "quarantine" / f"{table.name}.parquet"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE refused AS SELECT j.reason_ AS reason, "
        "CAST(json_merge_patch(to_json(s), '{\"row_number_\": null}') AS VARCHAR) AS row_as_given FROM judged AS j "
        "JOIN staged AS s USING (row_number_) WHERE j.reason_ IS NOT NULL ORDER BY row_number_"
    )
    connection.execute(f"COPY refused TO {literal(str(path))} (FORMAT parquet)")
    counted = rows(
        connection,
        "SELECT reason, count(*) AS n, min(row_as_given) AS example FROM refused "
        "GROUP BY reason ORDER BY n DESC, reason",
        table.name,
    )
    reasons = tuple(Reason(str(r["reason"]), int(str(r["n"])), str(r["example"])) for r in counted)
    return TableReport(table.name, _count(connection, "staged"), _count(connection, table.name), reasons)


def _unknown_kinds(connection: Connection, present: list[str]) -> dict[str, int]:
    """Return event kind -> rows, commonest first, of the kinds that our vocabulary lacks."""
    if "events" not in present:
        return {}
    known = ", ".join(literal(kind) for kind in EVENT_KINDS)
    counted = rows(
        connection,
        f"SELECT kind, count(*) AS n FROM events WHERE kind NOT IN ({known}) GROUP BY kind ORDER BY n DESC, kind",
        "events",
    )
    return {str(row["kind"]): int(str(row["n"])) for row in counted}


def _unused(settings: Settings) -> list[str]:
    """Return the names in [files] that occur in no SELECT: often a name misspelt."""
    selects = [settings.select(table) or "" for table in TABLES]
    selects += [settings.read_sql(written, name) for name, written in settings.checks.items()]
    said = "\n".join(selects).lower()
    return [name for name in settings.files if name.lower() not in said]


def _refuse_mixed_money(connection: Connection, present: list[str]) -> None:
    if "subscriptions" not in present:
        return
    found = connection.execute(
        "SELECT DISTINCT currency FROM subscriptions WHERE currency IS NOT NULL AND mrr > 0 ORDER BY 1"
    ).fetchall()
    if len(found) > 1:
        names = ", ".join(str(currency) for (currency,) in found)
        raise ContractError(
            f"subscriptions: MRR comes in {len(found)} currencies ({names}), which do not add up. "
            "Convert them to one in the SELECT."
        )


def _run_checks(connection: Connection, settings: Settings) -> list[Finding]:
    """Ask the project's own questions of the sources; nothing is dropped for them.

    A check's SELECT yields the rows in doubt; a column `of_rows`, if it has one, says of how many.
    """
    findings = []
    connection.execute("USE memory.source")
    for name, written in settings.checks.items():
        where = f"[checks] {name}"
        run(connection, f"CREATE OR REPLACE TEMP TABLE doubt AS {settings.read_sql(written, where)}", where)
        columns = [row[0] for row in connection.execute("DESCRIBE doubt").fetchall()]
        of_rows = "max(of_rows)" if "of_rows" in columns else "count(*)"
        shown = "* EXCLUDE (of_rows)" if "of_rows" in columns else "*"
        [counted] = rows(connection, f"SELECT count(*) AS n, {of_rows} AS of_rows FROM doubt", where)
        example = connection.execute(
            f"SELECT min(CAST(to_json(d) AS VARCHAR)) FROM (SELECT {shown} FROM doubt) AS d"
        ).fetchone()
        n = int(str(counted["n"]))
        findings.append(Finding(name, n, int(str(counted["of_rows"] or 0)), str(example[0]) if example and n else ""))
    connection.execute("USE memory.main")
    return findings


def _since(connection: Connection, settings: Settings, present: list[str], now: datetime) -> datetime:
    """Return when the record begins: the first row of the tables that are written as things happen.

    Accounts, users and subscriptions are often carried over from an older system, without those
    that had already left: looking from before the record would see survivors only.
    """
    if settings.data.since is not None:
        return datetime.combine(settings.data.since, datetime.min.time())
    written_live = [name for name in present if name in WRITTEN_LIVE] or ["subscriptions"]
    moments = [f"SELECT min({_recorded_at(TABLES[name])}) AS t FROM {name}" for name in written_live if name in present]
    return _day(connection, "min(t)", moments) or _until(connection, settings, present, now)


def _until(connection: Connection, settings: Settings, present: list[str], now: datetime) -> datetime:
    """Return the first midnight after the last recorded row, unless the settings say it.

    Never after today's: today is still being written, and an end announced for later has not come.
    """
    if settings.data.until is not None:
        return datetime.combine(settings.data.until, datetime.min.time())
    moments = [f"SELECT {_recorded_at(TABLES[name])} AS t FROM {name}" for name in present]
    if "subscriptions" in present:
        moments.append("SELECT end_recorded_at AS t FROM subscriptions")
    today = datetime(now.year, now.month, now.day)
    last = _day(connection, f"max(t) FILTER (WHERE t <= TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}')", moments)
    return today if last is None else min(today, last + timedelta(days=1))


def _day(connection: Connection, of: str, moments: list[str]) -> datetime | None:
    """Return the midnight that begins the day of an aggregate over times `t`, or None without any."""
    if not moments:
        return None
    row = connection.execute(f"SELECT {of} FROM ({' UNION ALL '.join(moments)})").fetchone()
    return None if row is None or row[0] is None else datetime(row[0].year, row[0].month, row[0].day)


def _recorded_at(table: Table) -> str:
    return "recorded_at" if table.column("recorded_at") else table.happened_at


def _fingerprint(connection: Connection, present: list[str]) -> str:
    parts = []
    for name in present:
        row = connection.execute(f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)) FROM {name} AS t").fetchone()
        parts.append(f"{name}:{row}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


# --- reading back ----------------------------------------------------------------------------


def _source_version(settings: Settings) -> str:
    """Name the state of the sources: every file's size and change time, and every SELECT."""
    parts: list[object] = [FORMAT, settings.data.model_dump(mode="json")]
    for name in settings.files:
        for path in source_files(settings, name):
            status = path.stat()
            parts.append((name, str(path), status.st_size, status.st_mtime_ns))
    parts += [(table, settings.select(table)) for table in TABLES]
    parts += [(name, settings.read_sql(sql, name)) for name, sql in settings.checks.items()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def selects_id(settings: Settings) -> str:
    """Return a hash, 16 hex digits, of every SELECT: rows of another one are not comparable."""
    return hashlib.sha256(repr([settings.select(name) for name in TABLES]).encode()).hexdigest()[:16]


def read_version(folder: Path) -> Tables:
    """Return the tables that were written to a folder."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    reports = tuple(
        TableReport(r["table"], r["read"], r["kept"], tuple(Reason(**reason) for reason in r["reasons"]))
        for r in summary["reports"]
    )
    findings = tuple(Finding(**found) for found in summary["findings"])
    since, until = (datetime.fromisoformat(summary[moment]) for moment in ("since", "until"))
    unused = tuple(summary["unused"])
    return Tables(folder, summary["fingerprint"], since, until, reports, findings, unused, summary["unknown_kinds"])
