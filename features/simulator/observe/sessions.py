"""Draws the sessions of each month and the events in them, vectorised: counts are drawn and expanded to rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.features.simulator.draws import Draws, draws, poisson
from undertow.features.simulator.history import Day, World, stream
from undertow.features.simulator.observe.columns import NEVER, at
from undertow.features.simulator.observe.people import People
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.releases import PAGES, paint_pages
from undertow.features.simulator.state import Flags, Floats, Ints, Lived, logistic

TASKS = ("create_report", "import_data", "invite_teammate", "export_file")
PRODUCT_FEATURES = ("filters", "exports", "api", "alerts", "comments", "templates", "sharing", "calendar")
WORST_PAGE = 0.9  # errors per view of a page at most


@dataclass(frozen=True)
class Sessions:
    """Recorded sessions, arrays of shape (n_sessions,).

    `errors` and `load`: errors per page view and seconds per page load of the account itself; `page_errors` and
    `page_load`: the same, added by broken releases per page, shape (n_sessions, len(PAGES)).
    """

    draws: Draws  # depend on the account, the day, and the number of the session on that day
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
    """Events of one kind: the session and the draws of each, seconds since its begin, and the measurements."""

    kind: str
    session: Ints
    draws: Draws
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


def draw_sessions(world: World, people: People, number: int, month: Day) -> Sessions:
    """Draw the recorded sessions of one month."""
    p, static, first_day = world.parameters, world.static, world.parameters.month_start(number)
    rates = session_rates(p, static.session_base, first_day, month)
    counts = poisson(stream(world.seed, 13, number).random(rates.shape), rates)
    row, account = np.nonzero(counts)
    used, draw = _counted(draws(world.seed, "session", account, first_day + row), counts[row, account])
    row, account = row[used], account[used]
    cumulative = np.cumsum(static.mix, axis=1)[account]
    platform = np.minimum((draw.uniform("platform")[:, None] > cumulative).sum(axis=1), 2)
    begin = at(first_day + row, draw.uniform("hour", 7.0, 19.0))
    page_errors, page_load = paint_pages(world.releases, (first_day, first_day + len(month.present)))
    return Sessions(
        draws=draw,
        account=account,
        platform=platform,
        user=_choose_users(people, account, month.lived, row, begin, draw),
        begin=begin,
        errors=p.error_factor * (static.quiet_errors[account] + month.lived.trouble[row, account]),
        load=static.quiet_load[account],
        page_errors=p.error_factor * page_errors[row, platform],
        page_load=page_load[row, platform],
        satisfaction=month.lived.satisfaction[row, account],
        engagement=month.lived.engagement[row, account],
        complexity=static.complexity[account],
    )


def _choose_users(people: People, account: Ints, lived: Lived, day: Ints, begin: Ints, draw: Draws) -> Ints:
    """Choose the user of each session, low numbers most often, from the most active one of the day upwards.

    The most active user replaces users who are not members then. `day`: row of `lived`.
    """
    champion = lived.champion[day, account]
    number = champion + (lived.seats[day, account] * draw.uniform("user") ** 2).astype(np.int64)
    row = people.first[account] + number
    absent = (people.joined[row] > begin) | ((people.left[row] != NEVER) & (people.left[row] <= begin))
    return np.where(absent, champion, number)


def draw_events(s: Sessions) -> list[EventsOfKind]:
    """Draw all events of the sessions, by kind."""
    return [*_page_events(s), *_task_events(s), *_other_events(s)]


def _counted(draw: Draws, counts: Ints) -> tuple[Ints, Draws]:
    """Return, per event, its row (each repeated `counts` times) and draws of its own."""
    row = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return row, draw.take(row).then(np.arange(len(row)) - first[row])


def _poisson_events(s: Sessions, name: str, expected: Floats | float) -> tuple[Ints, Draws]:
    """Return the session and the draws of each event, a Poisson number of events per session."""
    return _counted(s.draws, s.draws.poisson(name, expected))


def _draw_offsets(draw: Draws) -> Floats:
    """Draw the time of events, in seconds since the begin of the session: mostly a few minutes, at most 25."""
    return np.minimum(5.0 + draw.exponential("offset", 100.0), 1500.0)


def _page_events(s: Sessions) -> list[EventsOfKind]:
    """Draw page views with their errors, crashes and web vitals; and rage and dead clicks."""
    view, draw = _counted(s.draws, 1 + s.draws.poisson("views", 1.9 * np.exp(0.25 * s.engagement)))
    name, offset = draw.integers("page", 0, len(PAGES)), _draw_offsets(draw)
    load = (s.load[view] + s.page_load[view, name]) * 1000 * draw.lognormal("load", -0.12, 0.5)
    error_share = np.minimum(s.errors[view] + s.page_errors[view, name], WORST_PAGE)
    error = np.flatnonzero(draw.uniform("error") < error_share)
    crash = error[draw.take(error).uniform("crash") < 0.03]
    vital = np.flatnonzero(draw.uniform("vital") < 0.2)
    lcp = load[vital] * draw.take(vital).lognormal("paint", 0.4, 0.2)
    return [
        EventsOfKind("page_view", view, draw, offset, PAGES, name, np.round(load)),
        EventsOfKind("error", view[error], draw.take(error), offset[error] + 1.0, PAGES, name[error]),
        EventsOfKind("crash", view[crash], draw.take(crash), offset[crash] + 2.0, PAGES, name[crash]),
        EventsOfKind("web_vital", view[vital], draw.take(vital), offset[vital] + 3.0, ("LCP",),
                 np.zeros(len(vital), np.int64), value=np.round(lcp)),
        *_frustration_clicks(s),
    ]  # fmt: skip


def _frustration_clicks(s: Sessions) -> list[EventsOfKind]:
    """Draw rage clicks, more of them with errors and slow pages, and dead clicks at a constant rate."""
    slow = np.maximum(0.0, s.load + s.page_load.mean(axis=1) - 1.5)
    expected = np.minimum(0.03 + 0.8 * _mean_errors(s) + 0.03 * slow, 0.6)
    return [_clicks(s, "rage_click", expected), _clicks(s, "dead_click", 0.02)]


def _clicks(s: Sessions, kind: str, expected: Floats | float) -> EventsOfKind:
    """Draw clicks on pages, a Poisson number per session."""
    session, draw = _poisson_events(s, kind, expected)
    return EventsOfKind(kind, session, draw, _draw_offsets(draw), PAGES, draw.integers("page", 0, len(PAGES)))


def _mean_errors(s: Sessions) -> Floats:
    """Return the errors per page view, mean over pages, at most 0.6."""
    return np.minimum(s.errors + s.page_errors.mean(axis=1), 0.6)


def _task_events(s: Sessions) -> list[EventsOfKind]:
    """Draw tasks started, and for most of them their completion or failure."""
    started, draw = _poisson_events(s, "tasks", 0.4)
    offset, errors = _draw_offsets(draw), _mean_errors(s)[started]
    name = draw.integers("task", 0, len(TASKS))
    difficulty = 0.35 * s.complexity[started] + 8.0 * errors
    succeeds = draw.uniform("succeeds") < logistic(2.3 - difficulty + 0.2 * s.satisfaction[started])
    abandoned = draw.uniform("abandoned") < 0.06
    slow = (s.load + s.page_load.mean(axis=1))[started] - 1.1
    seconds = 50.0 * np.exp(0.25 * s.complexity[started] + 0.15 * slow) * draw.lognormal("seconds", 0.0, 0.5)
    done, failed = np.flatnonzero(succeeds & ~abandoned), np.flatnonzero(~succeeds & ~abandoned)
    return [
        EventsOfKind("task_started", started, draw, offset, TASKS, name),
        EventsOfKind("task_completed", started[done], draw.take(done), offset[done] + seconds[done], TASKS, name[done],
                 np.round(seconds[done] * 1000)),
        EventsOfKind("task_failed", started[failed], draw.take(failed), offset[failed] + seconds[failed], TASKS,
                 name[failed]),
    ]  # fmt: skip


def _other_events(s: Sessions) -> list[EventsOfKind]:
    """Draw clicks, banner impressions and clicks, features used, logins and conversions."""
    banner, of_banner = _poisson_events(s, "banners", 0.3)
    clicked = np.flatnonzero(of_banner.uniform("clicked") < logistic(-2.0 + 0.5 * s.engagement[banner]))
    used, of_use = _poisson_events(s, "features", 0.6 * np.exp(0.4 * s.engagement))
    breadth = np.clip(3.0 + 2.0 * s.engagement[used], 1.0, 8.0)
    login = np.flatnonzero(s.draws.uniform("login") < 0.6)
    conversion, of_conversion = _poisson_events(s, "conversions", 0.03 * np.exp(0.5 * s.satisfaction))
    at_banner, at_click = np.full(len(banner), 20.0), np.full(len(clicked), 24.0)
    return [
        _clicks(s, "click", 1.1),
        EventsOfKind("impression", banner, of_banner, at_banner, ("banner",), _zeros(banner)),
        EventsOfKind("click", banner[clicked], of_banner.take(clicked), at_click, ("banner",), _zeros(clicked)),
        EventsOfKind("feature_used", used, of_use, _draw_offsets(of_use), PRODUCT_FEATURES,
                 (breadth * of_use.uniform("feature")).astype(np.int64)),
        EventsOfKind("login", login, s.draws.take(login), np.zeros(len(login))),
        EventsOfKind("conversion", conversion, of_conversion, _draw_offsets(of_conversion), ("add_on",),
                 _zeros(conversion)),
    ]  # fmt: skip


def _zeros(session: Ints) -> Ints:
    return np.zeros(len(session), np.int64)


def on_apps(s: Sessions) -> Flags:
    """Return which sessions were in the mobile apps."""
    return s.platform > 0
