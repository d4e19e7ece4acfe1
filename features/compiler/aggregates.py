"""The measure of a feature card as an SQL aggregate over rows that are already selected.

Business metrics are derived from these, so that a feature and a metric of the same name share one formula.
"""

from __future__ import annotations

from sqlglot import exp

from undertow.features.catalogue.language import STATES, Combination, Condition, Expression, Measure, Rows
from undertow.features.compiler.dialects import column, number, parse, print_sql, seconds
from undertow.features.compiler.leaf import row_filters
from undertow.features.errors import DefinitionError


def count_sql(expression: Expression) -> str:
    """Return a count, or weighted counts, as a DuckDB aggregate. Raises DefinitionError for any other measure.

    >>> from undertow.features.catalogue.language import rows_of
    >>> count_sql(rows_of("events").where(kind="error").count())
    'count_if("kind" = \\'error\\')'
    """
    match expression:
        case Measure(statistic="count", rows=rows):
            return f"count_if({_conditions_sql(rows.conditions)})" if rows.conditions else "count(*)"
        case Combination(terms=terms, constant=0.0, lowest=None):
            return " + ".join(f"{weight:g} * {count_sql(term)}" for weight, term in terms)
        case _:
            raise DefinitionError(f"Expected a count or a sum of counts, got {expression!r}.")


def value_sql(measure: Measure) -> str:
    """Return the value of a row that meets the measure's conditions, null for any other row, as DuckDB SQL."""
    value: exp.Expr = column(measure.column or "")
    if measure.statistic == "hours between":
        value = exp.Div(this=seconds(value, column(measure.until or "")), expression=number(3600))
    text, conditions = print_sql(value), measure.rows.conditions
    return f"CASE WHEN {_conditions_sql(conditions)} THEN {text} END" if conditions else text


def filter_sql(rows: Rows, at: str) -> str:
    """Return the conditions of rows as a DuckDB row filter; `at`: SQL of the time at which states apply.

    >>> from undertow.features.catalogue.language import rows_of
    >>> filter_sql(rows_of("invoices").still("paid_at"), "m.ends")
    '("paid_at" IS NULL OR "paid_at" >= m.ends)'
    """
    return print_sql(exp.and_(*row_filters(rows.conditions, parse(at))))


def _conditions_sql(conditions: tuple[Condition, ...]) -> str:
    if any(condition.operator in STATES for condition in conditions):
        raise DefinitionError("A condition that depends on as_of has no meaning over a month's rows.")
    return print_sql(exp.and_(*row_filters(conditions, exp.Null())))
