"""The language of feature definitions: rows of a table, conditions, statistics, and arithmetic on them.

    errors     = events.where(kind="error")
    page_views = events.where(kind="page_view")
    Feature("error_rate", "Errors per page view", family="ux", level="interaction", unit="share",
            measure=errors.count() / page_views.count(), windows=(7, 30, 90), trend=30,
            null_means="no page was viewed")

Nothing is computed here: `undertow.features.compiler.plan` compiles a definition to SQL. Every measure covers
`[as_of - window, as_of)` and is point-in-time correct: it uses a row only if it had happened and was recorded
before as_of, and a late-known column only from the time it became known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from undertow.features.tables import ALL_TABLES, EVENT_KINDS, PAYMENT_KINDS, PLANNED_KINDS, SURVEY_KINDS

Operator = Literal[
    "is", "is none of", "at least", "at most", "above", "below", "not yet", "already", "open", "known", "top"
]  # fmt: skip
STATES: tuple[Operator, ...] = ("not yet", "already", "open")  # operators that depend on as_of
Statistic = Literal[
    "count", "sum", "mean", "quantile", "distinct", "distinct days", "days since last",
    "days since first", "days until", "days until last", "hours between", "sum of hours", "latest", "largest",
    "days since largest", "most per", "days since most per", "done elsewhere", "days observed",
]  # fmt: skip
FADING: tuple[Statistic, ...] = ("count", "sum", "sum of hours", "mean", "days observed")  # may weigh rows by age
NESTED: tuple[Statistic, ...] = ("most per", "days since most per", "done elsewhere")  # by values of a column first
FADING_DAYS = 1095  # rows older than three years do not count in a fading measure

ZERO_WHEN_NOTHING = ("count", "sum", "sum of hours", "distinct", "distinct days", "most per", "done elsewhere")
KINDS = {"events": EVENT_KINDS, "surveys": SURVEY_KINDS, "payments": PAYMENT_KINDS, "planned_changes": PLANNED_KINDS}


@dataclass(frozen=True)
class Condition:
    """A row filter: `column` compared with `value`.

    "is": equal to `value`, or to one of a tuple. "is none of": to none of a tuple; not for columns that may be null.
    "not yet": the column's time is null or at or after as_of. "already": it is before as_of. "open": it is "not
    yet", or a later time in the column `value` is before as_of, such as the reopening of a ticket.
    "top": an answer among the `value` highest of its scale (1 to 5 where the row states none).
    """

    column: str
    operator: Operator
    value: object = None


@dataclass(frozen=True)
class Rows:
    """Rows of one table, filtered by conditions; `clock`: the time column that assigns them to windows."""

    table: str
    clock: str
    conditions: tuple[Condition, ...] = ()

    def where(self, **equal: object) -> Rows:
        """Keep rows whose columns equal these values; a tuple means any of them."""
        return self._and(Condition(column, "is", value) for column, value in equal.items())

    def above(self, **limits: float) -> Rows:
        """Keep rows whose columns lie above these limits."""
        return self._and(Condition(column, "above", value) for column, value in limits.items())

    def at_least(self, **limits: float) -> Rows:
        """Keep rows whose columns lie at or above these limits."""
        return self._and(Condition(column, "at least", value) for column, value in limits.items())

    def below(self, **limits: float) -> Rows:
        """Keep rows whose columns lie below these limits."""
        return self._and(Condition(column, "below", value) for column, value in limits.items())

    def at_most(self, **limits: float) -> Rows:
        """Keep rows whose columns lie at or below these limits."""
        return self._and(Condition(column, "at most", value) for column, value in limits.items())

    def top(self, best: int, column: str = "score") -> Rows:
        """Keep answers among the `best` highest of their scale: 4 and 5 of 5 are the top 2."""
        return self._and([Condition(column, "top", best)])

    def known(self, column: str) -> Rows:
        """Keep rows whose column holds a value known before as_of."""
        return self._and([Condition(column, "known")])

    def still(self, column: str) -> Rows:
        """Keep rows whose time in `column` is null or not before as_of: still open, unpaid, active."""
        return self._and([Condition(column, "not yet")])

    def open(self, closed: str, reopened: str) -> Rows:
        """Keep rows that are open: not closed before as_of, or reopened after that and before as_of.

        `closed`, `reopened`: the columns of these times.
        """
        return self._and([Condition(closed, "open", reopened)])

    def past(self, column: str) -> Rows:
        """Keep rows whose time in `column` is before as_of."""
        return self._and([Condition(column, "already")])

    def timed_by(self, column: str) -> Rows:
        """Assign rows to windows by another time column, such as when a ticket was resolved."""
        return replace(self, clock=column)

    def count(self) -> Measure:
        """Return the number of rows; 0 when there are none."""
        return Measure(self, "count")

    def sum(self, column: str) -> Measure:
        """Return the sum of a number; 0 when there are no rows."""
        return Measure(self, "sum", column)

    def mean(self, column: str) -> Measure:
        """Return the mean of a number; null when there is none."""
        return Measure(self, "mean", column)

    def quantile(self, column: str, share: float) -> Measure:
        """Return the exact, linearly interpolated quantile at `share` (0 to 1); null when none."""
        return Measure(self, "quantile", column, share=share)

    def largest(self, column: str) -> Measure:
        """Return the largest value of a number; null when there is none."""
        return Measure(self, "largest", column)

    def days_since_largest(self, column: str) -> Measure:
        """Return days from the row with the largest value (ties: the newest) to as_of; null when none."""
        return Measure(self, "days since largest", column)

    def most_per(self, column: str) -> Measure:
        """Return the number of rows of the most frequent value of `column`; 0 when there are none."""
        return Measure(self, "most per", column)

    def days_since_most_per(self, column: str) -> Measure:
        """Return days from the last row of the most frequent value of `column` to as_of; null when none.

        Ties: the value whose last row is newest.
        """
        return Measure(self, "days since most per", column)

    def done_elsewhere(self, column: str, where: str, failed: str, done: str) -> Measure:
        """Return the number of values of `column` that failed in one place and were done in another.

        `where`: the column of the place, such as platform. `failed`, `done`: event kinds. A task that failed
        on the phone and was completed on the web counts.
        """
        return Measure(self.where(kind=(failed, done)), "done elsewhere", column, until=where)

    def distinct(self, column: str) -> Measure:
        """Return the number of distinct values; 0 when there are none."""
        return Measure(self, "distinct", column)

    def distinct_days(self) -> Measure:
        """Return the number of UTC days with a row; 0 when there are none."""
        return Measure(self, "distinct days")

    def hours_between(self, start: str, end: str) -> Measure:
        """Return the mean hours from one time to another; null when no row has both."""
        return Measure(self, "hours between", start, until=end)

    def sum_of_hours(self, start: str, end: str) -> Measure:
        """Return the sum of the hours from one time to another; 0 when no row has both."""
        return Measure(self, "sum of hours", start, until=end)

    def days_since_last(self) -> Measure:
        """Return days from the newest row to as_of; null when there is none."""
        return Measure(self, "days since last")

    def days_since_first(self) -> Measure:
        """Return days from the oldest row to as_of; null when there is none."""
        return Measure(self, "days since first")

    def days_until(self, column: str, every_months: str | None = None) -> Measure:
        """Return days from as_of to the nearest time at or after it in `column`; null when none.

        `every_months`: a column with the months after which the time recurs; a time that has passed is
        moved forward by it (a month is 365.25 / 12 days).
        """
        return Measure(self, "days until", column, until=every_months)

    def days_until_last(self, column: str) -> Measure:
        """Return days from as_of to the last time at or after it in `column`; null when none."""
        return Measure(self, "days until last", column)

    def latest(self, column: str) -> Measure:
        """Return the newest non-null value of a column; null when there is none."""
        return Measure(self, "latest", column)

    def _and(self, more: Iterable[Condition]) -> Rows:
        return replace(self, conditions=(*self.conditions, *more))


class _Arithmetic:
    """Arithmetic on expressions: `/`, `+`, `-`, and multiplication by a constant."""

    def __truediv__(self, under: Expression) -> Ratio:
        return Ratio(self._expression, under)

    def __add__(self, other: Expression) -> Combination:
        return Combination(((1.0, self._expression), (1.0, other)))

    def __sub__(self, other: Expression) -> Combination:
        return Combination(((1.0, self._expression), (-1.0, other)))

    def __rmul__(self, weight: float) -> Combination:
        return Combination(((float(weight), self._expression),))

    def __rsub__(self, constant: float) -> Combination:
        return Combination(((-1.0, self._expression),), constant=float(constant))

    @property
    def _expression(self) -> Expression:
        assert isinstance(self, Measure | Ratio | Combination | Shrunk | Deviation | Exposure | Named)
        return self


@dataclass(frozen=True)
class Measure(_Arithmetic):
    """One statistic of rows, such as a count or a mean, with the parameters of the statistic.

    `is_ever`: over all history, whatever the card's window. `days_earlier`: computed as of so many
    days before as_of. `half_life`: days after which a row counts half, over the last three years whatever the
    card's window; None: every row of the window counts 1. `of_all`: over the rows of all accounts.
    """

    rows: Rows
    statistic: Statistic
    column: str | None = None
    until: str | None = None
    share: float | None = None
    is_ever: bool = False
    days_earlier: int = 0
    half_life: int | None = None
    of_all: bool = False

    def ever(self) -> Measure:
        """Return the measure over all history up to as_of, whatever the card's window, such as the seats now."""
        return replace(self, is_ever=True)

    def earlier(self, days: int) -> Measure:
        """Return the measure as of so many days before as_of."""
        return replace(self, days_earlier=days)

    def fading(self, half_life: int) -> Measure:
        """Return the measure with each row weighed by 2^(-age / half_life), age and half_life in days.

        A count becomes a sum of weights, a mean a weighted mean. Rows of the last three years count.
        """
        return replace(self, half_life=half_life)

    def of_all_accounts(self) -> Measure:
        """Return the measure over the rows of all accounts that were known at as_of."""
        return replace(self, of_all=True)

    def per_day(self) -> Ratio:
        """Return a fading count or sum per day of observation, weighed alike.

        An account that is new, or a record that began lately, has fewer days; without this its rates would look low.
        """
        return Ratio(self, self.days_observed)

    @property
    def days_observed(self) -> Measure:
        """Return the days that the account could be observed in this table, weighed as the measure weighs its rows.

        They begin when the account was created or with the table's first row, whichever is later.
        """
        return Measure(rows_of(self.rows.table), "days observed", half_life=self.half_life)


