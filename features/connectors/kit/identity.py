"""How the customers, organizations and people of several sources were matched to accounts, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.features.engines.duckdb import Connection, rows

UNMATCHED = "unmatched"
EXAMPLES = 3


@dataclass(frozen=True)
class Match:
    """Entities of one source that one rule matched, or none did. `examples`: of those that none matched."""

    source: str
    rule: str
    count: int
    examples: tuple[str, ...] = ()


def matches(connection: Connection) -> list[Match]:
    """Return the matches by source and rule, in the order of the rules."""
    found = rows(
        connection,
        "SELECT source, rule, count(*) AS n, min(entity, 3) AS examples, "
        f"rule = '{UNMATCHED}' AS is_last FROM who_is_who GROUP BY source, rule ORDER BY source, is_last, n DESC, rule",
        "who is who",
    )
    return [
        Match(str(row["source"]), str(row["rule"]), int(str(row["n"])),
              tuple(map(str, row["examples"][:EXAMPLES])) if row["rule"] == UNMATCHED else ())  # type: ignore[index]
        for row in found
    ]  # fmt: skip


def currencies(connection: Connection, selects: list[str]) -> list[str]:
    """Return the currencies of the amounts that these SELECTs yield, the most frequent first."""
    union = " UNION ALL ".join(f"SELECT upper(currency) AS currency FROM (\n{select}\n)" for select in selects)
    if not union:
        return []
    stated = f"SELECT currency FROM ({union}) WHERE currency IS NOT NULL"
    sql = f"SELECT currency, count(*) AS n FROM ({stated}) GROUP BY currency ORDER BY n DESC, currency"
    return [str(row["currency"]) for row in rows(connection, sql, "currencies")]
