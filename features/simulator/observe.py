"""The nine tables as the company would have recorded them: late, doubled and a little wrong.

Counts per account-day are drawn first and exploded with `np.repeat`; nothing loops over events.
Times are microseconds since the first day of the world until they become timestamps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulator.parameters import Parameters
from features.simulator.world import (
    INVOLUNTARY,
    PLATFORMS,
    SEGMENTS,
    STAYED,
    Flags,
    Floats,
    Ints,
    World,
    logistic,
    stream,
)

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
NEVER = np.iinfo(np.int64).min  # a time that has not come: written as null

COUNTRIES = ("DE", "FR", "NL", "ES", "IT", "PL", "SE", "GB")
OWNERS = (
    "Amara Lindqvist", "Bruno Castell", "Chiara Nowak", "Dario Weiss",
    "Elif Haugen", "Femke Duarte", "Goran Silva", "Hanna Okoye",
)  # fmt: skip
PLANS = ("starter", "team", "business")
PAGES = ("dashboard", "projects", "reports", "settings", "search", "billing")
TASKS = ("create_report", "import_data", "invite_teammate", "export_file")
FEATURES = ("filters", "exports", "api", "alerts", "comments", "templates", "sharing", "calendar")
NAME_STARTS = (
    "Alder", "Bright", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper",
    "Kestrel", "Lumen", "Maple", "Nimbus", "Orchard", "Pebble", "Quarry", "Raven", "Saffron",
    "Timber", "Umber", "Velvet", "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
ACQUISITION = ("search", "referral", "sales", "event")
NAME_MIDDLES = ("field", "bridge", "gate", "works", "stone", "line", "crest", "point")
NAME_ENDS = ("Labs", "Foods", "Logistics", "Studio", "Health", "Energy", "Textiles", "Media",
             "Robotics", "Travel", "Partners", "Supply")  # fmt: skip


def observe(world: World) -> dict[str, pa.Table]:
    """Return the nine tables by name, with what was recorded before the last day's end."""
    starts = _user_times(world, stream(world.seed, 10))
    return {
        "accounts": _accounts(world, stream(world.seed, 11)),
        "users": _users(world, starts, stream(world.seed, 12)),
        "events": _events(world, starts, stream(world.seed, 13)),
        "tickets": _tickets(world, stream(world.seed, 14)),
        "surveys": _surveys(world, stream(world.seed, 15)),
        "subscriptions": _subscriptions(world, stream(world.seed, 16)),
        **_money(world, stream(world.seed, 17)),
        "contacts": _contacts(world, stream(world.seed, 18)),
    }


def write(table: pa.Table, path: Path) -> None:
    """Write under a temporary name and rename, so that no reader meets half a file."""
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(table, unfinished, compression="zstd", compression_level=1)
    unfinished.replace(path)


def account_ids(accounts: Ints) -> pa.Array:
    """Return 'A-00042' for 42."""
    names = numbered("A-", np.arange(int(accounts.max(initial=0)) + 1), 5)
    return names.take(pa.array(accounts))


