"""What comes next in the journal: how a row that was opened one day is closed on another."""

from __future__ import annotations

import numpy as np

from undertow.features.simulator.history import Journal
from undertow.features.simulator.state import STAYED, Flags, Ints

LONGEST = 1 << 20  # days; account and day become one number


def next_line(j: Journal, flags: Flags, account: Ints, day: Ints) -> Ints:
    """Return the first line after `day` on which the account's flag is set, up to its leaving.

    -1 where the account left first or the history ended. Whoever leaves on `day` itself has left;
    what happens on the day of leaving still counts.
    """
    gone = j.left != STAYED
    marks = np.flatnonzero(flags | gone)
    if len(marks) == 0:
        return np.full(len(account), -1)
    when = j.account[marks] * LONGEST + j.day[marks]
    wanted = account * LONGEST + day
    spot = np.searchsorted(when, wanted, side="right")
    found = marks[np.minimum(spot, len(marks) - 1)]
    here = np.maximum(spot - 1, 0)
    left_today = (when[here] == wanted) & gone[marks[here]]
    ours = (spot < len(marks)) & (j.account[found] == account) & flags[found] & ~left_today
    return np.where(ours, found, -1)