@dataclass(frozen=True)
class Ratio(_Arithmetic):
    """One expression divided by another; null where the denominator is null or not above 0 (1e-9 where it fades)."""

    over: Expression
    under: Expression


@dataclass(frozen=True)
class Combination(_Arithmetic):
    """A linear combination: `constant` plus weighted expressions, at least `lowest`.

    It is null where one of the expressions is null; with `null_is_zero` such a term adds nothing.
    """

    terms: tuple[tuple[float, Expression], ...]
    constant: float = 0.0
    lowest: float | None = None
    null_is_zero: bool = False

    def at_least(self, lowest: float) -> Combination:
        """Return the combination with values below `lowest` replaced by it."""
        return replace(self, lowest=lowest)


@dataclass(frozen=True)
class Shrunk(_Arithmetic):
    """A share or mean of few rows, pulled toward another one: (over + strength x toward) / (under + strength).

    `strength`: how many rows `toward` is worth. Null where one of the expressions is null.
    """

    over: Expression
    under: Expression
    toward: Expression
    strength: float


@dataclass(frozen=True)
class Deviation(_Arithmetic):
    """The pace of the last days against the account's own usual pace, as the log of their ratio.

    ln((recent + prior) / (expected + prior)), expected = usual x (days observed of recent / those of usual).
    `recent`, `usual`: the same fading count with a short and a long half-life. `prior`: rows that both are given in
    addition, so that few rows say little: about 1 / the variance of the log pace between days.
    """

    recent: Measure
    usual: Measure
    prior: float