def numbered(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Return prefix + zero-padded number, as text."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def timestamps(p: Parameters, micros: Ints) -> pa.Array:
    """Return naive UTC timestamps of microseconds since the first day; NEVER becomes null."""
    first = int(p.first_day.astype("datetime64[us]").astype(np.int64))
    return pa.array(micros + first * (micros != NEVER), mask=micros == NEVER).cast(
        pa.timestamp("us")
    )


def words(codes: Ints, names: Sequence[str]) -> pa.Array:
    """Return the name of each code; -1 becomes null."""
    return pa.array(names).take(pa.array(codes, mask=codes < 0))


def _pick(rng: Generator, n: int, *weights: float) -> Ints:
    """Draw n codes with the given weights."""
    share = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(share, rng.random(n), side="right").astype(np.int64)


def _known_before(world: World, micros: Ints) -> Ints:
    """Forget times that lie at or after the end of the history."""
    return np.where(micros < world.parameters.days * DAY, micros, NEVER)


def _at(day: NDArray[Any], rng: Generator, hours: tuple[float, float]) -> Ints:
    """Draw a time on each day between two hours of the day."""
    return day.astype(np.int64) * DAY + (rng.uniform(*hours, len(day)) * HOUR).astype(np.int64)


def _recorded(happened: Ints, rng: Generator) -> Ints:
    """Add the delay of recording: minutes, but over three days for 2 % of the rows."""
    minutes = rng.lognormal(np.log(4.0), 1.2, len(happened))
    late = rng.random(len(happened)) < 0.02
    days = np.where(late, rng.uniform(3.0, 7.0, len(happened)), 0.0)
    return happened + (minutes * 60 * SECOND).astype(np.int64) + (days * DAY).astype(np.int64)


def _where(world: World, flags: Flags) -> tuple[Ints, Ints]:
    """Return (account, day) of the set flags, by account and then by day."""
    account, day = np.nonzero(flags.T)
    return account.astype(np.int64), day.astype(np.int64)


# Accounts, users and contacts


def _created(world: World) -> Ints:
    return world.static.signup_day * DAY + world.static.clock * SECOND


def _accounts(world: World, rng: Generator) -> pa.Table:
    p, n = world.parameters, world.parameters.accounts
    start, middle = rng.integers(0, len(NAME_STARTS), n), rng.integers(0, len(NAME_MIDDLES), n)
    name = pc.binary_join_element_wise(
        pc.binary_join_element_wise(words(start, NAME_STARTS), words(middle, NAME_MIDDLES), ""),
        words(rng.integers(0, len(NAME_ENDS), n), NAME_ENDS),
        " ",
    )
    return pa.table(
        {
            "account_id": account_ids(np.arange(n)),
            "created_at": timestamps(p, _created(world)),
            "name": name,
            "segment": words(world.static.segment, SEGMENTS),
            "country": words(_pick(rng, n, 5, 3, 2, 2, 2, 1, 1, 3), COUNTRIES),
            "owner": words(rng.integers(0, len(OWNERS), n), OWNERS),
            "acquisition": words(_pick(rng, n, 4, 3, 2, 1), ACQUISITION),
        }
    )


@dataclass(frozen=True)
class _People:
    """Users by row, those of account a at rows first[a] to first[a + 1]; times or NEVER."""

    first: Ints
    account: Ints
    number: Ints
    joined: Ints
    left: Ints


def _user_times(world: World, rng: Generator) -> _People:
    """Draw who is in which account and when; user 0 comes first and stays."""
    count = world.daily.seats.max(axis=0).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(count)])
    account = np.repeat(np.arange(len(count)), count)
    number = np.arange(first[-1]) - first[account]
    wait = np.where(number == 0, 0.0, rng.exponential(60.0, len(account)))
    joined = _created(world)[account] + (wait * DAY).astype(np.int64)
    stay = (rng.exponential(700.0, len(account)) * DAY).astype(np.int64)
    left = np.where((number == 0) | (stay > 2000 * DAY), NEVER, joined + stay)
    return _People(first, account, number, joined, left)


def _user_ids(account: Ints, number: Ints) -> pa.Array:
    return pc.binary_join_element_wise(numbered("U-", account, 5), numbered("", number, 3), "-")


def _users(world: World, people: _People, rng: Generator) -> pa.Table:
    p = world.parameters
    lost = np.where(world.left != STAYED, np.arange(p.days)[:, None], -1).max(axis=0)
    gone = ~world.frozen[p.days].active
    still = np.where(gone[people.account], lost[people.account] * DAY, p.days * DAY)
    keep = people.joined < still
    account, number, joined = people.account[keep], people.number[keep], people.joined[keep]
    # Nobody tidies up the users of an account that is gone.
    left = np.where(people.left[keep] < still[keep], people.left[keep], NEVER)
    role = np.where(number == 0, 0, 1 + _pick(rng, len(number), 8, 2))
    return pa.table(
        {
            "account_id": account_ids(account),
            "user_id": _user_ids(account, number),
            "joined_at": timestamps(p, joined),
            "left_at": timestamps(p, left),
            "role": words(role, ("admin", "member", "viewer")),
            "recorded_at": timestamps(p, joined),
        }
    )


