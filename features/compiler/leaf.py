"""What both plans compute: a measure over one stretch of time, and the conditions its rows must meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from undertow.features.catalogue.language import ZERO_WHEN_NOTHING, Condition, Measure
from undertow.features.compiler.dialects import column, number

USUAL_SCALE = 5  # of an answer that does not say the highest it could be


@dataclass(frozen=True)
class Leaf:
    """A measure over `[as_of - shift - days, as_of - shift)`; `days` None: all history before its end."""

    measure: Measure
    days: int | None
    shift: int

    @property
    def reach(self) -> int | None:
        """Return how many days before as_of the oldest row may lie that counts; None: any."""
        return None if self.days is None else self.days + self.shift

    @property
    def is_zero_when_nothing(self) -> bool:
        """Say whether no rows mean 0 rather than null."""
        return self.measure.statistic in ZERO_WHEN_NOTHING


def leaf_of(measure: Measure, days: int | None, shift: int) -> Leaf:
    """Return the leaf of a measure in a column that covers `days`, ending `shift` days before as_of."""
    plain = replace(measure, is_ever=False, days_earlier=0)
    return Leaf(plain, None if measure.is_ever else days, shift + measure.days_earlier)


def met(conditions: tuple[Condition, ...], end: exp.Expr) -> list[exp.Expr]:
    """Return the conditions as SQL; `end`: the moment at which "still" and "past" are asked."""
    return [_met(condition, end) for condition in conditions]


def _met(condition: Condition, end: exp.Expr) -> exp.Expr:
    asked = column(condition.column)
    value = condition.value
    match condition.operator:
        case "is":
            values = value if isinstance(value, tuple) else (value,)
            if len(values) == 1:
                return exp.EQ(this=asked, expression=exp.convert(values[0]))
            return exp.In(this=asked, expressions=[exp.convert(each) for each in values])
        case "above":
            return exp.GT(this=asked, expression=exp.convert(value))
        case "at least":
            return exp.GTE(this=asked, expression=exp.convert(value))
        case "at most":
            return exp.LTE(this=asked, expression=exp.convert(value))
        case "below":
            return exp.LT(this=asked, expression=exp.convert(value))
        case "top":
            scale = exp.Coalesce(this=column("scale_max"), expressions=[number(USUAL_SCALE)])
            return exp.GT(this=asked, expression=exp.Sub(this=scale, expression=exp.convert(value)))
        case "known":
            return exp.Not(this=exp.Is(this=asked, expression=exp.Null()))
        case "not yet":
            empty = exp.Is(this=asked.copy(), expression=exp.Null())
            return exp.paren(exp.or_(empty, exp.GTE(this=asked, expression=end.copy())))
        case "already":
            return exp.LT(this=asked, expression=end.copy())
