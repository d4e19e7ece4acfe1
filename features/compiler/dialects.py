"""SQL building blocks for DuckDB and Spark: functions whose syntax differs between the two, and expression helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects import DuckDB, Spark

from undertow.features.engines.account_key import account_key

SECONDS_PER_DAY = 86_400
UNITS = f"{2.0**70:.1f}"  # per 1, in exact sums
LARGEST = "1e12"  # in exact sums: larger numbers are left out, as their sum might not fit
NEARLY_NOTHING = 1e-9  # a fading denominator must lie above it
NamedQuery = tuple[str, exp.Query]

# The names are those of no built-in function; the tests check the value of each on both engines.
HOOKS: dict[str, dict[str, Callable[..., str]]] = {
    "duckdb": {
        "QUANTILE_LINEAR": lambda x, q: f"quantile_cont({x}, {q})",
        "QUANTILES_LINEAR": lambda x, *q: f"quantile_cont({x}, [{', '.join(q)}])",
        "NTH_OF": lambda values, n: f"{values}[{n}]",
        "SECONDS_BETWEEN": lambda a, b: f"((epoch_us({b}) - epoch_us({a})) / 1e6)",
        "NEWEST_VALUE": lambda value, at: f"arg_max({value}, ({at}, {value}))",
        "BIT_OF": lambda n: f"(1 << {n})",
        "IN_UNITS": lambda x: f"CASE WHEN abs({x}) < {LARGEST} THEN CAST(({x}) * {UNITS} AS HUGEINT) END",
        "ACCOUNT_KEY": account_key,
    },
    "spark": {
        "QUANTILE_LINEAR": lambda x, q: f"percentile({x}, {q})",
        "QUANTILES_LINEAR": lambda x, *q: f"percentile({x}, array({', '.join(q)}))",
        "NTH_OF": lambda values, n: f"{values}[{n} - 1]",
        "SECONDS_BETWEEN": lambda a, b: (
            f"((unix_micros(CAST({b} AS TIMESTAMP)) - unix_micros(CAST({a} AS TIMESTAMP))) / 1e6D)"
        ),
        # DuckDB's arg_max ignores null values; Spark's max_by does not.
        "NEWEST_VALUE": lambda value, at: (
            f"max_by({value}, CASE WHEN NOT {value} IS NULL THEN struct({at}, {value}) END)"
        ),
        "BIT_OF": lambda n: f"shiftleft(1, {n})",
        "IN_UNITS": lambda x: f"CASE WHEN abs({x}) < {LARGEST} THEN CAST(({x}) * {UNITS}D AS DECIMAL(38, 0)) END",
        "ACCOUNT_KEY": lambda account: account_key(account, "spark"),
    },
}


class _DuckDB(DuckDB):  # type: ignore[misc]  # sqlglot makes its dialects by a metaclass
    class Generator(DuckDB.Generator):  # type: ignore[misc]
        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            return _hook_sql("duckdb", expression, self.sql) or super().anonymous_sql(expression)

        def hint_sql(self, expression: exp.Hint) -> str:
            return ""  # of a broadcast, which a single process does not need


class _Spark(Spark):  # type: ignore[misc]
    class Generator(Spark.Generator):  # type: ignore[misc]
        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            return _hook_sql("spark", expression, self.sql) or super().anonymous_sql(expression)


_DIALECTS: dict[str, Any] = {"duckdb": _DuckDB, "spark": _Spark}


def _hook_sql(dialect: str, node: exp.Anonymous, print_argument: Callable[[exp.Expr], str]) -> str | None:
    hook = HOOKS[dialect].get(node.name)
    return hook(*[print_argument(argument) for argument in node.expressions]) if hook else None


def print_sql(query: exp.Expr, dialect: str = "duckdb", pretty: bool = False) -> str:
    """Return a query as SQL text in a dialect ("duckdb" or "spark"); the functions in HOOKS are replaced."""
    return str(_DIALECTS[dialect]().generate(query, pretty=pretty, copy=False))


def parse(sql: str) -> exp.Expr:
    """Return an SQL expression, written as DuckDB reads it, as a tree."""
    return exp.maybe_parse(sql, dialect="duckdb")


# --- expression helpers ----------------------------------------------------------------------


def hook(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of one of the functions in HOOKS, whose syntax differs between the dialects."""
    assert name in HOOKS["duckdb"] and name in HOOKS["spark"]
    return exp.Anonymous(this=name, expressions=list(arguments))


def column(name: str, of: str | None = None) -> exp.Column:
    """Return a reference to a column, quoted; `of`: the alias of its table."""
    return exp.column(name, table=of, quoted=True)


def number(value: float) -> exp.Expr:
    """Return a number as an SQL literal."""
    return exp.convert(value)


def double(value: exp.Expr) -> exp.Expr:
    """Return the value cast to DOUBLE."""
    return exp.cast(value, "DOUBLE")


def time_literal(text: str) -> exp.Expr:
    """Return a UTC timestamp, given as text, as SQL."""
    return exp.cast(exp.convert(text), "TIMESTAMPNTZ")


def day(timestamp: exp.Expr) -> exp.Expr:
    """Return the UTC day of a timestamp."""
    return exp.cast(timestamp, "DATE")


def seconds(earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
    """Return the seconds from one timestamp to another, to the microsecond."""
    return hook("SECONDS_BETWEEN", earlier, later)


def in_days(duration: exp.Expr) -> exp.Expr:
    """Return a duration in seconds converted to days."""
    return exp.Div(this=duration, expression=number(SECONDS_PER_DAY))


def exact_sum(value: exp.Expr) -> exp.Expr:
    """Return the sum of numbers, the same to the last bit in whatever order the rows are added, as they are in threads.

    Each number is rounded to a multiple of 2^-70; 1e12 and above are left out.
    """
    return exp.Div(this=double(exp.Sum(this=hook("IN_UNITS", value))), expression=double(exp.Literal.number(UNITS)))


def power(exponent: exp.Expr) -> exp.Expr:
    """Return 2 to the power of `exponent`."""
    return exp.Pow(this=number(2.0), expression=exponent)


def log_ratio(over: exp.Expr, under: exp.Expr) -> exp.Expr:
    """Return the natural logarithm of over / under; both must be above 0."""
    return exp.Sub(this=exp.Ln(this=over), expression=exp.Ln(this=under))


def days_before(timestamp: exp.Expr, days: int) -> exp.Expr:
    """Return the timestamp so many days earlier."""
    if not days:
        return timestamp.copy()
    return exp.Sub(this=timestamp.copy(), expression=exp.Interval(this=exp.convert(str(days)), unit=exp.var("DAY")))


def when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return the value where the condition holds, else null."""
    return exp.Case().when(condition, value)


def where_known(tested: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return the value where `tested` is not null, else null."""
    return when(exp.Not(this=exp.Is(this=tested, expression=exp.Null())), value)


def over(numerator: exp.Expr, denominator: exp.Expr, *, above: float = 0) -> exp.Expr:
    """Return one value divided by another as a DOUBLE; null where the denominator is null or not above `above`."""
    quotient = exp.Div(this=double(numerator), expression=double(denominator.copy()))
    return when(exp.GT(this=denominator, expression=number(above)), quotient)


def equal(names: tuple[str, ...], one: str, other: str) -> exp.Expr:
    """Return the condition that these columns of two tables, given by alias, are equal."""
    return exp.and_(*[exp.EQ(this=column(name, one), expression=column(name, other)) for name in names])


def relation(name: str, alias: str) -> exp.Expr:
    """Return a table under an alias."""
    return exp.alias_(exp.to_table(name), alias, table=True)