def _contacts(world: World, rng: Generator) -> pa.Table:
    """A few calls to accounts chosen by lot, in two arms; the calls change nothing."""
    account, day = _where(world, world.present & (rng.random(world.present.shape) < 0.0002))
    treated = rng.random(len(account)) < 0.5
    at = _at(day, rng, (9.0, 17.0))
    accepted = rng.random(len(account)) < 0.3
    return pa.table(
        {
            "account_id": account_ids(account),
            "contact_id": numbered("C-", np.arange(len(account)), 5),
            "contacted_at": timestamps(world.parameters, at),
            "recorded_at": timestamps(world.parameters, at),
            "campaign": words(np.zeros(len(account), np.int64), ("check-in call",)),
            "arm": words(treated.astype(np.int64), ("control", "treated")),
            "cost": np.where(treated, 25.0, 0.0),
            "accepted": pa.array(accepted, mask=~treated),
        }
    )


# Events


@dataclass(frozen=True)
class _Sessions:
    """Recorded sessions, arrays of shape (n_sessions,)."""

    account: Ints
    platform: Ints
    user: Ints
    begin: Ints  # microseconds
    errors: Floats  # chance of an error per page view
    load: Floats  # expected seconds per page view
    satisfaction: Floats
    engagement: Floats
    complexity: Floats


def session_rates(world: World) -> Floats:
    """Return recorded sessions expected per day, (n_days, n_accounts): E, weekday, holidays."""
    p = world.parameters
    date = p.first_day + np.arange(p.days)
    weekend = (date.astype(np.int64) + 3) % 7 >= 5
    day_of_year = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    holidays = (day_of_year < 4) | (day_of_year > 353)
    busy = np.where(weekend, 0.35, 1.25) * np.where(holidays, 0.5, 1.0)
    rate = world.static.session_base * np.exp(p.session_engagement * world.daily.engagement)
    return np.asarray(np.minimum(rate * busy[:, None], p.session_cap) * world.present)


def _sessions(world: World, people: _People, rng: Generator) -> _Sessions:
    static = world.static
    counts = rng.poisson(session_rates(world))
    day, account = np.nonzero(counts)
    times = counts[day, account]
    day, account = np.repeat(day, times), np.repeat(account, times)
    n = len(account)
    cumulative = np.cumsum(static.mix, axis=1)[account]
    platform = np.minimum((rng.random((n, 1)) > cumulative).sum(axis=1), 2)
    begin = _at(day, rng, (7.0, 19.0))
    extra_error = world.weather.error[0, day, platform] + world.daily.trouble[day, account]
    extra_load = world.weather.load[0, day, platform]
    return _Sessions(
        account=account,
        platform=platform,
        user=_who(people, account, begin, rng),
        begin=begin,
        errors=np.minimum(static.quiet_errors[account] + extra_error, 0.6),
        load=static.quiet_load[account] + extra_load,
        satisfaction=world.daily.satisfaction[day, account],
        engagement=world.daily.engagement[day, account],
        complexity=static.complexity[account],
    )


def _who(people: _People, account: Ints, at: Ints, rng: Generator) -> Ints:
    """Choose the user of each session, the early ones most; user 0 stands in for the absent."""
    size = people.first[account + 1] - people.first[account]
    number = (size * rng.random(len(account)) ** 2).astype(np.int64)
    row = people.first[account] + number
    absent = (people.joined[row] > at) | ((people.left[row] != NEVER) & (people.left[row] <= at))
    return np.where(absent, 0, number)


@dataclass(frozen=True)
class _Kind:
    """Events of one kind: session of each, seconds into it, and what was measured."""

    kind: str
    session: Ints
    offset: Floats
    names: tuple[str, ...] = ()
    name: Ints | None = None  # index into names
    duration_ms: Floats | None = None
    value: Floats | None = None


def _drawn(rng: Generator, expected: Floats | float, n: int) -> Ints:
    """Return session numbers, each as often as a Poisson draw around its expectation."""
    return np.repeat(np.arange(n), rng.poisson(expected, n))