@dataclass(frozen=True)
class Exposure(_Arithmetic):
    """What all accounts met on the platforms, pages or tasks that this account uses, weighed by its own use of them.

    sum over values v of share(v) x rate(v): `rate`, over the rows of all accounts with v in the columns `by`;
    share(v): the account's share of `use` with v, pulled toward the share of all accounts by `strength` rows.
    `over`, `under`: fading counts or sums, rate = over / under. Null where no account has a rate.
    """

    over: Measure
    under: Measure
    by: tuple[str, ...]
    use: Measure
    strength: float


@dataclass(frozen=True)
class Named(_Arithmetic):
    """A reference to another card's measure by the card's name; a card without windows is computed at as_of."""

    feature: str


Expression = Measure | Ratio | Combination | Shrunk | Deviation | Exposure | Named


def named(feature: str) -> Named:
    """Return a reference to the measure of another card: `named("active_users") / named("seats")`."""
    return Named(feature)


def measures(expression: Expression) -> tuple[Measure, ...]:
    """Return the measures an expression consists of, left to right; references to named cards are not resolved."""
    match expression:
        case Measure():
            return (expression,)
        case Ratio(over, under):
            return measures(over) + measures(under)
        case Combination(terms):
            return tuple(measure for _, term in terms for measure in measures(term))
        case Shrunk(over, under, toward):
            return measures(over) + measures(under) + measures(toward)
        case Deviation(recent, usual):
            return (recent, usual, recent.days_observed, usual.days_observed)
        case Exposure(over, under, use=use):
            return (over.of_all_accounts(), under.of_all_accounts(), use)
        case Named():
            return ()


def is_amount(expression: Expression) -> bool:
    """Return whether a value is proportional to the days it covers: true of counts and sums, false of rates.

    >>> events = rows_of("events")
    >>> is_amount(events.count()), is_amount(events.count() / events.distinct("session_id"))
    (True, False)
    """
    match expression:
        case Measure(statistic=statistic, half_life=half_life):
            return statistic in ("count", "sum") and half_life is None
        case Combination(terms, constant):
            return constant == 0 and all(is_amount(term) for _, term in terms)
        case _:
            return False


def rows_of(table: str) -> Rows:
    """Return all rows of an input table, assigned to windows by the time they happened."""
    return Rows(table, ALL_TABLES[table].happened_at)


def columns_read(measure: Measure) -> frozenset[str]:
    """Return the columns of its table that a measure reads."""
    columns = {condition.column for condition in measure.rows.conditions} | {measure.rows.clock}
    columns |= {"scale_max" for condition in measure.rows.conditions if condition.operator == "top"}
    columns |= {str(condition.value) for condition in measure.rows.conditions if condition.operator == "open"}
    columns |= {"kind"} if measure.statistic == "done elsewhere" else set()
    return frozenset(columns | {column for column in (measure.column, measure.until) if column is not None})
