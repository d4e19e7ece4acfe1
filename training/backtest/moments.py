"""The moments of a backtest: past as_ofs whose outcomes are known, and what a model could learn from at each."""

from __future__ import annotations

from datetime import datetime, timedelta

from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.loaded import Tables
from undertow.training.examples.outcomes import observed_until
from undertow.training.examples.split import Dates, matured_as_ofs

LEAST_MOMENTS = 2
LEAST_LEARNED = 6  # as_ofs, month starts as a rule, that a model learns from
FURTHEST_APART = 3  # months between moments, so that four of them cover a year


def choose_moments(settings: Settings, tables: Tables, count: int) -> list[Dates]:
    """Return the dates of up to `count` moments, oldest first; the newest is the newest matured as_of.

    They lie up to three months apart, closer where the record is short; each learns only from what was known
    `gap_days` before it. Raises ModelRefusal where the record holds fewer than two.
    """
    churn, training = settings.churn, settings.training
    every = calendar(settings.snapshots, tables)
    possible = [
        dates
        for as_of in matured_as_ofs(every, observed_until(churn, tables.until), training.headline)
        if len((dates := _dates(settings, every, as_of)).train) >= LEAST_LEARNED
    ]
    if len(possible) < LEAST_MOMENTS:
        raise ModelRefusal(
            f"A backtest needs at least {LEAST_MOMENTS} moments, each with {LEAST_LEARNED} earlier as_ofs to learn "
            f"from and a window of {training.headline} days after it; the rows from {tables.since:%Y-%m-%d} to "
            f"{tables.until:%Y-%m-%d} hold {len(possible)}. Add older rows or wait."
        )
    count = min(count, len(possible))
    step = max(1, min(FURTHEST_APART, (len(possible) - 1) // max(count - 1, 1)))
    return possible[::-1][::step][:count][::-1]


def _dates(settings: Settings, every: list[datetime], as_of: datetime) -> Dates:
    known_at = as_of - timedelta(days=settings.training.gap_days)
    shortest = settings.training.horizons[0]
    train = matured_as_ofs(every, observed_until(settings.churn, known_at), shortest)
    return Dates(tuple(train), (as_of,), known_at)
