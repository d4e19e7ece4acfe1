"""Draws the sessions of each month and the events in them, vectorised: counts are drawn and expanded to rows."""

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
    """Recorded sessions, arrays of shape (n_sessions,).

    `errors` and `load`: errors per page view and seconds per page load of the account itself; `page_errors` and
    `page_load`: the same, added by broken releases per page, shape (n_sessions, len(PAGES)).
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
class EventsOfKind:
    """Events of one kind: the session of each, seconds since its begin, and the measurements."""

    kind: str
    session: Ints
    offset: Floats
    names: tuple[str, ...] = ()
    name: Ints | None = None  # index into names
    duration_ms: Floats | None = None
    value: Floats | None = None


def session_rates(p: Parameters, base: Floats, first_day: int, month: Day) -> Floats:
    """Return the expected recorded sessions per day, (n_days, n_accounts), by engagement, weekday and holidays."""
    date = p.first_day + first_day + np.arange(len(month.present))
    weekend = (date.astype(np.int64) + 3) % 7 >= 5
    day_of_year = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    holidays = (day_of_year < 4) | (day_of_year > 353)
    busy = np.where(weekend, 0.35, 1.25) * np.where(holidays, 0.5, 1.0)
    rate = base * np.exp(p.session_engagement * month.lived.engagement)
    return np.asarray(np.minimum(rate * busy[:, None], p.session_cap) * month.present)


def draw_sessions(world: World, people: People, number: int, month: Day, rng: Generator) -> Sessions:
    """Draw the recorded sessions of one month."""
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
        user=_choose_users(people, account, month.lived.seats[row, account], begin, rng),
        begin=begin,
        errors=p.error_factor * (static.quiet_errors[account] + month.lived.trouble[row, account]),
        load=static.quiet_load[account],
        page_errors=p.error_factor * page_errors[row, platform],
        page_load=page_load[row, platform],
        satisfaction=month.lived.satisfaction[row, account],
        engagement=month.lived.engagement[row, account],
        complexity=static.complexity[account],
    )


def _choose_users(people: People, account: Ints, seats: Ints, begin: Ints, rng: Generator) -> Ints:
    """Choose the user of each session, low numbers most often; user 0 replaces users who are not members then."""
    number = (seats * rng.random(len(account)) ** 2).astype(np.int64)
    row = people.first[account] + number
    absent = (people.joined[row] > begin) | ((people.left[row] != NEVER) & (people.left[row] <= begin))
    return np.where(absent, 0, number)


def draw_events(s: Sessions, rng: Generator) -> list[EventsOfKind]:
    """Draw all events of the sessions, by kind."""
    return [*_page_events(s, rng), *_task_events(s, rng), *_other_events(s, rng)]


def _poisson_sessions(rng: Generator, expected: Floats | float, n: int) -> Ints:
    """Return session numbers, each repeated by a Poisson draw with its expected count."""
    return np.repeat(np.arange(n), rng.poisson(expected, n))


def _draw_offsets(rng: Generator, session: Ints) -> Floats:
    """Draw the time of events, in seconds since the begin of the session: mostly a few minutes, at most 25."""
    return np.minimum(5.0 + rng.exponential(100.0, len(session)), 1500.0)


def _page_events(s: Sessions, rng: Generator) -> list[EventsOfKind]:
    """Draw page views with their errors, crashes and web vitals; and rage and dead clicks."""
    n = len(s)
    view = np.repeat(np.arange(n), 1 + rng.poisson(1.9 * np.exp(0.25 * s.engagement)))
    name, offset = rng.integers(0, len(PAGES), len(view)), _draw_offsets(rng, view)
    load = (s.load[view] + s.page_load[view, name]) * 1000 * rng.lognormal(-0.12, 0.5, len(view))
    error_share = np.minimum(s.errors[view] + s.page_errors[view, name], WORST_PAGE)
    error = np.flatnonzero(rng.random(len(view)) < error_share)
    crash = error[rng.random(len(error)) < 0.03]
    vital = np.flatnonzero(rng.random(len(view)) < 0.2)
    lcp = load[vital] * rng.lognormal(0.4, 0.2, len(vital))
    return [
        EventsOfKind("page_view", view, offset, PAGES, name, np.round(load)),
        EventsOfKind("error", view[error], offset[error] + 1.0, PAGES, name[error]),
        EventsOfKind("crash", view[crash], offset[crash] + 2.0, PAGES, name[crash]),
        EventsOfKind("web_vital", view[vital], offset[vital] + 3.0, ("LCP",),
                 np.zeros(len(vital), np.int64), value=np.round(lcp)),
        *_frustration_clicks(s, rng),
    ]  # fmt: skip


def _frustration_clicks(s: Sessions, rng: Generator) -> list[EventsOfKind]:
    """Draw rage clicks, more of them with errors and slow pages, and dead clicks at a constant rate."""
    n, errors = len(s), _mean_errors(s)
    slow = np.maximum(0.0, s.load + s.page_load.mean(axis=1) - 1.5)
    rage = _poisson_sessions(rng, np.minimum(0.03 + 0.8 * errors + 0.03 * slow, 0.6), n)
    dead = _poisson_sessions(rng, 0.02, n)
    return [
        EventsOfKind("rage_click", rage, _draw_offsets(rng, rage), PAGES, rng.integers(0, 6, len(rage))),
        EventsOfKind("dead_click", dead, _draw_offsets(rng, dead), PAGES, rng.integers(0, 6, len(dead))),
    ]


def _mean_errors(s: Sessions) -> Floats:
    """Return the errors per page view, mean over pages, at most 0.6."""
    return np.minimum(s.errors + s.page_errors.mean(axis=1), 0.6)


def _task_events(s: Sessions, rng: Generator) -> list[EventsOfKind]:
    """Draw tasks started, and for most of them their completion or failure."""
    started = _poisson_sessions(rng, 0.4, len(s))
    n, offset, errors = len(started), _draw_offsets(rng, started), _mean_errors(s)[started]
    name = rng.integers(0, len(TASKS), n)
    difficulty = 0.35 * s.complexity[started] + 8.0 * errors
    succeeds = rng.random(n) < logistic(2.3 - difficulty + 0.2 * s.satisfaction[started])
    abandoned = rng.random(n) < 0.06
    slow = (s.load + s.page_load.mean(axis=1))[started] - 1.1
    seconds = 50.0 * np.exp(0.25 * s.complexity[started] + 0.15 * slow) * rng.lognormal(0.0, 0.5, n)
    done, failed = np.flatnonzero(succeeds & ~abandoned), np.flatnonzero(~succeeds & ~abandoned)
    return [
        EventsOfKind("task_started", started, offset, TASKS, name),
        EventsOfKind("task_completed", started[done], offset[done] + seconds[done], TASKS, name[done],
                 np.round(seconds[done] * 1000)),
        EventsOfKind("task_failed", started[failed], offset[failed] + seconds[failed], TASKS, name[failed]),
    ]  # fmt: skip


def _other_events(s: Sessions, rng: Generator) -> list[EventsOfKind]:
    """Draw clicks, banner impressions and clicks, features used, logins and conversions."""
    n = len(s)
    click, banner = _poisson_sessions(rng, 1.1, n), _poisson_sessions(rng, 0.3, n)
    banner_click = banner[rng.random(len(banner)) < logistic(-2.0 + 0.5 * s.engagement[banner])]
    used = _poisson_sessions(rng, 0.6 * np.exp(0.4 * s.engagement), n)
    breadth = np.clip(3.0 + 2.0 * s.engagement[used], 1.0, 8.0)
    login = np.flatnonzero(rng.random(n) < 0.6)
    conversion = _poisson_sessions(rng, 0.03 * np.exp(0.5 * s.satisfaction), n)
    return [
        EventsOfKind("click", click, _draw_offsets(rng, click), PAGES, rng.integers(0, 6, len(click))),
        EventsOfKind("impression", banner, np.full(len(banner), 20.0), ("banner",), _zeros(banner)),
        EventsOfKind("click", banner_click, np.full(len(banner_click), 24.0), ("banner",), _zeros(banner_click)),
        EventsOfKind("feature_used", used, _draw_offsets(rng, used), PRODUCT_FEATURES,
                 (breadth * rng.random(len(used))).astype(np.int64)),
        EventsOfKind("login", login, np.zeros(len(login))),
        EventsOfKind("conversion", conversion, _draw_offsets(rng, conversion), ("add_on",), _zeros(conversion)),
    ]  # fmt: skip


def _zeros(session: Ints) -> Ints:
    return np.zeros(len(session), np.int64)


def on_apps(s: Sessions) -> Flags:
    """Return which sessions were in the mobile apps."""
    return s.platform > 0
