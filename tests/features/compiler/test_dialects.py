"""What each hook says in DuckDB, by value; and the few shapes every query is made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log

import duckdb
import pytest
from sqlglot import exp

from undertow.features.compiler.dialects import (
    HOOKS,
    column,
    day,
    days_before,
    exact_sum,
    hook,
    log_ratio,
    number,
    over,
    power,
    print_sql,
    seconds,
    where_known,
)

NOON = datetime(2024, 3, 1, 12)
x, y, t, u = (column(name) for name in "xytu")


def ask(value: exp.Expr, *rows: dict[str, object]) -> object:
    """The value of an expression over rows of x, y (numbers), t and u (times), all null unless given."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE given (x DOUBLE, y DOUBLE, t TIMESTAMP, u TIMESTAMP)")
        values = [[row.get(name) for name in "xytu"] for row in rows]
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?)", values)
        [(found,)] = connection.execute(print_sql(exp.select(value).from_("given"))).fetchall()
    return found


def xs(*values: float | None) -> list[dict[str, object]]:
    return [{"x": value} for value in values]


BY_VALUE = {
    "QUANTILE_LINEAR": [
        (hook("QUANTILE_LINEAR", x, number(0.75)), xs(40, 10, None, 30, 20), 32.5),  # 2.25 steps of 10 up from 10
        (hook("QUANTILE_LINEAR", x, number(0.5)), xs(None), None),
    ],
    "QUANTILES_LINEAR": [
        (hook("QUANTILES_LINEAR", x, number(0.95), number(0.5)), xs(0, None, 100), [95, 50]),
        (hook("QUANTILES_LINEAR", x, number(0.5)), xs(None), None),
    ],
    "NTH_OF": [
        (hook("NTH_OF", hook("QUANTILES_LINEAR", x, number(0.95), number(0.5)), number(1)), xs(0, 100), 95),
        (hook("NTH_OF", hook("QUANTILES_LINEAR", x, number(0.95), number(0.5)), number(2)), xs(0, 100), 50),
    ],
    "SECONDS_BETWEEN": [
        (seconds(t, u), [{"t": NOON, "u": NOON + timedelta(days=1, microseconds=1)}], 86_400.000001),
        (seconds(t, u), [{"t": NOON, "u": NOON - timedelta(milliseconds=1500)}], -1.5),
        (seconds(t, u), [{"t": NOON}], None),
    ],
    "NEWEST_VALUE": [
        (hook("NEWEST_VALUE", x, y), [{"x": 1, "y": 5}, {"x": 2, "y": 9}, {"x": 3, "y": 7}], 2),
        (hook("NEWEST_VALUE", x, y), [{"x": 1, "y": 5}, {"x": None, "y": 9}], 1),  # a row without a value never wins
        (hook("NEWEST_VALUE", x, y), [{"x": 2, "y": 9}, {"x": 4, "y": 9}, {"x": 3, "y": 9}], 4),  # the largest
        (hook("NEWEST_VALUE", x, y), [{"y": 9}], None),
    ],
    "BIT_OF": [
        (hook("BIT_OF", number(0)), xs(0), 1),
        (hook("BIT_OF", number(20)), xs(0), 1_048_576),
    ],
    "IN_UNITS": [
        (hook("IN_UNITS", x), xs(1.5), 3 * 2**69),
        (hook("IN_UNITS", x), xs(-(2.0**-70)), -1),
        (hook("IN_UNITS", x), xs(2.0**-72), 0),
        (hook("IN_UNITS", x), xs(1e12), None),
        (hook("IN_UNITS", x), xs(None), None),
    ],
    "ACCOUNT_KEY": [
        (hook("ACCOUNT_KEY", exp.convert("abc")), xs(0), 0x900150983CD24FB),  # MD5 of "abc": RFC 1321, appendix A.5
    ],
}


@pytest.mark.parametrize(("value", "rows", "expected"), [case for cases in BY_VALUE.values() for case in cases])
def test_a_hook_by_value(value: exp.Expr, rows: list[dict[str, object]], expected: object) -> None:
    assert ask(value, *rows) == expected


def test_every_hook_is_said_by_every_dialect_and_tried_here() -> None:
    assert {dialect: set(hooks) for dialect, hooks in HOOKS.items()} == {
        "duckdb": set(BY_VALUE), "spark": set(BY_VALUE),
    }  # fmt: skip


@pytest.mark.parametrize("dialect", HOOKS)
def test_no_hook_is_left_unsaid_in_a_query(dialect: str) -> None:
    said = [print_sql(exp.select(cases[0][0]), dialect) for cases in BY_VALUE.values()]
    assert not any(name in query for query in said for name in BY_VALUE)


@pytest.mark.parametrize(
    ("above", "below", "expected"), [(1, 4, 0.25), (1, 0, None), (1, None, None), (None, 4, None), (0, 4, 0)]
)
def test_a_ratio_over_nothing_is_null(above: float | None, below: float | None, expected: float | None) -> None:
    assert ask(over(x, y), {"x": above, "y": below}) == expected


def test_a_ratio_of_whole_numbers_is_no_whole_number() -> None:
    assert ask(over(exp.Count(this=x), exp.Count(this=exp.Star())), *xs(1, None)) == 0.5


def test_an_exact_sum_is_the_same_in_any_order() -> None:
    values = [0.1, 0.2, 0.3, 1e9, 2.0**-70, -1e9]
    orders = [values, values[::-1], sorted(values)]
    assert len({ask(exp.Sum(this=x), *xs(*order)) for order in orders}) > 1, "a plain sum depends on the order"
    [total] = {ask(exact_sum(x), *xs(*order)) for order in orders}
    assert total == pytest.approx(0.6, abs=1e-11)


def test_an_exact_sum_of_nothing_is_null_and_leaves_out_what_is_too_large() -> None:
    assert ask(exact_sum(x), *xs(None)) is None
    assert ask(exact_sum(x), *xs(None, 2.5, 1e300)) == 2.5


def test_powers_and_logs_by_value() -> None:
    assert ask(power(x), {"x": -3}) == 0.125
    assert ask(log_ratio(x, y), {"x": 5, "y": 5}) == 0.0
    assert ask(log_ratio(x, y), {"x": 1, "y": 4}) == pytest.approx(-2 * log(2))


@pytest.mark.parametrize(("days", "then"), [(0, NOON), (1, datetime(2024, 2, 29, 12)), (366, datetime(2023, 3, 1, 12))])
def test_days_before_keep_the_time_of_day(days: int, then: datetime) -> None:
    assert ask(days_before(t, days), {"t": NOON}) == then


def test_a_day_ends_at_midnight() -> None:
    assert str(ask(day(t), {"t": datetime(2024, 2, 29, 23, 59, 59, 999999)})) == "2024-02-29"


def test_a_value_is_null_where_another_is_unknown() -> None:
    assert ask(where_known(x, y), {"x": 0, "y": 5}) == 5
    assert ask(where_known(x, y), {"y": 5}) is None
