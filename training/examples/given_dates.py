"""The as_ofs of training and of the held-out test, among those of a file of feature rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from undertow.features.build.feature_table import FeatureTable
from undertow.features.errors import ModelRefusal, TimeError
from undertow.features.settings import Settings, midnight
from undertow.training.examples.person_periods import numbers
from undertow.training.examples.split import Dates, split_dates

MOST = 0.5  # share of the rows of an as_of; where so many were followed through a window, it has matured


def choose_given_dates(settings: Settings, seen: FeatureTable) -> Dates:
    """Choose the as_ofs of training and of the held-out test among those of a file.

    Test: the newest as_of of which half of the rows or more were followed through the headline window, unless
    [snapshots] test lists some. Raises ModelRefusal where no window has matured, TimeError for a day without rows.
    """
    headline = settings.training.headline
    longest = {as_of: _followed_by_half(seen, as_of) for as_of in seen.as_ofs}
    matured = [as_of for as_of, days in longest.items() if days >= headline]
    listed = [midnight(day) for day in settings.snapshots.test]
    for as_of in listed:
        if as_of not in longest:
            raise TimeError(f"[snapshots] test: the file has no rows of {as_of:%Y-%m-%d}; it has {_days(seen.as_ofs)}.")
    immature = [as_of for as_of in listed if as_of not in matured]
    if immature or not matured:
        newest = max(immature or seen.as_ofs)
        raise ModelRefusal(
            f"No held-out test is possible at {newest:%Y-%m-%d}: half of its rows were followed for "
            f"{longest[newest]:g} days or less, and {headline} are needed ([training] headline). Wait, add "
            "older as_ofs with their outcomes, or choose a shorter headline."
        )
    return split_dates(settings, list(seen.as_ofs), listed or matured[-1:])


def _followed_by_half(seen: FeatureTable, as_of: datetime) -> float:
    """Return for how many days half of the rows of an as_of, or more, were followed."""
    days = np.sort(numbers(seen.read([as_of]), "followed_days"))
    return float(days[int(np.floor(len(days) * (1 - MOST)))])


def _days(as_ofs: Sequence[datetime]) -> str:
    return f"{len(as_ofs)} as_ofs, {as_ofs[0]:%Y-%m-%d} to {as_ofs[-1]:%Y-%m-%d}"
