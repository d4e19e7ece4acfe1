"""Checks across rows: the project's own [checks], unknown event kinds, unused files and mixed currencies."""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, literal, rows, run
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.sources.loaded import CheckResult
from undertow.features.tables import EVENT_KINDS, TABLES


def unknown_kinds(connection: Connection, present: list[str]) -> dict[str, int]:
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


def unused(settings: Settings) -> list[str]:
    """Return the names in [files] that occur in no SELECT: often a name misspelt."""
    selects = [settings.select(table) or "" for table in TABLES]
    selects += [settings.read_sql(written, name) for name, written in settings.checks.items()]
    said = "\n".join(selects).lower()
    return [name for name in settings.files if name.lower() not in said]


def refuse_mixed_money(connection: Connection, present: list[str]) -> None:
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


def run_checks(connection: Connection, settings: Settings) -> list[CheckResult]:
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
        findings.append(CheckResult(name, n, int(str(counted["of_rows"] or 0)), str(example[0]) if example and n else ""))
    connection.execute("USE memory.main")
    return findings
