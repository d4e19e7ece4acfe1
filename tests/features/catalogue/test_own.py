"""A company's own features: computed as by hand, point-in-time, and refused by the name of the entry."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import log
from pathlib import Path

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    JUST_BEFORE,
    RECORDED_LATE,
    Row,
    ago,
    faded,
    just_over,
    observed,
    of_kind,
    opened,
    resolved,
    subscription,
)
from undertow.features.catalogue.cards import Feature, definition_id
from undertow.features.catalogue.checks import resolve
from undertow.features.catalogue.choose import FEATURES, make_catalogue
from undertow.features.catalogue.language import Condition, Rows
from undertow.features.catalogue.own import COLUMN_OF, own_features, project_features
from undertow.features.connectors import EMPTY, FOLDER
from undertow.features.errors import SettingsError
from undertow.features.settings import FILE_NAME, make_settings
from undertow.features.tables import ALL_TABLES

Compute = Callable[..., dict[str, dict[str, object]]]
KINDS = '[events]\nkinds = ["delivery", "Store_Visit"]\n'
CARD = """
[[features]]
name = "{name}"
sentence = "Something of ours"
family = "cx"
level = "journey"
unit = "count"
table = "events"
"""
LATE = """
[[features]]
name = "late_deliveries"
sentence = "Deliveries that came late or were lost"
family = "cx"
level = "journey"
unit = "count"
table = "events"
where = { kind = "Delivery", name = ["late", "lost"] }
measure = "count"
windows = [7, 30]
trend = 30
good = "low"
feeds = 30
"""
OF_ALL_KINDS = f"""{KINDS}{LATE}
[[features]]
name = "late_share"
sentence = "Late deliveries, of all"
family = "cx"
level = "journey"
unit = "share"
table = "events"
where = {{ kind = "delivery", name = "late" }}
measure = "count"
per = {{ where = {{ kind = "delivery" }} }}
windows = [30]
null_means = "no delivery"

[[features]]
name = "basket_p75"
sentence = "A basket of one visit to the store in four is worth more"
family = "usage"
level = "relationship"
unit = "money"
table = "events"
where = {{ kind = "store_visit" }}
at_least = {{ value = 10 }}
below = {{ value = 1000 }}
measure = "quantile"
column = "value"
share = 0.75
windows = [90]
null_means = "no visit to a store"

[[features]]
name = "stores"
sentence = "Different stores visited"
family = "usage"
level = "relationship"
unit = "count"
table = "events"
where = {{ kind = "store_visit" }}
known = "name"
measure = "distinct"
column = "name"
windows = [90]

[[features]]
name = "days_since_store"
sentence = "Days since a store was visited"
family = "usage"
level = "relationship"
unit = "days"
table = "events"
where = {{ kind = "store_visit" }}
measure = "days since last"
lookback = 365
null_means = "no visit to a store in a year"

[[features]]
name = "store_visits_per_seat"
sentence = "Visits to a store per seat"
family = "usage"
level = "relationship"
unit = "score"
table = "events"
where = {{ kind = "store_visit" }}
measure = "count"
per = {{ feature = "seats" }}
windows = [30]
null_means = "no seats are stated"

[[features]]
name = "store_pace"
sentence = "Visits to a store per day"
family = "usage"
level = "relationship"
unit = "per day"
table = "events"
where = {{ kind = "store_visit" }}
measure = "count"
half_life = 30
per_day = true
null_means = "not observed yet"

[[features]]
name = "store_pace_against_usual"
sentence = "Visits to a store against the usual pace"
family = "usage"
level = "relationship"
unit = "log ratio"
table = "events"
where = {{ kind = "store_visit" }}
measure = "count"
half_life = 7
usual = 180
null_means = "not observed yet"
good = "high"
feeds = true

[[features]]
name = "urgent_open"
sentence = "Urgent tickets open"
family = "cx"
level = "journey"
unit = "count"
table = "tickets"
where = {{ priority = "urgent" }}
still = "resolved_at"
measure = "count"

