"""The drivers month by month as one object of plain JSON: groups, changes, measures, and what none of it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from undertow.training.drivers.associated import GRADE, NOTE
from undertow.training.drivers.monthly.scored_months import ScoredMonths
from undertow.training.drivers.monthly.shares import Group, Shares, shares_json
from undertow.training.drivers.monthly.since_when import FIRST_MONTHS, RULE, changes

WAYS = ("segment", "platform", "plan")  # of grouping
STATEMENTS = {
    "shares": "It does not say by how much risk would fall if the family got better.",
    "changes": "It does not say what happened then: who is a customer differs between the months too.",
    "measures": "It does not say that an account moved along the plot would leave more or less often.",
    "metrics": "That a metric moves with a family does not say that one follows from the other.",
}  # what is said -> what it does not mean


def overview(
    as_of: str,
    horizon: int,
    trained_until: str,
    scored: ScoredMonths | None,
    no_groups: Mapping[str, str],
    top_measures: list[dict[str, object]],
    metrics: Mapping[str, object],
    why_not: str,
) -> dict[str, object]:
    """Return the drivers month by month; `scored`: None where there are no months, and `why_not` says so.

    `no_groups`: way of grouping -> why accounts are not grouped by it. `metrics`: what `business_metrics` gave.
    """
    groups, smaller = ([], {}) if scored is None else Shares(scored).groups()
    as_ofs = () if scored is None else scored.as_ofs
    return {
        "as_of": as_of,
        "horizon": horizon,
        "grade": GRADE,
        "note": NOTE,
        "read_as": _read_as(trained_until),
        "since_means": RULE,
        "why_not": why_not or None,
        "statements": [{"about": about, "grade": GRADE, "does_not_mean": said} for about, said in STATEMENTS.items()],
        "months": [] if scored is None else _months(scored),
        "first_months": list(as_ofs[:FIRST_MONTHS]),
        "groups": [_group(group, as_ofs) for group in groups],
        "ways": [_way(way, groups, smaller, no_groups) for way in WAYS],
        "measures": top_measures,
        "metrics": dict(metrics),
    }


def _read_as(trained_until: str) -> str:
    return (
        "Every month is read as today's model reads it, from what was known then. The model learned from outcomes up "
        f"to {trained_until}: what happened after the earlier months is among them."
    )


def _months(scored: ScoredMonths) -> list[dict[str, object]]:
    counted = zip(scored.as_ofs, scored.customers.tolist(), scored.sampled().tolist(), strict=True)
    return [{"as_of": day, "customers": customers, "sampled": sampled} for day, customers, sampled in counted]


def _group(group: Group, as_ofs: Sequence[str]) -> dict[str, Any]:
    return {
        "by": group.by,
        "name": group.name,
        "months": [shares_json(drawn, day) for drawn, day in zip(group.months, as_ofs, strict=True)],
        "changes": changes(group.months, as_ofs),
    }


def _way(
    way: str, groups: Sequence[Group], smaller: Mapping[str, list[str]], no_groups: Mapping[str, str]
) -> dict[str, object]:
    return {
        "by": way,
        "names": [group.name for group in groups if group.by == way],
        "left_out": smaller.get(way, []),
        "why_not": no_groups.get(way),
    }
