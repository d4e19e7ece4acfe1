"""Data checks across rows: the project's own [checks], unknown event kinds, unused files and mixed currencies."""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, literal, rows, run
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.sources.loaded import CheckResult
from undertow.features.tables import EVENT_KINDS, TABLES


def unknown_kinds(connection: Connection, present: list[str]) -> dict[str, int]:
    """Return event kind -> rows, most frequent first, of the kinds that are not in EVENT_KINDS."""
    if "events" not in present:
        return {}
    known = ", ".join(literal(kind) for kind in EVENT_KINDS)
    counts = rows(
        connection,
        f"SELECT kind, count(*) AS n FROM events WHERE kind NOT IN ({known}) GROUP BY kind ORDER BY n DESC, kind",
        "events",
    )
    return {str(row["kind"]): int(str(row["n"])) for row in counts}


def unused(settings: Settings) -> list[str]:
    """Return the names in [files] that occur in no SELECT: often a misspelt name."""
    selects = [settings.select(table) or "" for table in TABLES]
    selects += [settings.read_sql(sql, name) for name, sql in settings.checks.items()]
    all_sql = "\n".join(selects).lower()
    return [name for name in settings.files if name.lower() not in all_sql]


def refuse_mixed_currencies(connection: Connection, present: list[str]) -> None:
    """Raise ContractError where the MRR of paid subscriptions is in more than one currency."""
    if "subscriptions" not in present:
        return
    currencies = connection.execute(
        "SELECT DISTINCT currency FROM subscriptions WHERE currency IS NOT NULL AND mrr > 0 ORDER BY 1"
    ).fetchall()
    if len(currencies) > 1:
        names = ", ".join(str(currency) for (currency,) in currencies)
        raise ContractError(
            f"subscriptions: expected MRR in one currency, got {len(currencies)} ({names}). "
            "Convert them to one in the SELECT."
        )


def run_checks(connection: Connection, settings: Settings) -> list[CheckResult]:
    """Run the project's own data checks over the sources and return their results; no row is dropped for them.

    A check's SELECT yields the suspect rows; its column `of_rows`, if present, is the number of rows checked.
    """
    results = []
    connection.execute("USE memory.source")
    for name, sql in settings.checks.items():
        where = f"[checks] {name}"
        run(connection, f"CREATE OR REPLACE TEMP TABLE doubt AS {settings.read_sql(sql, where)}", where)
        columns = [row[0] for row in connection.execute("DESCRIBE doubt").fetchall()]
        of_rows = "max(of_rows)" if "of_rows" in columns else "count(*)"
        shown = "* EXCLUDE (of_rows)" if "of_rows" in columns else "*"
        [counts] = rows(connection, f"SELECT count(*) AS n, {of_rows} AS of_rows FROM doubt", where)
        example = connection.execute(
            f"SELECT min(CAST(to_json(d) AS VARCHAR)) FROM (SELECT {shown} FROM doubt) AS d"
        ).fetchone()
        n, checked = int(str(counts["n"])), int(str(counts["of_rows"] or 0))
        results.append(CheckResult(name, n, checked, str(example[0]) if example and n else ""))
    connection.execute("USE memory.main")
    return results
