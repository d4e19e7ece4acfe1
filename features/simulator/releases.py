"""Releases that break a page on one platform for some weeks, and what they add to each day."""

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

    calendar: Ints  # which of several possible futures the release belongs to
    start: Ints  # day
    end: Ints  # first day on which all is well again
    platform: Ints  # index into PLATFORMS
    page: Ints  # index into PAGES: the only page that suffers
    error: Floats  # extra errors per page view, mean over all pages
    load: Floats  # extra seconds per page view, mean over all pages


@dataclass(frozen=True)
class ReleaseEffects:
    """What releases add on each day: arrays of shape (n_calendars, n_days, 3)."""

    first_day: int
    error: Floats  # errors per page view, at most WORST_ERROR
    load: Floats  # seconds, at most WORST_LOAD

    def felt(self, day: int, mix: Floats) -> tuple[Floats, Floats]:
        """Return extra errors and extra seconds of a day for rows of platform shares, (n, 3).

        Rows take the calendars in turn: n must be a multiple of their number.
        """
        at = day - self.first_day
        turns = mix.reshape(-1, len(self.error), len(PLATFORMS))
        error = np.einsum("acp,cp->ac", turns, self.error[:, at])
        load = np.einsum("acp,cp->ac", turns, self.load[:, at])
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
    """Return the releases among the planted shocks: a month of broken reports on the web."""
    days = np.array([shock.day for shock in p.shocks if shock.kind == PlantedCause.release], np.int64)
    same, all_of_it = np.zeros(len(days), np.int64), np.ones(len(days))
    return Releases(
        calendar=same, start=days, end=days + 30, platform=same + PLATFORMS.index("web"),
        page=same + PAGES.index("reports"), error=0.12 * all_of_it, load=1.5 * all_of_it,
    )  # fmt: skip


def joined(*parts: Releases) -> Releases:
    """Return all releases of the parts."""
    names = [f.name for f in fields(Releases)]
    return Releases(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def still_broken(releases: Releases, day: int, calendars: int) -> Releases:
    """Return what was released before `day` and is not yet mended, once for each calendar."""
    known = np.flatnonzero((releases.start < day) & (releases.end > day))
    kept = {f.name: np.tile(getattr(releases, f.name)[known], calendars) for f in fields(Releases)}
    return Releases(**kept | {"calendar": np.repeat(np.arange(calendars), len(known))})


def paint(releases: Releases, days: tuple[int, int], calendars: int) -> ReleaseEffects:
    """Lay releases over the days [days[0], days[1])."""
    where = (releases.calendar, releases.platform)
    shape = (calendars, len(PLATFORMS))
    error = np.minimum(_laid(releases, releases.error, days, where, shape), WORST_ERROR)
    load = np.minimum(_laid(releases, releases.load, days, where, shape), WORST_LOAD)
    return ReleaseEffects(days[0], np.moveaxis(error, 0, 1), np.moveaxis(load, 0, 1))


def paint_pages(releases: Releases, days: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return extra errors and seconds per view of each page, shape (n_days, 3, len(PAGES)).

    Their mean over pages is what `paint` lays on the platform, but for the two ceilings.
    """
    where, shape = (releases.platform, releases.page), (len(PLATFORMS), len(PAGES))
    pages = len(PAGES)
    error = np.minimum(_laid(releases, releases.error * pages, days, where, shape), 0.9)
    load = np.minimum(_laid(releases, releases.load * pages, days, where, shape), WORST_LOAD * pages)
    return error, load


def _laid(
    releases: Releases, effect: Floats, days: tuple[int, int], where: tuple[Ints, Ints], shape: tuple[int, int]
) -> Floats:
    """Return the sum of the effects that run on each day, shape (n_days, *shape)."""
    length = days[1] - days[0]
    change = np.zeros((length + 1, *shape))
    np.add.at(change, (np.clip(releases.start - days[0], 0, length), *where), effect)
    np.add.at(change, (np.clip(releases.end - days[0], 0, length), *where), -effect)
    return np.asarray(np.maximum(np.cumsum(change, axis=0)[:length], 0.0))