[[features]]
name = "slowest_hours"
sentence = "Hours to resolution"
family = "cx"
level = "journey"
unit = "hours"
table = "tickets"
clock = "resolved_at"
measure = "hours between"
column = "opened_at"
until = "resolved_at"
windows = [30]
null_means = "no ticket was resolved"
"""


def _own(toml: str) -> tuple[Feature, ...]:
    return own_features(make_settings(Path("."), tomllib.loads(toml)))


def _of_the_account(rows: Sequence[Row]) -> list[Row]:
    return [{"account_id": "a", **row} for row in rows]


EVENTS = _of_the_account([
    *of_kind("delivery", 1, 8, name="late"),
    *of_kind("delivery", 29, name="lost"),
    *of_kind("delivery", 31, 59, name="late"),
    *of_kind("delivery", 5, 6, name="on time"),
    *of_kind("page_view", 5, name="late"),
    *of_kind("delivery", AS_OF, name="late"),
    *of_kind("delivery", just_over(60), name="late"),
    *of_kind("delivery", 3, name="late", **RECORDED_LATE),
    *of_kind("store_visit", 10, value=20, name="Bonn"),
    *of_kind("store_visit", 40, value=100, name="Bonn"),
    *of_kind("store_visit", 80, value=9, name="Ulm"),
    *of_kind("store_visit", 85, value=1000),
])  # fmt: skip
TICKETS = _of_the_account([
    *opened(3, 400, priority="urgent"),
    *opened(3, priority="low"),
    *resolved(10, priority="urgent"),
    {"opened_at": ago(20), "resolved_at": AS_OF, "priority": "urgent"},
])  # fmt: skip
SEATS = _of_the_account([subscription(300, seats=4)])


def _faded_store_visits(half_life: float) -> float:
    return faded(half_life, 10, 40, 80, 85)


HAND_COMPUTED = {
    "late_deliveries_7": 1,
    "late_deliveries_30": 3,
    "late_deliveries_trend_30": 3 - 2,
    "late_share_30": 2 / 5,
    "basket_p75_90": 20 + 0.75 * (100 - 20),
    "stores_90": 2,
    "days_since_store": 10,
    "store_visits_per_seat_30": 1 / 4,
    "urgent_open": 2 + 1,
    "slowest_hours_30": 24,
    # of 85 days: the record of events begins with the oldest row
    "store_pace": _faded_store_visits(30) / observed(30, 85),
    "store_pace_against_usual": log(
        (_faded_store_visits(7) + 1) / (_faded_store_visits(180) * observed(7, 85) / observed(180, 85) + 1)
    ),
}


def test_own_features_are_computed_as_by_hand(features_of: Compute) -> None:
    """By both query plans; all but the row at as_of, the one recorded late, and those outside the windows count."""
    columns = [column for card in _own(OF_ALL_KINDS) for column in card.columns]
    assert {column.name for column in columns} == set(HAND_COMPUTED)
    accounts = [{"account_id": "a", "created_at": ago(500)}]
    tables = {"accounts": accounts, "events": EVENTS, "tickets": TICKETS, "subscriptions": SEATS}
    assert features_of(columns, tables, AS_OF)["a"] == pytest.approx(HAND_COMPUTED, rel=1e-9)


def test_an_account_without_rows_has_counts_of_0_and_nulls_elsewhere(features_of: Compute) -> None:
    cards = _own(OF_ALL_KINDS)
    accounts = [{"account_id": "a", "created_at": ago(500)}]
    values = features_of([column for card in cards for column in card.columns], {"accounts": accounts}, AS_OF)["a"]
    zero = {column.name for card in cards if card.null_means == "never null" for column in card.columns}
    assert zero and all(values[name] == (0 if name in zero else None) for name in HAND_COMPUTED)


@pytest.mark.parametrize("days", [0, 1, 45])
def test_rows_that_happen_or_are_recorded_from_as_of_on_move_no_own_feature(features_of: Compute, days: int) -> None:
    """The same rows, known just before as_of, do move each of them, so that the test can fail."""
    columns = [column for card in _own(OF_ALL_KINDS) for column in card.columns]
    accounts = [{"account_id": "a", "created_at": ago(500)}]
    tables = {"accounts": accounts, "events": EVENTS, "tickets": TICKETS, "subscriptions": SEATS}
    later = AS_OF + timedelta(days=days)

    def added(when: datetime, recorded: datetime) -> dict[str, list[Row]]:
        known = {"recorded_at": recorded}
        events = [
            *of_kind("delivery", when, when, name="late", **known),
            *of_kind("store_visit", when, when, value=500, name="Kiel", **known),
        ]
        tickets = [
            *opened(when, priority="urgent", **known),
            {"opened_at": ago(40), "resolved_at": when, "priority": "urgent", **known},
        ]
        return tables | {
            "events": [*EVENTS, *_of_the_account(events)],
            "tickets": [*TICKETS, *_of_the_account(tickets)],
        }

    before = features_of(columns, tables, AS_OF)["a"]
    for when, recorded in ((later, later), (JUST_BEFORE, later)):
        assert features_of(columns, added(when, recorded), AS_OF)["a"] == before
    moved = features_of(columns, added(JUST_BEFORE, JUST_BEFORE), AS_OF)["a"]
    assert {name for name in before if moved[name] != before[name]} == set(before)


def test_an_entry_is_a_card_that_stands_behind_those_of_the_catalogue() -> None:
    settings = make_settings(Path("."), tomllib.loads(KINDS + LATE))
    [card] = own_features(settings)
    assert card.measure == Rows("events", "occurred_at", (
        Condition("kind", "is", "delivery"), Condition("name", "is", ("late", "lost"))
    )).count()  # fmt: skip
    assert [column.name for column in card.columns if column.feeds] == ["late_deliveries_30"]
    catalogue = make_catalogue(ALL_TABLES, features=(*FEATURES, card), event_kinds=settings.events.kinds)
    assert catalogue.columns[-3:] == card.columns
    assert catalogue.id != make_catalogue(ALL_TABLES).id
    assert make_catalogue(["tickets"], features=[card], event_kinds=("delivery",)).dropped == {card.name: "events"}


def test_another_condition_or_window_is_another_definition_and_another_sentence_is_not() -> None:
    ids = [
        definition_id(_own(KINDS + LATE.replace(*change))[0])
        for change in (("", ""), ('"late", "lost"', '"late"'), ("[7, 30]", "[30]"), ("came late", "were late"))
    ]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3


def test_the_examples_in_the_empty_template_are_valid() -> None:
    template = (FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8")
    lines = template[template.index("# [[features]]\n") : template.index("\n# What the columns of")].splitlines()
    cards = _own(KINDS + "\n".join(line.removeprefix("#") for line in lines))
    assert [card.name for card in cards] == ["late_deliveries", "late_delivery_share", "store_visits_against_usual"]


def test_every_measure_is_named_in_the_empty_template() -> None:
    template = (FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8")
    assert not [statistic for statistic in COLUMN_OF if statistic not in template]


def test_what_the_customer_did_not_do_is_no_activity(features_of: Compute) -> None:
    """Deliveries, alone and with a user and a session, beside one page view 20 days ago."""
    settings = make_settings(Path("."), tomllib.loads(f'{KINDS}not_activity = ["delivery"]\n{LATE}'))
    cards = {card.name: card for card in make_catalogue(
        ALL_TABLES, features=project_features(settings), event_kinds=settings.events.kinds
    ).features}  # fmt: skip
    events = _of_the_account([
        *of_kind("page_view", 20, user_id="u", session_id="s", platform="web", opens_visit=True),
        *of_kind("delivery", 2, name="late"),
        *of_kind("delivery", 3, name="late", user_id="v", session_id="t", platform="van", opens_visit=True),
    ])  # fmt: skip
    expected = {
        "active_days_30": 1, "visits_30": 1, "active_users_30": 1, "platforms_used_30": 1, "champion_share_30": 1,
        "champion_quiet_days_90": 20, "days_since_last_activity": 20, "page_views_per_visit_30": 1,
        "visit_pace": faded(21, 20) / observed(21, 20), "late_deliveries_30": 2,
    }  # fmt: skip
    columns = [column for card in cards.values() for column in card.columns if column.name in expected]
    accounts = [{"account_id": "a", "created_at": ago(500)}]
    values = features_of(columns, {"accounts": accounts, "events": events}, AS_OF)["a"]
    assert values == pytest.approx(expected, rel=1e-9)


def test_only_the_features_of_activity_are_other_definitions_where_some_kinds_are_none() -> None:
    settings = make_settings(Path("."), tomllib.loads(f'{KINDS}not_activity = ["delivery"]'))
    pairs = zip(resolve(FEATURES), resolve(project_features(settings)), strict=True)
    changed = {one.name for one, other in pairs if definition_id(one) != definition_id(other)}
    assert {"active_days", "visits", "seats_active_share", "visits_now_against_usual"} <= changed
    assert not changed & {"page_views", "errors", "logins", "ticket_pace_usual", "mrr", "error_share_usual"}
    assert project_features(make_settings(Path("."), tomllib.loads(KINDS))) == FEATURES


# --- refusals --------------------------------------------------------------------------------------

COUNT = 'measure = "count"\nwindows = [30]'


def _with(more: str) -> str:
    return KINDS + CARD.format(name="ours") + more


def _changed(field: str, value: str) -> str:
    """Return a valid entry with one field changed."""
    lines = [line for line in _with(COUNT).splitlines() if not line.startswith(f"{field} =")]
    return "\n".join([*lines, f"{field} = {value}"])


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        # names and words
        (_changed("name", '"Ours"'), "expected lower-case letters, digits and underscores"),
        (_changed("name", '"account_id"'), "used for columns of Undertow"),
        (_changed("name", '"profile_ours"'), "used for columns of Undertow"),
        (_changed("name", '"errors"'), "'errors' is a name or column of Undertow's feature 'errors' already; rename"),
        (_changed("name", '"errors_per_page"') + CARD.format(name="errors_per_page") + COUNT, "of your feature"),
        (_changed("sentence", '""'), "sentence must be one line of 1 to 120 characters; got ''"),
        (_changed("sentence", '"deliveries"'), "begins with a capital letter"),
        (_changed("sentence", '"Deliveries."'), "without a full stop"),
        (_changed("sentence", '"Deliveries in the last 30 days"'), "must not name the period"),
        (_changed("family", '"contract"'), "unknown family 'contract'; expected one of: ux, cx, billing, usage"),
        (_changed("family", '"usge"'), "Did you mean 'usage'"),
        (_changed("level", '"jurney"'), "unknown level 'jurney'"),
        (_changed("unit", '"text"'), "unknown unit 'text'; expected one of: count, share"),
        (_changed("unit", '"days"'), 'expected unit = "count" for this measure, got "days"'),
        (_changed("unit", '"share"'), 'expected unit = "count"'),
        # tables, columns and kinds
        (_changed("table", '""'), "table is missing; expected one of: users, events"),
        (_changed("table", '"evnts"'), "unknown table 'evnts'. Did you mean 'events'"),
        (_changed("table", '"accounts"'), "profile_<column>"),
        (_changed("table", '"rates"'), "the rows of table 'rates' are of no single account"),
        (_changed("clock", '"ocurred_at"'), r"no column 'ocurred_at' \(clock\). Did you mean 'occurred_at'"),
        (_changed("clock", '"value"'), "clock needs a time column; events.value is a number"),
        (_changed("where", '{ kind = "delivry" }'), r"no kind 'delivry'. Did you mean 'delivery'.*\[events\] kinds"),
        (_changed("where", '{ nme = "late" }'), "no column 'nme' .*Did you mean 'name'"),
        (_changed("where", "{ name = 3 }"), "where: events.name is a text; got 3.0"),
        (_changed("where", '{ value = "3" }'), "where: events.value is a number; got '3'"),
        (_changed("where", "{ value = true }"), "where: events.value is a number; got True"),
        (_changed("where", "{ name = [] }"), "the list of values of name is empty"),
        (_changed("where", "{ occurred_at = 3 }"), "where needs a text or number or flag column"),
        (_changed("above", "{ name = 3 }"), "above needs a number column; events.name is a text"),
        (_changed("still", '"name"'), "still needs a time column"),
        (_changed("top", "{ value = 2 }"), "events have no scale_max"),
        # measures
        (_changed("measure", '""'), "measure is missing. Expected one of: count"),
        (_changed("measure", '"cuont"'), "unknown measure 'cuont'. Did you mean 'count'"),
        (_changed("column", '"name"'), 'measure = "count" does not read column; remove it'),
        (_changed("share", "0.5"), 'measure = "count" does not read share; remove it'),
        (_changed("every_months", '"value"'), "does not read every_months"),
        (_with('measure = "sum"\nwindows = [30]'), 'measure = "sum" needs column; add it'),
        (_with('measure = "sum"\ncolumn = "name"\nwindows = [30]'), "sum.* needs a number .*events.name is a text"),
        (_with('measure = "latest"\ncolumn = "platform"'), "latest.* needs a number column"),
        (_with('measure = "quantile"\ncolumn = "value"\nwindows = [30]'), "needs share; add it"),
        (
            _changed("unit", '"score"').replace('"count"', '"quantile"')
            + '\ncolumn = "value"\nshare = 75\nnull_means = "none"',
            "share of a quantile must lie in 0 to 1; got 75",
        ),
        (_with('measure = "mean"\ncolumn = "value"\nwindows = [30]'), "may be null; say why in null_means"),
        # periods
        (_with('measure = "count"'), r'measure = "count" needs a period; expected windows = \[30, 90\]'),
        (_changed("windows", "[31]"), "unknown window 31; windows are 7, 30, 90, 180, 365 days"),
        (_changed("lookback", "30"), "lookback is of a feature at as_of, without windows; remove it"),
        (_changed("change", "30"), "change is of a feature at as_of, without windows; remove it: use trend"),
        (_changed("feeds", "90"), r"feeds=90 names no column of the card; expected one of its windows \(30 days\)"),
        (_changed("half_life", "30"), "a fading measure covers three years"),
        (_changed("null_means", '"none"'), "never null; remove null_means"),
        (_with('measure = "distinct"\ncolumn = "name"\nhalf_life = 7'), 'measure = "distinct" has no half_life'),
        (_with('measure = "count"\nhalf_life = 0\nnull_means = ""'), "cannot fade with a half-life of 0 days"),
        # ratios and paces
        (_changed("per", "{}"), "may be null; say why in null_means"),
        (_changed("per", '{ where = { kind = "delivry" } }') + '\nnull_means = "none"', "no kind 'delivry'"),
        (_changed("per", '{ feature = "saets" }'), "per names the unknown feature 'saets'. Did you mean 'seats'"),
        (_changed("per", '{ feature = "ours" }'), "One of your own must stand above this one"),
        (_changed("per", '{ feature = "segment" }'), "which is a text"),
        (_changed("per", '{ feature = "seats", measure = "count" }'), "a feature or describes rows, not both"),
        (_with('measure = "count"\nhalf_life = 7\nper = { feature = "visits" }'), "which has windows; give this"),
        (_changed("per_day", "true").replace('unit = "count"', 'unit = "per day"'), "with half_life, and no per"),
        (_changed("unit", '"log ratio"') + "\nusual = 180", "with half_life, and neither per nor per_day"),
        (
            _with('measure = "count"\nhalf_life = 30\nusual = 7').replace('unit = "count"', 'unit = "log ratio"'),
            "usual = 7, half_life = 30",
        ),
        (
            _with('measure = "count"\nhalf_life = 7\nusual = 90').replace('unit = "count"', 'unit = "log ratio"'),
            'has a good side; expected good = "high" or "low"',
        ),
    ],
)  # fmt: skip
def test_an_entry_that_is_wrong_is_refused_by_name(toml: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^\[\[features\]\] '\w+': .*{message}"):
        _own(toml)


def test_the_entry_that_the_refusals_change_is_valid() -> None:
    assert [card.name for card in _own(_with(COUNT))] == ["ours"]


def test_every_wrong_entry_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        _own(KINDS + "".join(CARD.format(name=name) + 'measure = "cont"\n' for name in ("one", "two")))
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "[[features]] 'one'", "[[features]] 'two'",
    ]  # fmt: skip
