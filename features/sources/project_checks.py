"""Data checks across rows: the project's own [checks], words that no feature reads, and unused files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from undertow.features.engines.duckdb import Connection, literal, one_select, rows, run
from undertow.features.settings import Settings, with_file
from undertow.features.sources.loaded import CheckResult, Tables
from undertow.features.tables import EVENT_KINDS, PRIORITIES, SURVEY_KINDS, VITALS

KNOWN_WORDS = {  # (table, column, rows it holds for) -> words that features know
    ("events", "kind", "true"): EVENT_KINDS,
    ("events", "name", "kind = 'web_vital'"): VITALS,
    ("surveys", "kind", "true"): SURVEY_KINDS,
    ("tickets", "priority", "true"): PRIORITIES,
}
KEPT_WORDS, SHOWN_WORDS = 1_000, 20  # unknown words of a column that are stored, and that `Tables` holds
KIND = "events.kind"


def unknown_words(connection: Connection, present: list[str]) -> list[tuple[str, str, int]]:
    """Return (column, word, rows), most frequent first, of the words that no card of the catalogue reads.

    Their rows are kept. The project's own kinds of events are among them: to change [events] reads nothing again.
    """
    found: list[tuple[str, str, int]] = []
    for (table, column, where), words in KNOWN_WORDS.items():
        if table in present:
            known = ", ".join(literal(word) for word in words)
            sql = (
                f"SELECT {column} AS word, count(*) AS n FROM {table} WHERE {where} AND {column} NOT IN ({known}) "
                f"GROUP BY word ORDER BY n DESC, word LIMIT {KEPT_WORDS}"
            )
            found += [(f"{table}.{column}", str(r["word"]), int(str(r["n"]))) for r in rows(connection, sql, table)]
    return found


def with_own_kinds(tables: Tables, kinds: Sequence[str]) -> Tables:
    """Return the tables without the project's own `kinds` of events among the unknown words, of which it shows 20.

    A kind of which there is no row is noted.
    """
    found = {word for column, word, _ in tables.unknown_words if column == KIND}
    absent = [kind for kind in kinds if kind not in found] if "events" in tables.present else []
    notes = [f"events: no row has the kind '{kind}' of [events] kinds (spelled otherwise?)." for kind in absent]
    strange = [each for each in tables.unknown_words if each[0] != KIND or each[1] not in kinds]
    shown = [each for column in dict.fromkeys(c for c, _, _ in strange)
             for each in [e for e in strange if e[0] == column][:SHOWN_WORDS]]  # fmt: skip
    return replace(tables, unknown_words=tuple(shown), notes=(*tables.notes, *notes))


def unused(settings: Settings) -> list[str]:
    """Return the names in [files] that occur in no SELECT: often a misspelt name."""
    all_sql = "\n".join(settings.selects().values()).lower()
    return [name for name in settings.files if name.lower() not in all_sql]


def run_checks(connection: Connection, settings: Settings) -> list[CheckResult]:
    """Run the project's own data checks over the sources and return their results; no row is dropped for them.

    A check's SELECT yields the suspect rows; its column `of_rows`, if present, is the number of rows checked.
    """
    results = []
    connection.execute("USE memory.source")
    for name, sql in settings.checks.items():
        where = with_file(f"[checks] {name}", sql)
        select = one_select(settings.read_sql(sql, where), where)
        run(connection, f"CREATE OR REPLACE TEMP TABLE doubt AS\n{select}", where, lines_before=1)
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
