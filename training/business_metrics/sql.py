"""The SQL behind `undertow metrics`: one relation per kind of case, aggregated per month and group by one query each.

A relation has one row per case, with the columns month, grp and account_id. Only rows recorded before
`until` are read, and each counts in the month in which it happened. What was known of an account at
the end holds for all its months: one that was merged into another counts as that other throughout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pyarrow as pa

from undertow.features.catalogue.cx import open_tickets
from undertow.features.compiler.aggregates import filter_sql
from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.duckdb import Connection, InDuckDB, open_duckdb, rows, run
from undertow.features.settings import Churn, Engine
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ALL_TABLES, SQL_TYPES
from undertow.training.business_metrics.metrics import FlatValue, Metric, Quantile, Rate, Total, choose
from undertow.training.examples.outcomes import make_spells

By = Literal["segment", "platform"]
VISIT = timedelta(days=1)  # a visit that is longer may be counted once more when the first month begins


@dataclass(frozen=True)
class Month:
    """One calendar month, `[starts, ends)`, UTC midnights."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Measurement:
    """A measured value with its standard error (NaN: none), number of cases and of accounts."""

    value: float
    error: float
    n: int
    accounts: int


Measurements = dict[tuple[str, datetime, str], Measurement]  # by metric, month start, group


# --- relations: (month, account_id, ...), one row per case ------------------------------------

GROUP = {"segment": "coalesce(a.segment, 'no segment')", "platform": "coalesce(r.platform, 'no platform')"}

