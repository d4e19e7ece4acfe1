"""Personas as published: per group its name, share, UX and CX profile, observed churn and value; or why there are none.

Churn is observed after earlier as_ofs, of the accounts that were in the group then. Grade: associated, not causal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from undertow.features.catalogue.cards import Column
from undertow.training.drivers.listed import Listed, known_median
from undertow.training.drivers.observed import NOT_ENOUGH, Observed, left_of
from undertow.training.drivers.personas.behaviour import FEWEST_MEASURES, Behaviour, learn_behaviour
from undertow.training.drivers.personas.groups import FEWEST, SMALLEST, STABLE, Groups, find_groups
from undertow.training.drivers.personas.names import persona_names
from undertow.training.examples.person_periods import has_column, numbers

GRADE = "associated"
NOTE = (
    "Associated: groups of accounts that met and did alike, found without their churn, their money and their contract. "
    "They sum up what may be a continuum, and do not say what would happen if an account behaved like another group; "
    "only a test with a control group can."
)
PROFILE = (
    "visits_30", "features_used_30", "error_rate_90", "load_time_p75_90", "task_success_rate_90", "tickets_opened_90",
    "first_response_time_90", "ticket_csat_180", "nps_latest", "csat_mean_180",
)  # fmt: skip


def personas(
    listed: Listed, observed: Observed | None, columns: Mapping[str, Column], as_of: str, horizon: int,
    why_not: str = "",
) -> dict[str, object]:  # fmt: skip
    """Return the personas, the largest first, as plain JSON; none, and `why_not`, where no groups are stable.

    `observed`: snapshots whose `horizon`, in days, is over; None where there are none, and `why_not` says why.
    `columns`: the feature columns of the rows, by name.
    """
    behaviour = learn_behaviour(listed.rows, list(columns.values()))
    groups = Groups(None, ()) if behaviour is None else find_groups(behaviour.weighted(listed.rows))
    found: list[dict[str, object]] = []
    if behaviour is not None and groups.centres is not None:
        found = _personas(behaviour, groups, listed, observed, columns)
    return {
        "as_of": as_of,
        "horizon": horizon,
        "observed_as_ofs": [] if observed is None else list(observed.as_ofs),
        "accounts": listed.n,
        "grade": GRADE,
        "note": NOTE,
        "measures": [] if behaviour is None else [_measure(each) for each in behaviour.measures],
        "stable_from": STABLE,
        "tried": [asdict(each) | {"is_stable": each.is_stable} for each in groups.tried],
        "personas": found,
        "churn_why_not": f"{NOT_ENOUGH}: {why_not}" if observed is None else None,
        "why_not": None if found else _why_not(behaviour, groups, listed.n),
    }


def _why_not(behaviour: Behaviour | None, groups: Groups, accounts: int) -> str:
    """Return why there are no personas, with the numbers."""
    if behaviour is None:
        return (
            f"{NOT_ENOUGH}: fewer than {FEWEST_MEASURES} measures of experience, support and usage are known for most "
            "accounts and differ among them"
        )
    if accounts < FEWEST:
        return f"{NOT_ENOUGH}: {accounts} accounts, {FEWEST} are needed"
    if not groups.tried:
        return "no groups: no measure goes together with another more than by chance"
    best = max(groups.tried, key=lambda each: each.stability)
    return (
        f"no stable groups: of 2 to 6 groups, {best.number} are the most stable, with a mean adjusted Rand index of "
        f"{best.stability:.2f} ({STABLE:g} is needed), a smallest group of {best.smallest:.0%} ({SMALLEST:.0%} is "
        f"needed), and {best.explained:.0%} of the variance explained, {best.shuffled:.0%} where the measures are "
        "shuffled"
    )


def _personas(
    behaviour: Behaviour, groups: Groups, listed: Listed, observed: Observed | None, columns: Mapping[str, Column]
) -> list[dict[str, object]]:
    standardized = behaviour.standardized(listed.rows)
    mine = groups.of(behaviour.weighted(listed.rows))
    then = None if observed is None else groups.of(behaviour.weighted(observed.rows))
    assert groups.centres is not None, "there are groups"
    order = np.argsort(-np.bincount(mine, minlength=len(groups.centres)), kind="stable")  # of all, not of a sample
    order = order[np.isin(order, mine)]
    centres = np.stack([standardized[mine == group].mean(axis=0) for group in order])
    names, measures = persona_names(behaviour.measures, centres), _shown(listed, columns, behaviour)
    return [
        {
            "name": name,
            "share": float((mine == group).mean()),
            "differs": _differs(behaviour, centre),
            "profile": _profile(listed, columns, measures, mine == group),
            "churn": None if observed is None or then is None else left_of(observed, then == group).as_json(),
            "value": listed.value_of(mine == group),
        }
        for name, group, centre in zip(names, order, centres, strict=True)
    ]


def _measure(column: Column) -> dict[str, object]:
    return {"feature": column.name, "sentence": column.sentence, "family": column.feature.family}


def _differs(behaviour: Behaviour, centre: np.ndarray, most: int = 5) -> list[dict[str, object]]:
    """Return the measures that distinguish a group most: mean standard deviations from the median account."""
    largest = np.argsort(-np.abs(centre), kind="stable")[:most]
    return [_measure(behaviour.measures[place]) | {"deviation": float(centre[place])} for place in largest]


def _shown(listed: Listed, columns: Mapping[str, Column], behaviour: Behaviour) -> list[str]:
    """Return the measures of a profile: the plain ones that there are, or else those that groups are found by."""
    plain = [name for name in PROFILE if name in columns and has_column(listed.rows, name)]
    return plain or [each.name for each in behaviour.measures][: len(PROFILE)]


def _profile(
    listed: Listed, columns: Mapping[str, Column], names: list[str], mine: np.ndarray
) -> list[dict[str, object]]:
    """Return the medians of the measures over a group, beside those over all accounts."""
    described: list[dict[str, object]] = []
    for name in names:
        values, card = numbers(listed.rows, name), columns[name]
        described.append({
            "feature": name,
            "sentence": card.sentence,
            "family": card.feature.family,
            "unit": card.feature.unit,
            "median": known_median(values[mine]),
            "overall": known_median(values),
        })  # fmt: skip
    return described