def _somewhere(rng: Generator, session: Ints) -> Floats:
    """Draw seconds into a session of up to 25 minutes."""
    return rng.uniform(5.0, 1500.0, len(session))


def _pages(s: _Sessions, rng: Generator) -> list[_Kind]:
    """Page views, and the errors, crashes, slow paints and rage that they bring."""
    n = len(s.account)
    view = np.repeat(np.arange(n), 1 + rng.poisson(1.9 * np.exp(0.25 * s.engagement)))
    name, offset = rng.integers(0, len(PAGES), len(view)), _somewhere(rng, view)
    load = s.load[view] * 1000 * rng.lognormal(-0.12, 0.5, len(view))
    wrong = np.flatnonzero(rng.random(len(view)) < s.errors[view])
    crash = wrong[rng.random(len(wrong)) < 0.03]
    slow = np.maximum(0.0, s.load - 1.5)
    rage = _drawn(rng, np.minimum(0.03 + 0.8 * s.errors + 0.03 * slow, 0.6), n)
    dead = _drawn(rng, 0.02, n)
    paint = np.flatnonzero(rng.random(len(view)) < 0.2)
    lcp = load[paint] * rng.lognormal(0.4, 0.2, len(paint))
    return [
        _Kind("page_view", view, offset, PAGES, name, np.round(load)),
        _Kind("error", view[wrong], offset[wrong] + 1.0, PAGES, name[wrong]),
        _Kind("crash", view[crash], offset[crash] + 2.0, PAGES, name[crash]),
        _Kind("web_vital", view[paint], offset[paint] + 3.0, ("LCP",),
              np.zeros(len(paint), np.int64), value=np.round(lcp)),
        _Kind("rage_click", rage, _somewhere(rng, rage), PAGES, rng.integers(0, 6, len(rage))),
        _Kind("dead_click", dead, _somewhere(rng, dead), PAGES, rng.integers(0, 6, len(dead))),
    ]  # fmt: skip


def _tasks(s: _Sessions, rng: Generator) -> list[_Kind]:
    """Tasks started, most of them ended: well or not, sooner or later."""
    started = _drawn(rng, 0.4, len(s.account))
    n, offset = len(started), _somewhere(rng, started)
    name = rng.integers(0, len(TASKS), n)
    hard = 0.35 * s.complexity[started] + 8.0 * s.errors[started]
    well = rng.random(n) < logistic(2.3 - hard + 0.2 * s.satisfaction[started])
    quits = rng.random(n) < 0.06
    seconds = 50.0 * np.exp(0.25 * s.complexity[started] + 0.15 * (s.load[started] - 1.1))
    seconds = seconds * rng.lognormal(0.0, 0.5, n)
    done, failed = np.flatnonzero(well & ~quits), np.flatnonzero(~well & ~quits)
    return [
        _Kind("task_started", started, offset, TASKS, name),
        _Kind("task_completed", started[done], offset[done] + seconds[done], TASKS, name[done],
              np.round(seconds[done] * 1000)),
        _Kind("task_failed", started[failed], offset[failed] + seconds[failed], TASKS,
              name[failed]),
    ]  # fmt: skip


def _doings(s: _Sessions, rng: Generator) -> list[_Kind]:
    """Clicks, banners seen and clicked, features used, logins and conversions."""
    n = len(s.account)
    click, banner = _drawn(rng, 1.1, n), _drawn(rng, 0.3, n)
    taken = banner[rng.random(len(banner)) < logistic(-2.0 + 0.5 * s.engagement[banner])]
    used = _drawn(rng, 0.6 * np.exp(0.4 * s.engagement), n)
    breadth = np.clip(3.0 + 2.0 * s.engagement[used], 1.0, 8.0)
    login = np.flatnonzero(rng.random(n) < 0.6)
    bought = _drawn(rng, 0.03 * np.exp(0.5 * s.satisfaction), n)
    return [
        _Kind("click", click, _somewhere(rng, click), PAGES, rng.integers(0, 6, len(click))),
        _Kind("impression", banner, np.full(len(banner), 20.0), ("banner",),
              np.zeros(len(banner), np.int64)),
        _Kind("click", taken, np.full(len(taken), 24.0), ("banner",),
              np.zeros(len(taken), np.int64)),
        _Kind("feature_used", used, _somewhere(rng, used), FEATURES,
              (breadth * rng.random(len(used))).astype(np.int64)),
        _Kind("login", login, np.zeros(len(login))),
        _Kind("conversion", bought, _somewhere(rng, bought), ("add_on",),
              np.zeros(len(bought), np.int64)),
    ]  # fmt: skip