RELATIONS = {
    "movements": """
        SELECT m.starts AS month, s.account_id,
               round(sum(CASE WHEN s.started_at < m.starts AND coalesce(s.ended_at >= m.starts, true)
                              THEN s.mrr ELSE 0 END), 4) AS at_start,
               round(sum(CASE WHEN coalesce(s.ended_at >= m.ends, true) THEN s.mrr ELSE 0 END), 4) AS at_end,
               bool_or(s.started_at < m.starts) AS paid_before
        FROM months AS m JOIN (
            FROM known_subscriptions WHERE mrr > 0
        ) AS s ON s.started_at < m.ends AND coalesce(s.ended_at > s.started_at, true)
        GROUP BY m.starts, s.account_id HAVING at_start > 0 OR at_end > 0""",
    "paid_spells": """
        SELECT m.starts AS month, s.account_id,
               bool_or(s.started_at < m.starts) AS there,
               coalesce(bool_or(s.started_at < m.starts AND s.ended_at < m.ends AND s.cause <> 'neutral'), false)
                   AS there_left,
               coalesce(bool_or(s.ended_at < m.ends AND s.cause <> 'neutral'), false) AS any_left
        FROM months AS m JOIN spells AS s
          ON s.started_at < m.ends AND coalesce(s.ended_at >= m.starts, true)
        GROUP BY m.starts, s.account_id""",
    "answers": """
        SELECT date_trunc('month', responded_at) AS month, account_id, kind, score, scale_max, scaled
        FROM known_surveys WHERE responded_at >= {first} AND responded_at < {last}""",
    "ratings": """
        SELECT date_trunc('month', csat_at) AS month, account_id, csat FROM known_tickets
        WHERE csat_at >= {first} AND csat_at < {last}""",
    "first_answers": """
        SELECT date_trunc('month', first_response_at) AS month, account_id, opened_at, first_response_at
        FROM known_tickets
        WHERE first_response_at >= {first} AND first_response_at < {last}""",
    "resolutions": """
        SELECT date_trunc('month', resolved_at) AS month, account_id, opened_at, resolved_at,
               coalesce(reopened_at > resolved_at AND reopened_at <= resolved_at + INTERVAL 14 DAY, false) AS reopened,
               EXISTS (SELECT 1 FROM known_tickets WHERE reopened_at IS NOT NULL) AS records_reopening
        FROM known_tickets
        WHERE resolved_at >= {first} AND resolved_at < {last}""",
    "open_tickets": f"""
        SELECT m.starts AS month, t.account_id, date_diff('microsecond', t.opened_at, m.ends) / 8.64e10 AS age_days
        FROM months AS m JOIN known_tickets AS t ON t.opened_at < m.ends AND {filter_sql(open_tickets, "m.ends")}""",
    "interactions": """
        SELECT date_trunc('month', occurred_at) AS month, account_id, platform, kind, name, duration_ms, value,
               coalesce(name, '') IN (SELECT coalesce(name, '') FROM known_events WHERE kind = 'impression'
                   AND occurred_at >= {first} AND occurred_at < {last}) AS was_shown
        FROM known_events WHERE occurred_at >= {first} AND occurred_at < {last}""",
    "visits": """
        SELECT date_trunc('month', min(occurred_at)) AS month, account_id,
               arg_min(platform, occurred_at) AS platform, count_if(kind = 'page_view') AS page_views,
               bool_or(kind = 'crash') AS crashed, bool_or(kind = 'conversion') AS converted
        FROM known_events WHERE session_id IS NOT NULL
          AND occurred_at >= {before}
        GROUP BY account_id, session_id HAVING min(occurred_at) >= {first} AND min(occurred_at) < {last}""",
    "not_paying": """
        WITH seen AS (
            SELECT coalesce('user ' || user_id, 'account ' || account_id) AS person, account_id, occurred_at, platform
            FROM known_events WHERE {is_kept}
            UNION ALL SELECT 'user ' || user_id, NULL, occurred_at, platform FROM known_visitors
        ),
        belongs AS (
            SELECT person, account_id, min(occurred_at) AS since, NULL AS until FROM seen WHERE account_id IS NOT NULL
            GROUP BY person, account_id
            UNION ALL SELECT 'user ' || user_id, account_id, joined_at, left_at FROM known_users WHERE {is_kept}
        ),
        firsts AS (
            SELECT date_trunc('month', occurred_at) AS month, person, min(occurred_at) AS at,
                   arg_min(platform, occurred_at) AS platform
            FROM seen WHERE occurred_at >= {first} AND occurred_at < {last} AND person IS NOT NULL
            GROUP BY month, person
        ),
        spells_of AS (
            SELECT f.*, b.account_id, b.since, coalesce(s.started_at >= date_trunc('day', f.at), false)
                       AND s.started_at <= f.at + INTERVAL 30 DAY AS begins,
                   b.since <= f.at AND coalesce(b.until > f.at, true)
                       AND s.started_at < date_trunc('day', f.at) AND coalesce(s.ended_at > f.at, true) AS pays
            FROM firsts AS f LEFT JOIN belongs AS b USING (person) LEFT JOIN spells AS s USING (account_id)
        )
        SELECT month, coalesce(arg_min(account_id, (NOT begins, since, account_id)), person) AS account_id,
               any_value(platform) AS platform, bool_or(begins) AS converted
        FROM spells_of GROUP BY month, person HAVING NOT coalesce(bool_or(pays), false)""",
}
READS_SPELLS = ("paid_spells", "not_paying")

# Its rows are also those of the account it went into, from their beginning.
NOT_MERGED = """account_id NOT IN (
        SELECT account_id FROM merges WHERE greatest(merged_at, recorded_at) < {until} AND account_id <> merged_into)"""


