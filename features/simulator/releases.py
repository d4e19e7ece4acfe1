"""Broken releases: each breaks a page on one platform for some weeks; and the errors and load time they add per day."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.parameters import Parameters, PlantedCause
from undertow.features.simulator.state import Floats, Ints

PLATFORMS = ("web", "ios", "android")
PAGES = ("dashboard", "projects", "reports", "settings", "search", "billing")
WORST_ERROR, WORST_LOAD = 0.3, 4.0  # errors per page view and seconds that releases add at most


@dataclass(frozen=True)
class Releases:
    """Broken releases. Arrays of shape (n_releases,)."""

    calendar: Ints  # index of the calendar (simulated future) to which the release belongs
    start: Ints  # day
    end: Ints  # first day on which it is fixed
    platform: Ints  # index into PLATFORMS
    page: Ints  # index into PAGES: the only page affected
    error: Floats  # extra errors per page view, mean over all pages
    load: Floats  # extra seconds per page view, mean over all pages


@dataclass(frozen=True)
class ReleaseEffects:
    """The errors and load time that releases add per day and platform: arrays of shape (n_calendars, n_days, 3)."""

    first_day: int
    error: Floats  # errors per page view, at most WORST_ERROR
    load: Floats  # seconds, at most WORST_LOAD

    def felt(self, day: int, mix: Floats) -> tuple[Floats, Floats]:
        """Return the extra errors and seconds of a day, weighted by each row's platform shares `mix`, (n, 3).

        Row i uses calendar i modulo n_calendars: n must be a multiple of it.
        """
        index = day - self.first_day
        by_calendar = mix.reshape(-1, len(self.error), len(PLATFORMS))
        error = np.einsum("acp,cp->ac", by_calendar, self.error[:, index])
        load = np.einsum("acp,cp->ac", by_calendar, self.load[:, index])
        return error.ravel(), load.ravel()


def draw_releases(p: Parameters, rng: Generator, days: tuple[int, int], calendars: int) -> Releases:
    """Draw the releases that start in [days[0], days[1]), independently for each calendar."""
    n = int(rng.poisson(p.bad_releases * (days[1] - days[0]) * calendars))
    start = rng.integers(days[0], days[1], n)
    return Releases(
        calendar=rng.integers(0, calendars, n),
        start=start,
        end=start + rng.integers(8, 29, n),
        platform=rng.choice(3, n, p=(0.4, 0.3, 0.3)),
        page=rng.integers(0, len(PAGES), n),
        error=rng.gamma(1.6, 0.022, n),
        load=rng.gamma(1.2, 0.4, n),
    )


def planted_releases(p: Parameters) -> Releases:
    """Return the releases among the planted shocks: each breaks the page "reports" on the web for 30 days."""
    days = np.array([shock.day for shock in p.shocks if shock.kind == PlantedCause.release], np.int64)
    zeros, ones = np.zeros(len(days), np.int64), np.ones(len(days))
    return Releases(
        calendar=zeros, start=days, end=days + 30, platform=zeros + PLATFORMS.index("web"),
        page=zeros + PAGES.index("reports"), error=0.12 * ones, load=1.5 * ones,
    )  # fmt: skip


def joined(*parts: Releases) -> Releases:
    """Return the releases of all parts as one."""
    names = [f.name for f in fields(Releases)]
    return Releases(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def without_web(releases: Releases, since: int) -> Releases:
    """Return the releases without those that break the web on the day `since` or later."""
    kept = np.flatnonzero((releases.platform != PLATFORMS.index("web")) | (releases.end <= since))
    return Releases(**{f.name: getattr(releases, f.name)[kept] for f in fields(Releases)})


def still_broken(releases: Releases, day: int, calendars: int) -> Releases:
    """Return the releases from before `day` that are not yet fixed, repeated for each calendar."""
    broken = np.flatnonzero((releases.start < day) & (releases.end > day))
    kept = {f.name: np.tile(getattr(releases, f.name)[broken], calendars) for f in fields(Releases)}
    return Releases(**kept | {"calendar": np.repeat(np.arange(calendars), len(broken))})


def paint(releases: Releases, days: tuple[int, int], calendars: int) -> ReleaseEffects:
    """Return the effects of releases on the days [days[0], days[1]), per calendar and platform."""
    index = (releases.calendar, releases.platform)
    shape = (calendars, len(PLATFORMS))
    error = np.minimum(_daily_sum(releases, releases.error, days, index, shape), WORST_ERROR)
    load = np.minimum(_daily_sum(releases, releases.load, days, index, shape), WORST_LOAD)
    return ReleaseEffects(days[0], np.moveaxis(error, 0, 1), np.moveaxis(load, 0, 1))


def paint_pages(releases: Releases, days: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return extra errors and seconds per view of each page, shape (n_days, 3, len(PAGES)).

    Their mean over pages equals the effects that `paint` returns per platform, except for the upper limits.
    """
    index, shape = (releases.platform, releases.page), (len(PLATFORMS), len(PAGES))
    pages = len(PAGES)
    error = np.minimum(_daily_sum(releases, releases.error * pages, days, index, shape), 0.9)
    load = np.minimum(_daily_sum(releases, releases.load * pages, days, index, shape), WORST_LOAD * pages)
    return error, load


def _daily_sum(
    releases: Releases, effect: Floats, days: tuple[int, int], index: tuple[Ints, Ints], shape: tuple[int, int]
) -> Floats:
    """Return the sum of the effects of the releases running on each day, shape (n_days, *shape)."""
    length = days[1] - days[0]
    change = np.zeros((length + 1, *shape))
    np.add.at(change, (np.clip(releases.start - days[0], 0, length), *index), effect)
    np.add.at(change, (np.clip(releases.end - days[0], 0, length), *index), -effect)
    return np.asarray(np.maximum(np.cumsum(change, axis=0)[:length], 0.0))