def _events(world: World, people: _People, rng: Generator) -> pa.Table:
    s = _sessions(world, people, rng)
    kinds = _pages(s, rng) + _tasks(s, rng) + _doings(s, rng)
    session = np.concatenate([k.session for k in kinds])
    offset = np.concatenate([k.offset for k in kinds])
    occurred = s.begin[session] + (offset * SECOND).astype(np.int64)
    recorded = _recorded(occurred, rng)
    order = np.argsort(recorded, kind="stable")
    order = order[recorded[order] < world.parameters.days * DAY]
    texts = _kind_texts(kinds)
    table = pa.table(
        {
            "account_id": account_ids(s.account).take(pa.array(session[order])),
            "event_id": numbered("E-", np.arange(len(order)), 8),
            "user_id": _user_ids(s.account, s.user).take(pa.array(session[order])),
            "session_id": numbered("S-", np.arange(len(s.account)), 7).take(
                pa.array(session[order])
            ),
            "occurred_at": timestamps(world.parameters, occurred[order]),
            "recorded_at": timestamps(world.parameters, recorded[order]),
            "kind": texts["kind"].take(pa.array(order)),
            "name": texts["name"].take(pa.array(order)),
            "platform": words(s.platform[session[order]], PLATFORMS),
            "duration_ms": _numbers([k.duration_ms for k in kinds], kinds, order),
            "value": _numbers([k.value for k in kinds], kinds, order),
            "definition": words(np.zeros(len(order), np.int64), ("v1",)),
        }
    )
    return _spoiled(table, rng)


def _kind_texts(kinds: list[_Kind]) -> dict[str, pa.ChunkedArray]:
    """Return the kind and name columns of all events, before they are ordered."""
    kind = [words(np.zeros(len(k.session), np.int64), (k.kind,)) for k in kinds]
    name = [
        pa.nulls(len(k.session), pa.string()) if k.name is None else words(k.name, k.names)
        for k in kinds
    ]
    return {"kind": pa.chunked_array(kind).combine_chunks(),
            "name": pa.chunked_array(name).combine_chunks()}  # fmt: skip


def _numbers(parts: list[Floats | None], kinds: list[_Kind], order: Ints) -> pa.Array:
    """Return a column of numbers, null where a kind measures nothing."""
    filled = [
        np.full(len(k.session), np.nan) if part is None else part
        for part, k in zip(parts, kinds, strict=True)
    ]
    values = np.concatenate(filled)[order]
    return pa.array(values, mask=np.isnan(values))