def make_relations(
    connection: Connection,
    churn: Churn,
    tables: Tables,
    months: Sequence[Month],
    by: By | None,
    cards: Iterable[Metric],
) -> None:
    """Create a view of each relation that these metrics read, with the columns month, grp and account_id."""
    listed = ", ".join(f"({_moment(month.starts)}, {_moment(month.ends)})" for month in months)
    run(connection, f"CREATE TEMP TABLE months AS FROM (VALUES {listed}) AS m(starts, ends)", "months")
    span = {
        "before": _moment(months[0].starts - VISIT),
        "first": _moment(months[0].starts),
        "last": _moment(months[-1].ends),
        "until": _moment(tables.until),
    }
    span["is_kept"] = NOT_MERGED.format(**span) if "merges" in tables.present else "true"
    group = GROUP[by] if by else "''"
    joined = "LEFT JOIN accounts AS a USING (account_id)" if by == "segment" else ""
    for table in ("events", "subscriptions", "surveys", "tickets", "users", "visitors"):
        run(connection, f"CREATE TEMP VIEW known_{table} AS {_known(table, tables)}", table)
    names = sorted({_measure_of(card).rows for card in _with_parts(cards)})
    if not {*names}.isdisjoint(READS_SPELLS):
        make_spells(InDuckDB(connection), churn, tables, tables.until)
    for name in names:
        select = f"SELECT r.*, {group} AS grp FROM ({RELATIONS[name].format(**span)}) AS r {joined}"
        run(connection, f"CREATE TEMP VIEW {name} AS {select} WHERE {span['is_kept']}", name)


def _known(table: str, tables: Tables) -> str:
    """Return the SELECT of a table's rows as known at the end of the record; of no row where the table is absent."""
    columns = ALL_TABLES[table].columns
    if table in tables.present:
        return known_rows(table, [column.name for column in columns], tables.until)
    return f"SELECT {', '.join(f'CAST(NULL AS {SQL_TYPES[each.type]}) AS {each.name}' for each in columns)} WHERE false"


def _moment(time: datetime) -> str:
    return f"TIMESTAMP '{time:%Y-%m-%d %H:%M:%S}'"


# --- measuring: one query per relation, and one more for its quantiles -------------------------


def _with_parts(cards: Iterable[Metric]) -> list[Metric]:
    """Return the metrics with SQL of their own: those asked for, and those that others are computed from."""
    needed: dict[str, Metric] = {}
    for card in cards:
        measure = card.measure
        parts = choose((measure.churn, measure.arpa)) if isinstance(measure, FlatValue) else (card,)
        needed |= {part.name: part for part in parts}
    return list(needed.values())


def _measure_of(card: Metric) -> Rate | Total | Quantile:
    assert not isinstance(card.measure, FlatValue)
    return card.measure


def measure(connection: Connection, cards: Iterable[Metric]) -> Measurements:
    """Return the measurements of these metrics, and of those that others are computed from."""
    measurements: Measurements = {}
    read: dict[tuple[str, bool], list[Metric]] = {}
    for card in _with_parts(cards):
        asked = _measure_of(card)
        read.setdefault((asked.rows, isinstance(asked, Quantile)), []).append(card)
    for (relation, is_quantile), together in read.items():
        measurements |= (_quantiles if is_quantile else _sums)(connection, relation, together)
    return measurements


def value_over(card: Metric, relation: Sequence[Mapping[str, object]]) -> float:
    """Return a rate over rows of its relation, in the metric's unit; for examples and tests, without account or month.

    >>> from undertow.training.business_metrics.metrics import CARDS
    >>> value_over(CARDS["nps"], [{"kind": "nps", "score": score} for score in (10, 9, 7, 3)])  # 100 x (2 - 1) / 4
    25.0
    >>> loads = [{"kind": "page_view", "duration_ms": ms} for ms in (900.0, 1500.0, 5000.0, 9000.0)]
    >>> value_over(CARDS["apdex"], loads)  # (2 satisfied + 1 tolerating / 2) / 4
    0.625
    >>> vitals = [{"kind": "web_vital", "name": "LCP", "value": ms} for ms in (1000.0, 2500.0, 3000.0, 4001.0)]
    >>> value_over(CARDS["good_lcp_share"], vitals), value_over(CARDS["poor_lcp_share"], vitals)
    (0.5, 0.25)
    >>> mrr = ((100, 120), (100, 50), (0, 30))  # at the start and the end of the month
    >>> value_over(CARDS["nrr"], [{"at_start": start, "at_end": end} for start, end in mrr])  # (120 + 50) / 200
    0.85
    """
    rate = card.measure
    assert isinstance(rate, Rate), f"{card.name} is no rate"
    with TemporaryDirectory() as spill, open_duckdb(Engine(), Path(spill)) as connection:
        connection.register("relation", pa.Table.from_pylist(list(relation)))
        [row] = rows(connection, f"SELECT ({rate.top}) / ({rate.bottom}) AS value FROM relation", card.name)
    return rate.times * float(str(row["value"]))


