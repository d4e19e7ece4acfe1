"""The period that each table records, and with it the first and last day that the sources record completely.

A few rows that lie a year or more outside all others are set aside: one imported ticket of 2011 does not move the
beginning of the record to 2011. A table that ends months before the others is stale: its features are unknown after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from undertow.features.engines.duckdb import Connection, rows
from undertow.features.tables import TABLES, Table

WRITTEN_LIVE = ("events", "tickets", "surveys", "invoices", "payments")
CONTINUOUS = ("events", "tickets")  # written every day; other tables may come in waves, such as yearly invoices
DAY = timedelta(days=1)
APART = timedelta(days=365)  # rows on the other side of such a gap may be set aside
FEW_ROWS, FEW_SHARE = 2, 0.01  # so many rows of a table, or such a share of them, are set aside
STALE = timedelta(days=90)
WAVES = 1.5  # a table that comes in waves is stale after a silence this many times its longest
THIN, USUAL_DAYS, ENOUGH_A_DAY = 0.1, 28, 20  # a last day with less than a tenth of the usual rows is thin


@dataclass(frozen=True)
class Span:
    """The days on which a table's rows were recorded.

    `first`, `last`: midnights, UTC, without the rows set aside (the ends of subscriptions included). `silent_from`: the
    midnight after the last day on which anything of the table was recorded, late values included. `months`: "2024-03"
    -> rows. `lone`: rows set aside, and `lone_at`: the day of the first of them. `longest_gap`: days. `thin`: last days
    with hardly any rows.
    """

    first: datetime
    last: datetime
    silent_from: datetime
    months: dict[str, int]
    lone: int = 0
    lone_at: datetime | None = None
    longest_gap: int = 0
    thin: tuple[str, ...] = ()

    def is_stale(self, table: str, until: datetime) -> bool:
        """Return whether the table ends so long before the record that it is no longer written."""
        silence = until - self.silent_from
        if table not in (*WRITTEN_LIVE, "contacts") or silence < STALE:
            return False
        return table in CONTINUOUS or (len(self.months) > 1 and silence.days > WAVES * self.longest_gap)


def table_span(connection: Connection, table: Table, now: datetime) -> Span | None:
    """Return the span of a loaded table; None where it has no row that was recorded by `now`."""
    recorded = "recorded_at" if table.column("recorded_at") else table.happened_at
    moment = f"TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}'"
    counted = rows(
        connection,
        f"SELECT date_trunc('day', {recorded}) AS day, count(*) AS n FROM {table.name} WHERE {recorded} <= {moment} "
        "GROUP BY ALL ORDER BY day",
        table.name,
    )
    days = [(_midnight(row["day"]), int(str(row["n"]))) for row in counted]
    if not days:
        return None
    kept, lone = _set_aside(days)
    late = [column.name for column in table.given_columns if column.type == "time" and column.known_from == column.name]
    newest = f"greatest({', '.join([f'max({name}) FILTER (WHERE {name} <= {moment})' for name in late])})"
    last = silent = kept[-1][0]
    if late:
        [row] = rows(connection, f"SELECT {newest} AS t FROM {table.name} WHERE {recorded} < TIMESTAMP '{last + DAY}'",
                     table.name)  # fmt: skip
        silent = max(last, _midnight(row["t"])) if row["t"] is not None else last
        last = silent if table.name == "subscriptions" else last
    months: dict[str, int] = {}
    for day, n in days:
        months[f"{day:%Y-%m}"] = months.get(f"{day:%Y-%m}", 0) + n
    gaps = [(later - earlier).days for (earlier, _), (later, _) in pairwise(kept)]
    return Span(
        first=kept[0][0],
        last=last,
        silent_from=silent + DAY,
        months=months,
        lone=sum(n for _, n in lone),
        lone_at=lone[0][0] if lone else None,
        longest_gap=max(gaps, default=0),
        thin=_thin(kept, now) if table.name in WRITTEN_LIVE else (),
    )


def first_day(spans: Mapping[str, Span]) -> datetime | None:
    """Return the first fully recorded day: that of the first row in the tables that are written live.

    Accounts, users and subscriptions are often imported from an older system without those that had
    already left; an as_of before the period would contain survivors only (survivorship bias).
    """
    live = [span.first for name, span in spans.items() if name in WRITTEN_LIVE]
    return min(live or [span.first for name, span in spans.items() if name == "subscriptions"], default=None)


def written_since(spans: Mapping[str, Span]) -> datetime | None:
    """Return the day from which all tables that are written every day were written; None without any.

    A few rows that were dated back into one table do not move it, as they move the first recorded day.
    """
    continuous = [span.first for name, span in spans.items() if name in CONTINUOUS]
    return max(continuous or [span.first for name, span in spans.items() if name in WRITTEN_LIVE], default=None)


def last_day(spans: Iterable[Span], now: datetime) -> datetime:
    """Return the first midnight after the last recorded row, never later than today's midnight.

    Today is not complete yet, and an announced end may lie in the future.
    """
    today = datetime(now.year, now.month, now.day)
    return min(today, max((span.last + DAY for span in spans), default=today))


def _set_aside(days: list[tuple[datetime, int]]) -> tuple[list[tuple[datetime, int]], list[tuple[datetime, int]]]:
    """Split (day, rows) into the days that count and the few rows that lie a year or more outside them."""
    parts = [[days[0]]]
    for earlier, later in pairwise(days):
        if later[0] - earlier[0] >= APART:
            parts.append([])
        parts[-1].append(later)
    sizes = [sum(n for _, n in part) for part in parts]
    main = max(range(len(parts)), key=lambda i: (sizes[i], i))
    few = max(FEW_ROWS, FEW_SHARE * sum(sizes))
    keep = [i == main or sizes[i] > few for i in range(len(parts))]
    kept = [day for part, is_kept in zip(parts, keep, strict=True) if is_kept for day in part]
    lone = [day for part, is_kept in zip(parts, keep, strict=True) if not is_kept for day in part]
    return kept, lone


def _thin(days: list[tuple[datetime, int]], now: datetime) -> tuple[str, ...]:
    """Return the last one or two whole days that have hardly any rows, beside the four weeks before them."""
    whole = [(day, n) for day, n in days if day + DAY <= now]
    before = [n for _, n in whole[-USUAL_DAYS - 2 : -2]]
    usual = median(before) if len(before) >= USUAL_DAYS // 2 else 0
    if usual < ENOUGH_A_DAY:
        return ()
    return tuple(
        f"{day:%Y-%m-%d} has {n:,} rows, a usual day {usual:,.0f}" for day, n in whole[-2:] if n < THIN * usual
    )


def _midnight(day: object) -> datetime:
    assert isinstance(day, datetime)
    return datetime(day.year, day.month, day.day)


def spans_of(connection: Connection, present: Iterable[str], now: datetime) -> dict[str, Span]:
    """Return table -> span of the loaded tables that have rows; tables of no account, such as rates, have none."""
    of_accounts = [TABLES[name] for name in present if TABLES[name].of_account is not None]
    found = {table.name: table_span(connection, table, now) for table in of_accounts}
    return {name: span for name, span in found.items() if span is not None}
