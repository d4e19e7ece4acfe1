"""Writing SQL for two engines: what no two dialects say alike, and the few shapes we use often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects import DuckDB, Spark

SECONDS_A_DAY = 86_400

# Names are ours, so that no dialect's own function is taken for them; each is checked by value,
# on both engines, in the tests.
HOOKS: dict[str, dict[str, Callable[..., str]]] = {
    "duckdb": {
        "QUANTILE_LINEAR": lambda x, q: f"quantile_cont({x}, {q})",
        "QUANTILES_LINEAR": lambda x, *q: f"quantile_cont({x}, [{', '.join(q)}])",
        "NTH_OF": lambda values, n: f"{values}[{n}]",
        "SECONDS_BETWEEN": lambda a, b: f"((epoch_us({b}) - epoch_us({a})) / 1e6)",
        "NEWEST_VALUE": lambda value, at: f"arg_max({value}, ({at}, {value}))",
        "BIT_OF": lambda n: f"(1 << {n})",
    },
    "spark": {
        "QUANTILE_LINEAR": lambda x, q: f"percentile({x}, {q})",
        "QUANTILES_LINEAR": lambda x, *q: f"percentile({x}, array({', '.join(q)}))",
        "NTH_OF": lambda values, n: f"{values}[{n} - 1]",
        "SECONDS_BETWEEN": lambda a, b: (
            f"((unix_micros(CAST({b} AS TIMESTAMP)) - unix_micros(CAST({a} AS TIMESTAMP))) / 1e6D)"
        ),
        # DuckDB passes over rows without a value; Spark would let them win.
        "NEWEST_VALUE": lambda value, at: (
            f"max_by({value}, CASE WHEN NOT {value} IS NULL THEN struct({at}, {value}) END)"
        ),
        "BIT_OF": lambda n: f"shiftleft(1, {n})",
    },
}


class _DuckDB(DuckDB):  # type: ignore[misc]  # sqlglot makes its dialects by a metaclass
    class Generator(DuckDB.Generator):  # type: ignore[misc]
        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            return _spell("duckdb", expression, self.sql) or super().anonymous_sql(expression)


class _Spark(Spark):  # type: ignore[misc]
    class Generator(Spark.Generator):  # type: ignore[misc]
        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            return _spell("spark", expression, self.sql) or super().anonymous_sql(expression)


_DIALECTS: dict[str, Any] = {"duckdb": _DuckDB, "spark": _Spark}


def _spell(dialect: str, node: exp.Anonymous, say: Callable[[exp.Expr], str]) -> str | None:
    hook = HOOKS[dialect].get(node.name)
    return hook(*[say(argument) for argument in node.expressions]) if hook else None


def print_sql(query: exp.Expr, dialect: str = "duckdb", pretty: bool = False) -> str:
    """Print a query in a dialect ("duckdb" or "spark"), our own functions through its hooks."""
    return str(_DIALECTS[dialect]().generate(query, pretty=pretty, copy=False))


# --- shapes ----------------------------------------------------------------------------------


def hook(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Call one of the functions that each dialect says its own way."""
    assert name in HOOKS["duckdb"] and name in HOOKS["spark"]
    return exp.Anonymous(this=name, expressions=list(arguments))


def column(name: str, of: str | None = None) -> exp.Column:
    """Return a reference to a column, in quotes."""
    return exp.column(name, table=of, quoted=True)


def number(value: float) -> exp.Expr:
    """Return a number as it is written."""
    return exp.convert(value)


def double(value: exp.Expr) -> exp.Expr:
    """Return the value as a DOUBLE."""
    return exp.cast(value, "DOUBLE")


def day(moment: exp.Expr) -> exp.Expr:
    """Return the UTC day of a moment."""
    return exp.cast(moment, "DATE")


def seconds(earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
    """Return the seconds from one moment to another, to the microsecond."""
    return hook("SECONDS_BETWEEN", earlier, later)


def in_days(lasted: exp.Expr) -> exp.Expr:
    """Return seconds as days."""
    return exp.Div(this=lasted, expression=number(SECONDS_A_DAY))


def days_before(moment: exp.Expr, days: int) -> exp.Expr:
    """Return the moment so many days earlier."""
    if not days:
        return moment.copy()
    return exp.Sub(this=moment.copy(), expression=exp.Interval(this=exp.convert(str(days)), unit=exp.var("DAY")))


def when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return the value where the condition holds, else null."""
    return exp.Case().when(condition, value)


def where_known(asked: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return the value where another one is not null, else null."""
    return when(exp.Not(this=exp.Is(this=asked, expression=exp.Null())), value)


def over(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    """Return one value over another as a DOUBLE; null where the lower one is 0 or null."""
    return when(exp.GT(this=below, expression=number(0)), exp.Div(this=double(above), expression=double(below.copy())))


def equal(names: tuple[str, ...], one: str, other: str) -> exp.Expr:
    """Return "these columns of two relations are equal"."""
    return exp.and_(*[exp.EQ(this=column(name, one), expression=column(name, other)) for name in names])


def relation(name: str, known_as: str) -> exp.Expr:
    """Return a table under another name."""
    return exp.alias_(exp.to_table(name), known_as, table=True)
