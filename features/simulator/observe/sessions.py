"""Who came when, and what a visit is made of: counts are drawn and exploded, nothing loops over events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.history import Day, World
from undertow.features.simulator.observe.columns import NEVER, at
from undertow.features.simulator.observe.people import People
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.releases import PAGES, paint_pages
from undertow.features.simulator.state import Flags, Floats, Ints, logistic

TASKS = ("create_report", "import_data", "invite_teammate", "export_file")
PRODUCT_FEATURES = ("filters", "exports", "api", "alerts", "comments", "templates", "sharing", "calendar")
WORST_PAGE = 0.9  # errors per view of a page at most


@dataclass(frozen=True)
class Sessions:
    """Recorded sessions, arrays of shape (n_sessions,), and what broken releases add to each page.

    `errors` and `load` are chances and seconds of the session's own account, in quiet pages; `page_errors`
    and `page_load` come on top, shape (n_sessions, len(PAGES)).
    """

    account: Ints
    platform: Ints
    user: Ints
    begin: Ints  # microseconds
    errors: Floats
    load: Floats
    page_errors: Floats
    page_load: Floats
    satisfaction: Floats
    engagement: Floats
    complexity: Floats

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class Happened:
    """Events of one kind: session of each, seconds into it, and what was measured."""

    kind: str
    session: Ints
    offset: Floats
    names: tuple[str, ...] = ()
    name: Ints | None = None  # index into names
    duration_ms: Floats | None = None
    value: Floats | None = None


def session_rates(p: Parameters, base: Floats, first_day: int, month: Day) -> Floats:
    """Return recorded sessions expected per day, (n_days, n_accounts): E, weekday, holidays."""
    date = p.first_day + first_day + np.arange(len(month.present))
    weekend = (date.astype(np.int64) + 3) % 7 >= 5
    day_of_year = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    holidays = (day_of_year < 4) | (day_of_year > 353)
    busy = np.where(weekend, 0.35, 1.25) * np.where(holidays, 0.5, 1.0)
    rate = base * np.exp(p.session_engagement * month.lived.engagement)
    return np.asarray(np.minimum(rate * busy[:, None], p.session_cap) * month.present)


def draw_sessions(world: World, people: People, number: int, month: Day, rng: Generator) -> Sessions:
    """Draw the sessions of one month."""
    p, static, first_day = world.parameters, world.static, world.parameters.month_start(number)
    counts = rng.poisson(session_rates(p, static.session_base, first_day, month))
    row, account = np.nonzero(counts)
    times = counts[row, account]
    row, account = np.repeat(row, times), np.repeat(account, times)
    cumulative = np.cumsum(static.mix, axis=1)[account]
    platform = np.minimum((rng.random((len(account), 1)) > cumulative).sum(axis=1), 2)
    begin = at(first_day + row, rng, (7.0, 19.0))
    page_errors, page_load = paint_pages(world.releases, (first_day, first_day + len(month.present)))
    return Sessions(
        account=account,
        platform=platform,
        user=_who(people, account, month.lived.seats[row, account], begin, rng),
        begin=begin,
        errors=p.error_factor * (static.quiet_errors[account] + month.lived.trouble[row, account]),
        load=static.quiet_load[account],
        page_errors=p.error_factor * page_errors[row, platform],
        page_load=page_load[row, platform],
        satisfaction=month.lived.satisfaction[row, account],
        engagement=month.lived.engagement[row, account],
        complexity=static.complexity[account],
    )


def _who(people: People, account: Ints, seats: Ints, begin: Ints, rng: Generator) -> Ints:
    """Choose the user of each session, the early ones most; user 0 stands in for the absent."""
    number = (seats * rng.random(len(account)) ** 2).astype(np.int64)
    row = people.first[account] + number
    absent = (people.joined[row] > begin) | ((people.left[row] != NEVER) & (people.left[row] <= begin))
    return np.where(absent, 0, number)


def what_happened(s: Sessions, rng: Generator) -> list[Happened]:
    """Draw everything that happened in the sessions."""
    return [*_pages(s, rng), *_tasks(s, rng), *_doings(s, rng)]


def _drawn(rng: Generator, expected: Floats | float, n: int) -> Ints:
    """Return session numbers, each as often as a Poisson draw around its expectation."""
    return np.repeat(np.arange(n), rng.poisson(expected, n))


def _somewhere(rng: Generator, session: Ints) -> Floats:
    """Draw seconds into a session: most last a few minutes, none over 25."""
    return np.minimum(5.0 + rng.exponential(100.0, len(session)), 1500.0)


def _pages(s: Sessions, rng: Generator) -> list[Happened]:
    """Page views, and the errors, crashes, slow paints and rage that they bring."""
    n = len(s)
    view = np.repeat(np.arange(n), 1 + rng.poisson(1.9 * np.exp(0.25 * s.engagement)))
    name, offset = rng.integers(0, len(PAGES), len(view)), _somewhere(rng, view)
    load = (s.load[view] + s.page_load[view, name]) * 1000 * rng.lognormal(-0.12, 0.5, len(view))
    chance = np.minimum(s.errors[view] + s.page_errors[view, name], WORST_PAGE)
    wrong = np.flatnonzero(rng.random(len(view)) < chance)
    crash = wrong[rng.random(len(wrong)) < 0.03]
    paint = np.flatnonzero(rng.random(len(view)) < 0.2)
    lcp = load[paint] * rng.lognormal(0.4, 0.2, len(paint))
    return [
        Happened("page_view", view, offset, PAGES, name, np.round(load)),
        Happened("error", view[wrong], offset[wrong] + 1.0, PAGES, name[wrong]),
        Happened("crash", view[crash], offset[crash] + 2.0, PAGES, name[crash]),
        Happened("web_vital", view[paint], offset[paint] + 3.0, ("LCP",),
                 np.zeros(len(paint), np.int64), value=np.round(lcp)),
        *_anger(s, rng),
    ]  # fmt: skip


def _anger(s: Sessions, rng: Generator) -> list[Happened]:
    """Rage clicks where much is broken or slow, and clicks into nothing anywhere."""
    n, errors = len(s), _mean_errors(s)
    slow = np.maximum(0.0, s.load + s.page_load.mean(axis=1) - 1.5)
    rage = _drawn(rng, np.minimum(0.03 + 0.8 * errors + 0.03 * slow, 0.6), n)
    dead = _drawn(rng, 0.02, n)
    return [
        Happened("rage_click", rage, _somewhere(rng, rage), PAGES, rng.integers(0, 6, len(rage))),
        Happened("dead_click", dead, _somewhere(rng, dead), PAGES, rng.integers(0, 6, len(dead))),
    ]


def _mean_errors(s: Sessions) -> Floats:
    """Return the chance of an error on a page view, mean over pages."""
    return np.minimum(s.errors + s.page_errors.mean(axis=1), 0.6)


def _tasks(s: Sessions, rng: Generator) -> list[Happened]:
    """Tasks started, most of them ended: well or not, sooner or later."""
    started = _drawn(rng, 0.4, len(s))
    n, offset, errors = len(started), _somewhere(rng, started), _mean_errors(s)[started]
    name = rng.integers(0, len(TASKS), n)
    hard = 0.35 * s.complexity[started] + 8.0 * errors
    well = rng.random(n) < logistic(2.3 - hard + 0.2 * s.satisfaction[started])
    quits = rng.random(n) < 0.06
    slow = (s.load + s.page_load.mean(axis=1))[started] - 1.1
    seconds = 50.0 * np.exp(0.25 * s.complexity[started] + 0.15 * slow) * rng.lognormal(0.0, 0.5, n)
    done, failed = np.flatnonzero(well & ~quits), np.flatnonzero(~well & ~quits)
    return [
        Happened("task_started", started, offset, TASKS, name),
        Happened("task_completed", started[done], offset[done] + seconds[done], TASKS, name[done],
                 np.round(seconds[done] * 1000)),
        Happened("task_failed", started[failed], offset[failed] + seconds[failed], TASKS, name[failed]),
    ]  # fmt: skip


def _doings(s: Sessions, rng: Generator) -> list[Happened]:
    """Clicks, banners seen and clicked, features used, logins and conversions."""
    n = len(s)
    click, banner = _drawn(rng, 1.1, n), _drawn(rng, 0.3, n)
    taken = banner[rng.random(len(banner)) < logistic(-2.0 + 0.5 * s.engagement[banner])]
    used = _drawn(rng, 0.6 * np.exp(0.4 * s.engagement), n)
    breadth = np.clip(3.0 + 2.0 * s.engagement[used], 1.0, 8.0)
    login = np.flatnonzero(rng.random(n) < 0.6)
    bought = _drawn(rng, 0.03 * np.exp(0.5 * s.satisfaction), n)
    return [
        Happened("click", click, _somewhere(rng, click), PAGES, rng.integers(0, 6, len(click))),
        Happened("impression", banner, np.full(len(banner), 20.0), ("banner",), _first(banner)),
        Happened("click", taken, np.full(len(taken), 24.0), ("banner",), _first(taken)),
        Happened("feature_used", used, _somewhere(rng, used), PRODUCT_FEATURES,
                 (breadth * rng.random(len(used))).astype(np.int64)),
        Happened("login", login, np.zeros(len(login))),
        Happened("conversion", bought, _somewhere(rng, bought), ("add_on",), _first(bought)),
    ]  # fmt: skip


def _first(session: Ints) -> Ints:
    return np.zeros(len(session), np.int64)


def on_apps(s: Sessions) -> Flags:
    """Return which sessions were on a telephone."""
    return s.platform > 0