def _spoiled(table: pa.Table, rng: Generator) -> pa.Table:
    """Add what real logs have: 0.5 % doubles, and a handful of rows that cannot be true."""
    n = table.num_rows
    doubles = table.take(pa.array(np.sort(rng.integers(0, n, n // 200))))
    strange = table.take(pa.array(rng.integers(0, n, 3 * max(4, n // 10_000))))
    kind = np.arange(strange.num_rows) % 3
    unknown, too_early, negative = (pa.array(kind == which) for which in range(3))
    long_ago = pa.scalar(np.datetime64("1970-01-01", "us"), pa.timestamp("us"))
    changed = {
        "event_id": numbered("E-X", np.arange(strange.num_rows), 6),
        "account_id": pc.if_else(unknown, "A-99999", strange["account_id"]),
        "occurred_at": pc.if_else(too_early, long_ago, strange["occurred_at"]),
        "duration_ms": pc.if_else(negative, -1.0, strange["duration_ms"]),
    }
    columns = {name: changed.get(name, strange[name]) for name in table.column_names}
    return pa.concat_tables([table, doubles, pa.table(columns, schema=table.schema)])


# Support and surveys


def _tickets(world: World, rng: Generator) -> pa.Table:
    """One row per ticket; it is resolved by the account's next resolution, if that ever comes."""
    daily, p = world.daily, world.parameters
    account, day = _where(world, daily.opened)
    opened = _at(day, rng, (12.0, 19.0))
    done = _next_day(world, daily.resolved, account, day)
    reopened_day = np.where(done >= 0, daily.reopened[done, account], False)
    resolved = np.where(done >= 0, _at(done, rng, (7.0, 12.0)), NEVER)
    s = daily.satisfaction[day, account]
    n = len(account)
    answer = opened + (rng.lognormal(0.8 - 0.4 * s, 0.8) * HOUR).astype(np.int64)
    latest = np.where(done >= 0, opened + (0.8 * (resolved - opened)).astype(np.int64), answer)
    again = np.where(reopened_day, resolved + _delay(rng, n, (4.0, 72.0)), NEVER)
    old = (done - day > 4) | (done < 0)
    escalated = np.where(old & (rng.random(n) < 0.4), opened + 4 * DAY, NEVER)
    waited = np.where(done >= 0, done - day, 0)
    answers = (done >= 0) & (rng.random(n) < logistic(-0.9 + 0.5 * np.abs(s)))
    score = np.clip(np.round(3.8 + 0.8 * s - 0.2 * waited + rng.normal(0, 0.8, n)), 1, 5)
    csat_at = _known_before(world, np.where(answers, resolved + _delay(rng, n, (1.0, 30.0)), NEVER))
    table = pa.table(
        {
            "account_id": account_ids(account),
            "ticket_id": numbered("T-", np.arange(n), 6),
            "user_id": _user_ids(account, np.zeros(n, np.int64)),
            "opened_at": timestamps(p, opened),
            "recorded_at": timestamps(p, opened),
            "priority": words(_pick(rng, n, 3, 5, 2), ("low", "normal", "high")),
            "channel": words(_pick(rng, n, 5, 3, 1), ("email", "chat", "phone")),
            "topic": words(_pick(rng, n, 4, 1, 3, 2), ("bug", "billing", "how-to", "request")),
            "first_response_at": timestamps(p, _known_before(world, np.minimum(answer, latest))),
            "resolved_at": timestamps(p, _known_before(world, resolved)),
            "reopened_at": timestamps(p, _known_before(world, again)),
            "escalated_at": timestamps(p, _known_before(world, escalated)),
            "csat": pa.array(score, mask=csat_at == NEVER),
            "csat_at": timestamps(p, csat_at),
        }
    )
    return table.take(pc.sort_indices(table["opened_at"]))


def _delay(rng: Generator, n: int, hours: tuple[float, float]) -> Ints:
    return (rng.uniform(*hours, n) * HOUR).astype(np.int64)


def _next_day(world: World, flags: Flags, account: Ints, day: Ints) -> Ints:
    """Return the first day after `day` on which the account's flag is set before it leaves.

    Both lie on one time line, account after account; -1 where the account left first or the
    history ended.
    """
    days = world.parameters.days
    marks = np.flatnonzero((flags | (world.left != STAYED)).T)
    spot = np.searchsorted(marks, account * days + day, side="right")
    found = marks[np.minimum(spot, len(marks) - 1)] if len(marks) else np.zeros_like(day)
    ours = (spot < len(marks)) & (found // days == account)
    ours &= (day < 0) | (world.left[day, account] == STAYED)
    then = np.where(ours, found % days, 0)
    return np.where(ours & flags[then, account], then, -1)


def _surveys(world: World, rng: Generator) -> pa.Table:
    """Answers to three surveys; who feels strongly or is engaged answers more often."""
    parts = [
        _survey(world, rng, "nps", 90, (7.2, 1.6), (0, 10)),
        _survey(world, rng, "csat", 120, (3.7, 0.8), (1, 5)),
        _survey(world, rng, "ces", 150, (4.9, 1.0), (1, 7)),
    ]
    table = pa.concat_tables(parts)
    table = table.take(pc.sort_indices(table["asked_at"]))
    return table.add_column(1, "survey_id", numbered("V-", np.arange(table.num_rows), 6))


def _survey(
    world: World,
    rng: Generator,
    kind: str,
    every: int,
    score: tuple[float, float],
    scale: tuple[int, int],
) -> pa.Table:
    """Ask each account every so many days. `score`: its mean at S = 0 and its slope on S."""
    p, daily = world.parameters, world.daily
    turn = rng.integers(0, every, p.accounts)
    asked = (np.arange(p.days)[:, None] % every == turn) & world.present
    account, day = _where(world, asked)
    s = daily.satisfaction[day, account]
    e = daily.engagement[day, account]
    n = len(account)
    answers = rng.random(n) < logistic(-1.2 + 0.8 * np.abs(s) + 0.5 * e)
    points = np.clip(np.round(score[0] + score[1] * s + rng.normal(0.0, 0.75 * score[1], n)), *scale)
    asked_at = _at(day, rng, (8.0, 12.0))
    responded_at = asked_at + _delay(rng, n, (0.0, 0.3))
    return pa.table(
        {
            "account_id": account_ids(account),
            "user_id": _user_ids(account, np.zeros(n, np.int64)),
            "asked_at": timestamps(p, asked_at),
            "responded_at": timestamps(p, np.where(answers, responded_at, NEVER)),
            "recorded_at": timestamps(p, asked_at),
            "kind": words(np.zeros(n, np.int64), (kind,)),
            "score": pa.array(points, mask=~answers),
            "scale_max": np.full(n, float(scale[1])),
        }
    )


# Billing


def _stint_numbers(world: World) -> NDArray[np.int64]:
    """Return which subscription of its account a day belongs to, from 1, (n_days, n_accounts)."""
    old = (world.static.signup_day < 0).astype(np.int64)
    return np.cumsum(world.arrived, axis=0) + old


def _periods(world: World) -> tuple[Ints, Ints, Ints]:
    """Return (account, first day, start day) of every period: signing, return or new price.

    First day is the first row of the history that shows the period; start day may be negative.
    """
    starts = world.arrived | (world.daily.repriced & world.present)
    old = np.flatnonzero(world.static.signup_day < 0)
    account, day = _where(world, starts)
    account, day = np.concatenate([old, account]), np.concatenate([np.full(len(old), -1), day])
    order = np.lexsort((day, account))
    account, day = account[order], day[order]
    begun = np.where(day < 0, world.static.signup_day[account], day)
    return account, day, begun


def _subscriptions(world: World, rng: Generator) -> pa.Table:
    p, static, daily = world.parameters, world.static, world.daily
    account, day, begun = _periods(world)
    n, old = len(account), day < 0
    row = np.maximum(day, 0)
    changed = _next_day(world, daily.repriced, account, day)
    lost = _next_day(world, world.left != STAYED, account, np.maximum(day - 1, -1))
    ends_by_change = (changed >= 0) & ((lost < 0) | (changed <= lost))
    clock = static.clock[account] * SECOND
    left_at = _at(np.maximum(lost, 0), rng, (20.5, 23.9))
    ended = np.where(lost >= 0, left_at, NEVER)
    ended = np.where(ends_by_change, changed * DAY + clock, ended)
    late = (ended != NEVER) & ~ends_by_change & (rng.random(n) < 0.06)
    booked = _known_before(world, np.where(late, ended + _delay(rng, n, (24.0, 144.0)), ended))
    ended = np.where(booked == NEVER, NEVER, ended)
    by_card = world.left[np.maximum(lost, 0), account] == INVOLUNTARY
    reason = np.where(ends_by_change, 0, np.where(by_card, 2, 1))
    started = begun * DAY + clock
    mrr = np.where(old, world.first.mrr[account], daily.mrr[row, account])
    seats = np.where(old, world.first.seats[account], daily.seats[row, account])
    renews = np.where(old, world.first.renews_on[account], daily.renews_on[row, account])
    number = np.where(old, 1, _stint_numbers(world)[row, account])
    return pa.table(
        {
            "account_id": account_ids(account),
            "subscription_id": pc.binary_join_element_wise(
                numbered("P-", account, 5), numbered("", number, 1), "-"
            ),
            "started_at": timestamps(p, started),
            "recorded_at": timestamps(p, started),
            "ended_at": timestamps(p, ended),
            "end_reason": words(
                np.where(ended == NEVER, -1, reason), ("changed", "cancelled", "payment_failed")
            ),
            "end_recorded_at": timestamps(p, booked),
            "plan": words(np.searchsorted((4, 21), world.first.seats, "right")[account], PLANS),
            "mrr": np.round(mrr, 2),
            "discount": np.zeros(n),
            "currency": words(np.zeros(n, np.int64), ("EUR",)),
            "seats": seats.astype(np.float64),
            "term_months": static.term[account].astype(np.float64),
            "renews_at": timestamps(p, renews.astype(np.int64) * DAY + clock),
        }
    )


def _money(world: World, rng: Generator) -> dict[str, pa.Table]:
    """Return the invoices and the payments: one bill per signing and renewal."""
    p, static, daily = world.parameters, world.static, world.daily
    account, day = _where(world, (daily.billed | world.arrived) & world.present)
    n = len(account)
    issued = day * DAY + static.clock[account] * SECOND
    amount = np.round(daily.mrr[day, account] * static.term[account], 2)
    failed = daily.card_failed[day, account]
    s = daily.satisfaction[day, account]
    mended = daily.recovered | (daily.last_try & (world.left == STAYED))
    mended_day = np.where(failed, _next_day(world, mended, account, day), -1)
    mended_at = np.where(mended_day >= 0, mended_day * DAY + 10 * HOUR, NEVER)
    transfer = (rng.lognormal(2.3 - 0.25 * s, 0.5) * DAY).astype(np.int64)
    prompt = issued + np.where(static.by_invoice[account], transfer, 60 * SECOND)
    paid = _known_before(world, np.where(failed, mended_at, prompt))
    invoices = pa.table(
        {
            "account_id": account_ids(account),
            "invoice_id": numbered("I-", np.arange(n), 6),
            "issued_at": timestamps(p, issued),
            "recorded_at": timestamps(p, issued),
            "due_at": timestamps(p, issued + 14 * DAY),
            "paid_at": timestamps(p, paid),
            "amount": amount,
            "currency": words(np.zeros(n, np.int64), ("EUR",)),
        }
    )
    return {
        "invoices": invoices.take(pc.sort_indices(invoices["issued_at"])),
        "payments": _payments(world, account, issued, amount, failed, paid),
    }


def _payments(
    world: World, account: Ints, issued: Ints, amount: Floats, failed: Flags, paid: Ints
) -> pa.Table:
    """Successes, first failures, and the retries after 3, 7 and 14 days while the bill is open."""
    paid_rows, failed_rows = np.flatnonzero(paid != NEVER), np.flatnonzero(failed)
    rows, times = [paid_rows, failed_rows], [paid[paid_rows], issued[failed_rows] + 60 * SECOND]
    for wait in (3, 7, 14):
        at = issued[failed_rows] + wait * DAY + HOUR
        still = (paid[failed_rows] == NEVER) | (at < paid[failed_rows])
        day = np.minimum(at // DAY, world.parameters.days - 1)
        here = world.present[day, account[failed_rows]] & (at < world.parameters.days * DAY)
        rows.append(failed_rows[still & here])
        times.append(at[still & here])
    row, at = np.concatenate(rows), np.concatenate(times)
    succeeded = np.arange(len(row)) < len(paid_rows)
    order = np.lexsort((row, at))
    row, at, succeeded = row[order], at[order], succeeded[order]
    return pa.table(
        {
            "account_id": account_ids(account[row]),
            "payment_id": numbered("Y-", np.arange(len(row)), 7),
            "attempted_at": timestamps(world.parameters, at),
            "recorded_at": timestamps(world.parameters, at),
            "succeeded": succeeded,
            "amount": amount[row],
            "currency": words(np.zeros(len(row), np.int64), ("EUR",)),
        }
    )
