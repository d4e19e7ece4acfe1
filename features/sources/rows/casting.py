"""The cast of one column of a source to the type in its contract, as SQL over the table `staged`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from undertow.features.engines.duckdb import literal, quoted
from undertow.features.tables import SQL_TYPES, Table, TableColumn

NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")
WHOLE_IDS = 1e15  # a whole number below it is written without a fraction; above, a DOUBLE has lost digits
FAR = timedelta(days=20 * 365)  # a time further ahead stands for "none", such as 9999-12-31
RATINGS = {("surveys", "score"): "scale_max", ("tickets", "csat"): "csat_scale"}  # rating -> the column of its scale
RATING_WORDS = {"good": "1", "bad": "0", "offered": "", "unoffered": ""}  # Zendesk's words; "" is not answered
GROUPED = r"[-+]?\d{1,3}(,\d{3})+\.\d+"  # 1,234.50: the dot shows what the commas are; 1,234 and 1.234,50 stay unread
ENDS = ("ended_at", "left_at")  # the ends that may be given as the last day, see `Reading.inclusive_ends`


@dataclass(frozen=True)
class Reading:
    """How the values of a source are read.

    `latest`: the latest valid time of a row, UTC. `missing`: texts that stand for a missing value, lower case.
    `inclusive_ends`: the table's dates of an end name its last day. `has_users`: the table `users` is present.
    `rated_0_or_1`: ratings without a scale are good (1) or bad (0). `score_words`: what a health score may be, the
    worst first; none where it is a number.
    """

    latest: datetime
    missing: Sequence[str] = ()
    inclusive_ends: bool = False
    has_users: bool = False
    rated_0_or_1: bool = False
    score_words: tuple[str, ...] = ()

    def text(self, name: str, kind: str) -> str:
        """Return a value as text without surrounding blanks; null where it is empty or stands for a missing value.

        `kind`: the DuckDB type of the column.
        """
        if kind != "VARCHAR":
            value = f"{name} ->> '$'" if kind == "JSON" else f"CAST({name} AS VARCHAR)"
            return f"nullif(trim({value}), '')" if kind != "JSON" else self._unless_missing(value)
        return self._unless_missing(name)

    def _unless_missing(self, value: str) -> str:
        words = "|".join(re.escape(word) for word in ("", *self.missing))
        pattern = rf"(?i)\s*({words})\s*"
        return f"CASE WHEN NOT regexp_full_match({value}, {literal(pattern)}) THEN trim({value}) END"


def cast(table: Table, column: TableColumn, given: dict[str, str], reading: Reading) -> str:
    """Return the value of a column for storage: cast, in its form (words in lower case), far times as null."""
    value = plain_cast(table, column, given, reading)
    rating = next((name for (of, name), scale in RATINGS.items() if (of, scale) == (table.name, column.name)), None)
    if rating in given:
        return f"coalesce({value}, {_scale_of_words(str(rating), given[str(rating)], reading)})"
    if column.name not in given:
        return value
    if column.is_word:
        return f"upper({value})" if column.name == "currency" else f"lower({value})"
    if column.type != "time" or column.name in (table.happened_at, "recorded_at"):
        return value
    if reading.inclusive_ends and column.name in ENDS:
        value = f"{value} + CASE WHEN {value} = date_trunc('day', {value}) THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END"
    far = f"TIMESTAMP '{reading.latest + FAR:%Y-%m-%d}'"
    return f"CASE WHEN {value} < {far} THEN {value} END"


def plain_cast(table: Table, column: TableColumn, given: dict[str, str], reading: Reading) -> str:
    """Return the cast of one column to its type; null where the value cannot be cast.

    Texts become times through TIMESTAMPTZ: a direct cast to TIMESTAMP would drop a UTC offset without an error.
    """
    kind, target = given.get(column.name), SQL_TYPES[column.type]
    if kind is None:
        return f"CAST(NULL AS {target})"
    name = quoted(column.name)
    if column.type == "text":
        return _id(name, kind) if column.is_id and kind.partition("(")[0] in FRACTIONAL else reading.text(name, kind)
    value = readable(table, column, kind, reading)
    if column.type == "time" and kind != "TIMESTAMP":
        return f"CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"
    tried = f"TRY_CAST({value} AS {target})"
    if column.type == "number" and kind in ("VARCHAR", "JSON"):
        without = f"CASE WHEN regexp_full_match({value}, {literal(GROUPED)}) THEN replace({value}, ',', '') END"
        tried = f"coalesce({tried}, TRY_CAST({without} AS {target}))"
    return f"CASE WHEN isfinite({tried}) THEN {tried} END" if column.type == "number" else tried


def readable(table: Table, column: TableColumn, kind: str, reading: Reading) -> str:
    """Return the value of a column before its cast: a text without blanks, or the value as it is."""
    name = quoted(column.name)
    if kind not in ("VARCHAR", "JSON"):
        return name
    text = reading.text(name, kind)
    if (table.name, column.name) not in RATINGS:
        return text
    whens = " ".join(f"WHEN {literal(word)} THEN nullif({literal(to)}, '')" for word, to in RATING_WORDS.items())
    return f"CASE lower({text}) {whens} ELSE {text} END"


def _scale_of_words(rating: str, kind: str, reading: Reading) -> str:
    """Return the scale of a rating in words: 1 for good and bad, else null. `kind`: DuckDB type of the rating."""
    if kind not in ("VARCHAR", "JSON"):
        return "NULL"
    return f"CASE WHEN lower({reading.text(quoted(rating), kind)}) IN ('good', 'bad') THEN 1.0 END"


def _id(name: str, kind: str) -> str:
    """Return an id from a column of numbers with fractions, without the fraction that pandas adds: 7.0 is 7."""
    return (
        f"CASE WHEN {name} = trunc({name}) AND abs({name}) < {WHOLE_IDS:.0f} "
        f"THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
    )


def profile(name: str, kind: str, reading: Reading) -> str:
    """Return the cast of a profile column: to DOUBLE for a numeric type, to text otherwise."""
    if kind.partition("(")[0] not in NUMERIC or kind.endswith("]"):
        return reading.text(quoted(name), kind)
    number = f"CAST({quoted(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"
