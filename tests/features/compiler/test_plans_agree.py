"""The slot plan says what the range join says: for random worlds, several as_ofs, every column.

A world is told by a seed: rows of every table for some accounts, most of them around the edges of windows,
some written down late, some without a value, some at the same moment as others. A query over all columns costs
a second whatever it reads, so the worlds are few and each is large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from undertow.features.catalogue.cards import Column, Feature
from undertow.features.catalogue.choose import EVERY, make_catalogue
from undertow.features.catalogue.language import Deviation, Exposure, Shrunk, measures, rows_of
from undertow.features.tables import ALL_TABLES, EVENT_KINDS, PAYMENT_KINDS, PLANNED_KINDS, Table, TableColumn

events, tickets, invoices = rows_of("events"), rows_of("tickets"), rows_of("invoices")
failures = events.where(kind=("error", "task_failed", "task_completed"))
reading = tickets.timed_by("first_response_at")
MEASURES = {  # what the language allows beyond today's catalogue
    "sum": failures.sum("value"),
    "mean": failures.mean("value"),
    "upper": failures.quantile("value", 0.9),
    "lower": failures.quantile("value", 0.25),
    "largest": failures.largest("value"),
    "since_largest": failures.days_since_largest("value"),
    "most": failures.most_per("user_id"),
    "since_most": failures.days_since_most_per("user_id"),
    "elsewhere": events.done_elsewhere("name", "platform", failed="task_failed", done="task_completed"),
    "distinct": failures.distinct("platform"),
    "days": failures.distinct_days(),
    "hours": reading.hours_between("opened_at", "first_response_at"),
    "since_last": failures.days_since_last(),
    "since_first": failures.days_since_first(),
    "latest": failures.latest("value"),
    "due": invoices.past("due_at").count(),
    "unresolved": tickets.still("resolved_at").count(),
    "reopened": tickets.open("resolved_at", "reopened_at").timed_by("reopened_at").count(),
    "rating": tickets.mean("csat"),
    "hours_to_pay": invoices.hours_between("issued_at", "paid_at"),
    "ends": rows_of("subscriptions").where(end_reason="p").count(),
}
CARDS = [
    Feature(f"x_{name}", "Beyond", "ux", "interaction", "score", measure, windows=(7, 30), trend=30)
    for name, measure in MEASURES.items()
]
views = events.where(kind="page_view")
mix = events.count().fading(60)
FADING = {
    "count": failures.count().fading(7),
    "sum": failures.sum("value").fading(30),
    "mean": failures.mean("value").fading(21),
    "pace": failures.count().fading(21).per_day(),
    "share": failures.count().fading(7) / events.count().fading(7),
    "deviation": Deviation(failures.count().fading(7), failures.count().fading(180), 1.0),
    "shrunk": Shrunk(failures.count().fading(7), events.count().fading(7), failures.count() / events.count(), 5.0),
    "of_all": failures.count().fading(7).of_all_accounts() / events.count().fading(7).of_all_accounts(),
    "exposure": Exposure(failures.count().fading(7), events.count().fading(7), ("platform",), mix, 20.0),
    "exposure_sum": Exposure(views.sum("duration_ms").fading(14), views.known("duration_ms").count().fading(14),
                             ("platform",), mix, 2.0),
    "exposure_page": Exposure(failures.count().fading(7), events.count().fading(7), ("platform", "name"), mix, 20.0),
    "exposure_late": Exposure(tickets.where(priority="high").count().fading(7), tickets.still("resolved_at").count()
                              .fading(7), ("priority",), tickets.count().fading(60), 3.0),
}  # fmt: skip
CARDS += [Feature(f"z_{name}", "Beyond", "ux", "interaction", "score", measure) for name, measure in FADING.items()]
CARDS += [
    Feature("y_last", "Beyond", "ux", "interaction", "days", failures.days_since_last(), lookback=100, change=30),
    Feature("y_days", "Beyond", "ux", "interaction", "days", failures.distinct_days(), windows=(90, 180), trend=90),
    Feature("y_latest", "Beyond", "ux", "interaction", "text", events.latest("name"), lookback=20),
]
BEYOND = tuple(column for card in CARDS for column in card.columns)
COLUMNS: tuple[Column, ...] = (*make_catalogue(ALL_TABLES, features=EVERY).columns, *BEYOND)
ACCOUNTS = tuple(f"account {number:02}" for number in range(16))
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)
Row = dict[str, object]
World = dict[str, list[Row]]
Compute = Callable[..., dict[tuple[str, datetime], dict[str, object]]]

CALENDARS = {
    "month starts": (datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 4, 1)),
    "unequal gaps": (datetime(2022, 12, 31), datetime(2024, 2, 29), datetime(2024, 3, 1), datetime(2024, 3, 8)),
}
OFFSETS = (0, 1, 7, 14, 30, 37, 60, 90, 97, 180, 187, 210, 270, 365, 395, 455, 730)  # days before an as_of
DELAYS = (MOMENT, timedelta(hours=5), 3 * DAY, 31 * DAY, 100 * DAY)
TASKS = ("task_started", "task_started", "task_failed", "task_completed")
TEXTS = {
    ("events", "kind"): (*EVENT_KINDS, *TASKS, *TASKS, "web_vital", "web_vital", "unheard_of"),
    ("events", "name"): ("LCP", "INP", "CLS", "save", "export", "import", "share"),
    ("events", "platform"): (*["web"] * 12, *(f"device {number}" for number in range(12))),
    ("events", "user_id"): tuple(f"u{number}" for number in range(12)),
    ("events", "session_id"): tuple(f"v{number}" for number in range(60)),
    ("surveys", "kind"): ("nps", "nps", "csat", "ces"),
    ("payments", "kind"): (*["attempt"] * 6, *PAYMENT_KINDS),
    ("planned_changes", "kind"): PLANNED_KINDS,
    ("tickets", "priority"): ("urgent", "high", "low"),
}
NUMBERS = {"value": 6000.0, "duration_ms": 9000.0, "csat": 5.0, "score": 10.0, "term_months": 24.0, "scale_max": 10.0}
ROWS = {"events": 3600, "accounts": len(ACCOUNTS), "tickets": 500, "surveys": 800, "payments": 500}
OTHERS = 200  # rows of a table not named above

quick = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def make_world(seed: int, as_ofs: tuple[datetime, ...]) -> World:
    """Return rows of every table around these as_ofs."""
    world = {}
    for name, table in ALL_TABLES.items():
        chance = Random(f"{name} {seed}")  # so that a change of one table leaves the rows of the others as they are
        world[name] = [_row(chance, table, as_ofs, number) for number in range(ROWS.get(name, OTHERS))]
    return world


def _row(chance: Random, table: Table, as_ofs: tuple[datetime, ...], number: int) -> Row:
    row: Row = {column.name: _value(chance, table, column, as_ofs) for column in table.columns}
    if table.name == "accounts":
        row["account_id"] = ACCOUNTS[number]
    happened = row[table.happened_at]
    assert isinstance(happened, datetime)
    for column in table.columns:
        if column.type == "time" and row[column.name] is not None and chance.random() < 0.6:
            row[column.name] = _later(chance, happened, as_ofs)
    row[table.happened_at] = happened
    return row


def _later(chance: Random, happened: datetime, as_ofs: tuple[datetime, ...]) -> datetime:
    """A moment after another one, if not at an as_of: soon, late, or just in time."""
    just_in_time, too_late = chance.choice(as_ofs) - MOMENT, chance.choice(as_ofs)
    return chance.choice([happened, just_in_time, too_late, *(happened + delay for delay in DELAYS)])


def _moment(chance: Random, as_ofs: tuple[datetime, ...]) -> datetime:
    """Half of all moments lie on the edge of a window or beside it, and often on that of another row too."""
    if chance.random() < 0.5:
        return chance.choice(as_ofs) - chance.choice(OFFSETS) * DAY + chance.choice((-MOMENT, timedelta(0), MOMENT))
    return chance.choice(as_ofs) + timedelta(hours=chance.randint(-120 * 24, 20 * 24))


def _value(chance: Random, table: Table, column: TableColumn, as_ofs: tuple[datetime, ...]) -> object:
    if not column.required and chance.random() < (0.7 if column.name == "recorded_at" else 0.25):
        return None
    if column.name == "account_id":
        return chance.choice(ACCOUNTS)
    if column.type == "time":
        return _moment(chance, as_ofs)
    if column.type == "flag":
        return chance.random() < 0.5
    if column.type == "number":
        largest = NUMBERS.get(column.name, 5.0)
        smallest = -largest if column.minimum is None and column.name == "amount" else 0.0
        return chance.choice((smallest, largest, largest / 3, 0.2, round(chance.uniform(smallest, largest), 1)))
    return chance.choice(TEXTS.get((table.name, column.name), ("p", "q", "r")))


def _is_exact(column: Column) -> bool:
    """Say whether no rounding can tell the plans apart: nothing but counts, times and single values is read."""
    added_up = ("sum", "mean", "hours between")
    read = measures(column.feature.measure)
    return column.against != "own" and all(m.statistic not in added_up and m.half_life is None for m in read)


def _assert_same(slots: Mapping[str, object], joined: Mapping[str, object], where: str) -> None:
    for column in COLUMNS:
        found, expected = slots[column.name], joined[column.name]
        if not _is_exact(column) and isinstance(expected, float):
            expected = pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert found == expected, f"{column.name} of {where}"


@pytest.mark.parametrize("as_ofs", CALENDARS.values(), ids=CALENDARS)
@quick
@given(seed=st.integers(0, 2**32))
def test_the_slot_plan_equals_the_range_join(
    compute_features: Compute, as_ofs: tuple[datetime, ...], seed: int
) -> None:
    world = make_world(seed, as_ofs)
    slots = compute_features("slots", COLUMNS, world, as_ofs, ACCOUNTS)
    for (account, as_of), joined in compute_features("range join", COLUMNS, world, as_ofs, ACCOUNTS).items():
        _assert_same(slots[account, as_of], joined, f"{account} at {as_of:%Y-%m-%d} (seed {seed})")


def test_the_worlds_move_every_column(compute_features: Compute) -> None:
    """Else the plans would agree on columns that are always 0 or null."""
    as_ofs = CALENDARS["month starts"]
    found = compute_features("slots", COLUMNS, make_world(0, as_ofs), as_ofs, ACCOUNTS)
    still = [column.name for column in COLUMNS if len({row[column.name] for row in found.values()}) < 2]
    assert still == []
