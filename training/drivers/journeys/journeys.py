"""The journey as published: per touchpoint its metrics, the accounts in it now, and churn and value where trouble was.

Churn is observed after earlier as_ofs, value is that of the list. Grade: associated, not causal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from undertow.features.catalogue.cards import Column
from undertow.training.drivers.journeys.touchpoints import TOUCHPOINTS, Rule, Touchpoint, in_trouble
from undertow.training.drivers.listed import Listed, known_median
from undertow.training.drivers.observed import FEW_ACCOUNTS, NOT_ENOUGH, Difference, Observed, compare, left_of
from undertow.training.examples.person_periods import has_column, numbers

GRADE = "associated"
NOTE = (
    "Associated: accounts that met trouble at a touchpoint may differ from the others in much else, and of twenty such "
    "comparisons one is expected to exclude 0 by chance. It does not say what would happen if the trouble were gone; "
    "only a test with a control group can."
)


def journeys(
    listed: Listed,
    observed: Observed | None,
    columns: Mapping[str, Column],
    as_of: str,
    horizon: int,
    why_not: str = "",
) -> dict[str, object]:
    """Return the touchpoints in order as plain JSON.

    `observed`: snapshots whose `horizon`, in days, is over; None where there are none, and `why_not` says why.
    `columns`: the feature columns of the rows, by name.
    """
    columns = {name: column for name, column in columns.items() if has_column(listed.rows, name)}
    touchpoints = [_touchpoint(each, listed, observed, columns, why_not) for each in TOUCHPOINTS]
    return {
        "as_of": as_of,
        "horizon": horizon,
        "observed_as_ofs": [] if observed is None else list(observed.as_ofs),
        "accounts": listed.n,
        "grade": GRADE,
        "note": NOTE,
        "why_not": why_not or None,
        "touchpoints": touchpoints,
    }


def _touchpoint(
    point: Touchpoint, listed: Listed, observed: Observed | None, columns: Mapping[str, Column], why_not: str
) -> dict[str, object]:
    said: dict[str, object] = {"name": point.name, "title": point.title, "sentence": point.sentence}
    missing = point.missing(frozenset(columns))
    if missing:
        return said | _nothing(f"not available: it needs {', '.join(missing)}, which this project does not have")
    enough = observed is not None and point.are_in(observed.rows).sum() >= FEW_ACCOUNTS
    rules = point.rules(observed.rows if observed is not None and enough else listed.rows)
    inside = point.are_in(listed.rows)
    met, spared = (inside & each for each in in_trouble(rules, listed.rows))
    return said | {
        "accounts": int(inside.sum()),
        "in_trouble": int(met.sum()),
        "trouble": [_rule(rule, each, columns) for rule, each in zip(rules, _as_stated(point, columns), strict=True)],
        "metrics": _metrics(point, listed, columns, inside, met, spared),
        "churn": _churn(point, rules, observed, why_not),
        "value": {"trouble": listed.value_of(met), "others": listed.value_of(spared)},
        "why_not": None,
    }


def _nothing(why_not: str) -> dict[str, object]:
    """Return the fields of a touchpoint about which nothing can be said."""
    return {"accounts": None, "in_trouble": None, "trouble": [], "metrics": [], "churn": None, "value": None,
            "why_not": why_not}  # fmt: skip


def _as_stated(point: Touchpoint, columns: Mapping[str, Column]) -> list[Rule]:
    return [rule for rule in point.trouble if rule.feature in columns]


def _rule(rule: Rule, stated: Rule, columns: Mapping[str, Column]) -> dict[str, object]:
    """Return a threshold in plain JSON; `typical`: whether three in four of the accounts in it stay within it."""
    card = columns[rule.feature]
    return {
        "feature": rule.feature,
        "sentence": card.sentence,
        "unit": card.feature.unit,
        "holds": rule.holds,
        "limit": rule.limit,
        "typical": stated.holds == "above three in four",
    }


def _metrics(
    point: Touchpoint, listed: Listed, columns: Mapping[str, Column], inside: np.ndarray, met: np.ndarray,
    spared: np.ndarray,
) -> list[dict[str, object]]:  # fmt: skip
    """Return the medians of the touchpoint's metrics over the accounts in it, those in trouble, and the others."""
    described: list[dict[str, object]] = []
    for name in point.metrics:
        if name in columns:
            values, card = numbers(listed.rows, name), columns[name]
            described.append({
                "feature": name,
                "sentence": card.sentence,
                "family": card.feature.family,
                "unit": card.feature.unit,
                "median": known_median(values[inside]),
                "in_trouble": known_median(values[met]),
                "others": known_median(values[spared]),
            })  # fmt: skip
    return described


def _churn(point: Touchpoint, rules: tuple[Rule, ...], observed: Observed | None, why_not: str) -> dict[str, object]:
    """Return churn of those who met trouble and of the others, and the difference, raw and in like positions."""
    if observed is None:
        return {"trouble": None, "others": None, "difference": None, "like": None,
                "why_not": f"{NOT_ENOUGH}: {why_not}"}  # fmt: skip
    inside = point.are_in(observed.rows)
    met, spared = (inside & each for each in in_trouble(rules, observed.rows))
    compared = compare(observed, met, spared)
    return {
        "trouble": left_of(observed, met).as_json(),
        "others": left_of(observed, spared).as_json(),
        "difference": _as_json(compared.raw),
        "like": _as_json(compared.like),
        "why_not": compared.why_not,
    }


def _as_json(difference: Difference | None) -> dict[str, object] | None:
    return None if difference is None else asdict(difference)