def _sums(connection: Connection, relation: str, cards: Sequence[Metric]) -> Measurements:
    """Sum numerators and denominators per account, then over accounts, with the sums for the variance between them."""
    inner, outer = [], []
    for i, card in enumerate(cards):
        measure = _measure_of(card)
        assert not isinstance(measure, Quantile)
        rate = measure if isinstance(measure, Rate) else Rate(relation, measure.top, "0", n=measure.n)
        for short, text in (("t", rate.top), ("b", rate.bottom), ("n", rate.n or rate.bottom),
                            ("s", rate.squares or rate.top)):  # fmt: skip
            inner.append(f"CAST(coalesce({text}, 0) AS DOUBLE) AS {short}{i}")
            outer.append(f"sum({short}{i}) AS {short}{i}")
        outer += [f"sum(t{i} * t{i}) AS tt{i}", f"sum(t{i} * b{i}) AS tb{i}", f"sum(b{i} * b{i}) AS bb{i}",
                  f"count_if(n{i} > 0) AS a{i}"]  # fmt: skip
    sql = (
        f"WITH accounts_ AS (SELECT month, grp, account_id, {', '.join(inner)} FROM {relation} "
        f"GROUP BY month, grp, account_id) SELECT month, grp, {', '.join(outer)} FROM accounts_ GROUP BY month, grp"
    )
    return _read(connection, sql, relation, cards, _from_sums)


def _from_sums(card: Metric, value_of: Callable[[str], float]) -> Measurement:
    top, bottom, n, accounts = value_of("t"), value_of("b"), int(value_of("n")), int(value_of("a"))
    if isinstance(card.measure, Total):
        return Measurement(top, math.nan, n, accounts)
    if not bottom:
        return Measurement(math.nan, math.nan, n, accounts)
    value = top / bottom
    between = (value_of("tt") - 2 * value * value_of("tb") + value**2 * value_of("bb")) / bottom**2
    within = (value_of("s") / bottom - value**2) / n
    return Measurement(value, math.sqrt(max(between, within, 0.0)), n, accounts)


def _quantiles(connection: Connection, relation: str, cards: Sequence[Metric]) -> Measurements:
    asked = []
    for i, card in enumerate(cards):
        measure = _measure_of(card)
        assert isinstance(measure, Quantile)
        asked += [f"quantile_cont({measure.value}, {measure.share}) AS q{i}", f"count({measure.value}) AS n{i}",
                  f"count(DISTINCT CASE WHEN ({measure.value}) IS NOT NULL THEN account_id END) AS a{i}"]  # fmt: skip
    sql = f"SELECT month, grp, {', '.join(asked)} FROM {relation} GROUP BY month, grp"
    return _read(connection, sql, relation, cards, _from_quantile)


def _from_quantile(card: Metric, value_of: Callable[[str], float]) -> Measurement:
    return Measurement(value_of("q"), math.nan, int(value_of("n")), int(value_of("a")))


def _read(
    connection: Connection,
    sql: str,
    relation: str,
    cards: Sequence[Metric],
    reading: Callable[[Metric, Callable[[str], float]], Measurement],
) -> Measurements:
    measurements: Measurements = {}
    for row in rows(connection, sql, relation):
        month = row["month"]
        assert isinstance(month, datetime)
        for i, card in enumerate(cards):

            def value_of(short: str, row: dict[str, object] = row, i: int = i) -> float:
                value = row[f"{short}{i}"]
                return math.nan if value is None else float(str(value))

            measurements[card.name, month, str(row["grp"])] = reading(card, value_of)
    return measurements
