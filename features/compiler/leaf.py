"""`Leaf`: one aggregate over one time window, the unit that both query plans compute; and its row filters as SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

from undertow.features.catalogue.language import FADING_DAYS, ZERO_WHEN_NOTHING, Condition, Measure
from undertow.features.compiler.dialects import SECONDS_PER_DAY, column, number, power, seconds

Only = Callable[[exp.Expr], exp.Expr]  # sets a value to null in the rows that do not count

USUAL_SCALE = 5  # the highest possible survey score where scale_max is null


@dataclass(frozen=True)
class Leaf:
    """A measure over `[as_of - shift - days, as_of - shift)`; `days` None: all history before its end."""

    measure: Measure
    days: int | None
    shift: int

    @property
    def reach(self) -> int | None:
        """Return how many days before as_of the window begins; None: all history."""
        return None if self.days is None else self.days + self.shift

    @property
    def is_zero_when_nothing(self) -> bool:
        """Return whether the value without any rows is 0 rather than null."""
        return self.measure.statistic in ZERO_WHEN_NOTHING


def leaf_of(measure: Measure, days: int | None, shift: int) -> Leaf:
    """Return the leaf of a measure over a window of `days` (None: all history) that ends `shift` days before as_of."""
    plain = replace(measure, is_ever=False, days_earlier=0)
    reach = FADING_DAYS if measure.half_life else days
    return Leaf(plain, None if measure.is_ever else reach, shift + measure.days_earlier)


def weight(half_life: int, time: exp.Expr, at: exp.Expr) -> exp.Expr:
    """Return 2^(-age / half_life) as SQL, the weight of a row whose age is the days from `time` to `at`."""
    return power(exp.Div(this=exp.Neg(this=seconds(time, at)), expression=number(float(SECONDS_PER_DAY * half_life))))


def row_filters(conditions: tuple[Condition, ...], end: exp.Expr) -> list[exp.Expr]:
    """Return the conditions as SQL row filters; `end`: the end of the window, at which "still" and "past" apply."""
    return [_row_filter(condition, end) for condition in conditions]


def _not_yet(time: exp.Expr, end: exp.Expr) -> exp.Expr:
    empty = exp.Is(this=time.copy(), expression=exp.Null())
    return exp.or_(empty, exp.GTE(this=time, expression=end.copy()))


def _row_filter(condition: Condition, end: exp.Expr) -> exp.Expr:
    tested = column(condition.column)
    value = condition.value
    match condition.operator:
        case "is":
            values = value if isinstance(value, tuple) else (value,)
            if len(values) == 1:
                return exp.EQ(this=tested, expression=exp.convert(values[0]))
            return exp.In(this=tested, expressions=[exp.convert(each) for each in values])
        case "is none of":
            assert isinstance(value, tuple)
            return exp.Not(this=exp.In(this=tested, expressions=[exp.convert(each) for each in value]))
        case "above":
            return exp.GT(this=tested, expression=exp.convert(value))
        case "at least":
            return exp.GTE(this=tested, expression=exp.convert(value))
        case "at most":
            return exp.LTE(this=tested, expression=exp.convert(value))
        case "below":
            return exp.LT(this=tested, expression=exp.convert(value))
        case "top":
            scale = exp.Coalesce(this=column("scale_max"), expressions=[number(USUAL_SCALE)])
            return exp.GT(this=tested, expression=exp.Sub(this=scale, expression=exp.convert(value)))
        case "known":
            return exp.Not(this=exp.Is(this=tested, expression=exp.Null()))
        case "not yet":
            return exp.paren(_not_yet(tested, end))
        case "open":
            reopened = column(str(value))
            again = exp.and_(
                exp.GT(this=reopened, expression=tested.copy()), exp.LT(this=reopened.copy(), expression=end.copy())
            )
            return exp.paren(exp.or_(_not_yet(tested, end), again))
        case "already":
            return exp.LT(this=tested, expression=end.copy())
