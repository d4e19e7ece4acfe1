"""Since when a family of measures adds more, or less, to the risk of a group than in the first months.

The rule: the mean contribution of a month, less the mean of the first months, stands out where it is at least
LEAST_CHANGE and 4 standard errors (of a bootstrap of accounts) from 0. "Since" is the first month from which it stands
out, on the same side, in every month until the newest. 4 standard errors and not 2, since a list has some sixty
families of groups: at 3.3, one list in seven would name a change where nothing has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from undertow.training.drivers.associated import FEW_ACCOUNTS
from undertow.training.drivers.monthly.shares import PARTS, Drawn, estimate

FIRST_MONTHS = 3
STANDARD_ERRORS = 4
LEAST_CHANGE = 0.002  # probability
RULE = (
    f"Since: the first month from which the mean contribution differs from that of the first {FIRST_MONTHS} months by "
    f"at least {100 * LEAST_CHANGE:g} points and {STANDARD_ERRORS} standard errors, in every month until the newest."
)


def changes(months: Sequence[Drawn], as_ofs: Sequence[str]) -> list[dict[str, object]]:
    """Return, per part, its change in the newest month against the first months, and since when it stands out.

    `change`: probability, with its 95 % interval. `since`: a day of `as_ofs`, None where no change stands out.
    `why_not`: why nothing can be said, None where it can.
    """
    why_not = _why_not(months)
    if why_not:
        return [{"part": part, "change": None, "since": None, "why_not": why_not} for part in PARTS]
    return [_change(months, as_ofs, place) for place in range(len(PARTS))]


def _why_not(months: Sequence[Drawn]) -> str | None:
    if len(months) <= FIRST_MONTHS:
        return f"not enough data: {len(months)} months, {FIRST_MONTHS + 1} are needed"
    fewest = min(drawn.accounts for drawn in (*months[:FIRST_MONTHS], months[-1]))
    if fewest < FEW_ACCOUNTS:
        return f"not enough data: {fewest} accounts in one of the months compared, {FEW_ACCOUNTS} are needed"
    return None


def _change(months: Sequence[Drawn], as_ofs: Sequence[str], place: int) -> dict[str, object]:
    drawn = np.stack([month.parts[:, place] for month in months])  # (months, 1 + RESAMPLES)
    moved = drawn - drawn[:FIRST_MONTHS].mean(axis=0)
    since = first_of_run([_side(month, moved[number]) for number, month in enumerate(months)])
    return {
        "part": PARTS[place],
        "change": estimate(moved[-1]),
        "since": None if since is None else as_ofs[since],
        "why_not": None,
    }


def _side(month: Drawn, moved: np.ndarray) -> int:
    """Return 1 where a month's change stands out upwards, -1 downwards, else 0."""
    needed = max(LEAST_CHANGE, STANDARD_ERRORS * float(moved[1:].std()))
    if month.too_few or abs(moved[0]) < needed:
        return 0
    return 1 if moved[0] > 0 else -1


def first_of_run(sides: Sequence[int]) -> int | None:
    """Return where the last run of one side that is not 0 begins; None where the newest is 0.

    >>> first_of_run([0, 1, 0, 1, 1]), first_of_run([0, 1, -1]), first_of_run([1, 1, 0])
    (3, 2, None)
    """
    newest = sides[-1]
    if newest == 0:
        return None
    others = [place for place, side in enumerate(sides) if side != newest]
    return others[-1] + 1 if others else 0
