"""Finds the journal row that closes an earlier one, such as the resolution of a ticket."""

from __future__ import annotations

import numpy as np

from undertow.features.simulator.history import Journal
from undertow.features.simulator.state import STAYED, Flags, Ints

LONGEST = 1 << 20  # days; account * LONGEST + day is one sortable number


def next_row(j: Journal, flags: Flags, account: Ints, day: Ints) -> Ints:
    """Return the index of the first journal row after `day` on which the account's flag is set, until it leaves.

    -1 where the account left first or the history ended. An account that leaves on `day` itself has left;
    events on the day of leaving still count.
    """
    gone = j.left != STAYED
    candidates = np.flatnonzero(flags | gone)
    if len(candidates) == 0:
        return np.full(len(account), -1)
    candidate_keys = j.account[candidates] * LONGEST + j.day[candidates]
    keys = account * LONGEST + day
    position = np.searchsorted(candidate_keys, keys, side="right")
    row = candidates[np.minimum(position, len(candidates) - 1)]
    before = np.maximum(position - 1, 0)
    left_today = (candidate_keys[before] == keys) & gone[candidates[before]]
    is_match = (position < len(candidates)) & (j.account[row] == account) & flags[row] & ~left_today
    return np.where(is_match, row, -1)
