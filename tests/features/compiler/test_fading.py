"""Rows that count less with their age, and what all accounts meet: values computed by hand, by both plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import log

import pytest

from tests.features.compiler.measures import AS_OF, MOMENT, Row, ago, errors, events, events_ago, tickets, values_of
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Combination, Deviation, Exposure, Expression, Shrunk

Tables = Mapping[str, Sequence[Row]]
Features = Callable[..., dict[str, dict[str, object]]]
views = events.where(kind="page_view")
NOW = 1e-9  # days; a moment ago


def of(features_of: Features, measure: Expression, tables: Tables, account: str = "a") -> object:
    """Compute a measure for one of the accounts a, b and c at AS_OF; rows that name no account are of a."""
    columns = Feature("x", "X", "ux", "interaction", "score", measure).columns
    given = {name: [{"account_id": "a", **row} for row in rows] for name, rows in tables.items()}
    return features_of(columns, given, AS_OF, ["a", "b", "c"])[account]["x"]


def created(days: float, account: str = "a") -> Row:
    return {"account_id": account, "created_at": ago(days)}


# --- counts, sums, means ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half_life", "days", "expected"),
    [
        (21, (NOW, 21, 42), 1 + 1 / 2 + 1 / 4),
        (21, (63, 63), 2 / 8),
        (7, (3.5,), 0.5**0.5),
        (365, (1095,), 1 / 8),
        (365, (1095 + NOW,), 0.0),  # three years ago is too long ago
        (365, (0,), 0.0),  # an event at as_of is not yet known
        (365, (), 0.0),
    ],
)
def test_a_row_counts_half_after_the_half_life(
    features_of: Features, half_life: int, days: tuple[float, ...], expected: float
) -> None:
    found = of(features_of, events.count().fading(half_life), {"events": events_ago(*days)})
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_fading_sum_and_mean_weigh_the_values_that_there_are(features_of: Features) -> None:
    rows = [*events_ago(21, value=8.0), *events_ago(42, value=20.0), *events_ago(1, value=None)]
    assert of(features_of, events.sum("value").fading(21), {"events": rows}) == pytest.approx(8 / 2 + 20 / 4)
    assert of(features_of, events.mean("value").fading(21), {"events": rows}) == pytest.approx(
        (4 + 5) / (1 / 2 + 1 / 4)
    )
    assert of(features_of, events.sum("value").fading(21), {"events": events_ago(1)}) == 0.0
    assert of(features_of, events.mean("value").fading(21), {"events": events_ago(1)}) is None


def test_a_fading_sum_of_hours_counts_by_the_time_of_the_rows(features_of: Features) -> None:
    """Two tickets, resolved 30 and 60 days ago after 5 and 8 hours; by the day of the resolution."""
    hours = tickets.timed_by("resolved_at").sum_of_hours("opened_at", "resolved_at").fading(30)
    rows = [
        {"opened_at": ago(30) - timedelta(hours=5), "resolved_at": ago(30)},
        {"opened_at": ago(60) - timedelta(hours=8), "resolved_at": ago(60)},
        {"opened_at": ago(9), "resolved_at": AS_OF},
    ]
    assert of(features_of, hours, {"tickets": rows}) == pytest.approx(5 / 2 + 8 / 4)
    assert of(features_of, hours, {"tickets": rows[2:]}) == 0.0


def test_a_sum_of_hours_in_a_window_is_not_weighed(value: Callable[..., object]) -> None:
    rows = [{"opened_at": ago(days), "first_response_at": ago(days) + timedelta(hours=3)} for days in (1, 20, 31)]
    assert value(tickets.sum_of_hours("opened_at", "first_response_at"), rows, windows=(30,)) == pytest.approx(6.0)


@pytest.mark.parametrize(("recorded", "counted"), [(AS_OF - MOMENT, 1 / 2), (AS_OF, 0.0), (ago(-5), 0.0)])
def test_a_row_recorded_late_counts_by_its_own_age_once_it_is_known(
    features_of: Features, recorded: datetime, counted: float
) -> None:
    rows = [{"occurred_at": ago(21), "recorded_at": recorded}]
    assert of(features_of, events.count().fading(21), {"events": rows}) == pytest.approx(counted)
    assert of(features_of, events.count().fading(21).of_all_accounts(), {"events": rows}, "b") == (
        pytest.approx(counted) if counted else 0.0
    )


def test_at_several_as_ofs_each_row_has_the_age_it_has_there(compute_features: Callable[..., dict]) -> None:
    columns = Feature("x", "X", "ux", "interaction", "score", events.count().fading(30)).columns
    as_ofs = [AS_OF - timedelta(days=days) for days in (60, 30, 0)]
    rows = [{"account_id": "a", **row} for row in events_ago(30, 60, 90)]
    rows.append({"account_id": "a", "occurred_at": ago(90), "recorded_at": ago(30)})
    for plan in ("slots", "range join"):
        found = compute_features(plan, columns, {"events": rows}, as_ofs, ["a"])
        # The late row is of 90 days before the last as_of, and known at that one alone.
        expected = [1 / 2, 1 / 2 + 1 / 4, 1 / 2 + 1 / 4 + 1 / 8 + 1 / 8]
        assert [found["a", as_of]["x"] for as_of in as_ofs] == pytest.approx(expected), plan


def test_a_share_of_rows_that_have_all_but_faded_is_null(features_of: Features) -> None:
    """After 29 half-lives a row counts 1.9e-9, after 30 it counts 0.9e-9."""
    share = errors.count().fading(7) / events.count().fading(7)
    rows = {"events": [*events_ago(29 * 7, kind="error"), *events_ago(29 * 7)]}
    assert of(features_of, share, rows) == pytest.approx(1 / 2)
    assert of(features_of, share, {"events": events_ago(30 * 7, kind="error")}) is None
    assert of(features_of, events.mean("value").fading(7), {"events": events_ago(30 * 7, value=5.0)}) is None


# --- per day ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "record", "days"),
    [(500, 500, 500), (42, 500, 42), (500, 42, 42), (21, 42, 21)],
)
def test_a_pace_is_per_day_since_the_account_and_the_record_began(
    features_of: Features, account: float, record: float, days: float
) -> None:
    """The days fade as the rows do: 42 of them weigh 21 / ln 2 x (1 - 1 / 4). The record is that of all accounts."""
    tables = {
        "accounts": [created(account), created(900, "b")],
        "events": [*events_ago(21, kind="error"), *events_ago(record, account_id="b")],
    }
    weighed = 21 / log(2) * (1 - 0.5 ** (days / 21))
    assert of(features_of, errors.count().fading(21).per_day(), tables) == pytest.approx((1 / 2) / weighed)


def test_a_pace_is_null_where_the_table_has_no_row_and_0_where_others_have_some(features_of: Features) -> None:
    tables = {"accounts": [created(90)]}
    pace = errors.count().fading(21).per_day()
    assert of(features_of, pace, tables) is None
    assert of(features_of, pace, {**tables, "events": events_ago(9, account_id="b")}) == 0.0


def test_a_steady_pace_is_the_rows_per_day(features_of: Features) -> None:
    tables = {"accounts": [created(400)], "events": events_ago(*[day / 4 for day in range(1, 1600)], kind="error")}
    assert of(features_of, errors.count().fading(60).per_day(), tables) == pytest.approx(4.0, rel=1e-2)


# --- against usual ---------------------------------------------------------------------------


def test_a_deviation_is_the_log_of_recent_over_expected_rows_with_the_prior_added_to_both(
    features_of: Features,
) -> None:
    """Rows 10 and 20 days ago, half-lives of 10 and 20 days, an account and record of 20 days.

    Recent: 1/2 + 1/4. Usual: 2^(-1/2) + 1/2. Days observed: 10/ln2 x (1 - 1/4) and 20/ln2 x (1 - 1/2), whose
    ratio is 3/4. So ln((3/4 + 2) / ((2^(-1/2) + 1/2) x 3/4 + 2)).
    """
    tables = {"accounts": [created(20)], "events": events_ago(10, 20, kind="error")}
    measure = Deviation(errors.count().fading(10), errors.count().fading(20), prior=2.0)
    expected = log(2.75 / ((0.5**0.5 + 0.5) * 0.75 + 2))
    assert of(features_of, measure, tables) == pytest.approx(expected)


def test_without_any_row_of_its_own_a_deviation_is_0(features_of: Features) -> None:
    tables = {"accounts": [created(20)], "events": events_ago(10, account_id="b")}
    measure = Deviation(errors.count().fading(10), errors.count().fading(20), prior=2.0)
    assert of(features_of, measure, tables) == 0.0


def test_a_share_of_few_rows_is_pulled_toward_that_of_all_accounts(features_of: Features) -> None:
    """Own: 1 error in 1 event, each a half. All: 1 error in 4 events. (1/2 + 3 x 1/4) / (1/2 + 3)."""
    over, under = errors.count().fading(21), events.count().fading(21)
    measure = Shrunk(over, under, over.of_all_accounts() / under.of_all_accounts(), strength=3.0)
    rows = [*events_ago(21, kind="error"), *events_ago(21, 21, 21, account_id="b")]
    assert of(features_of, measure, {"events": rows}) == pytest.approx((1 / 2 + 3 / 4) / (1 / 2 + 3))
    assert of(features_of, measure, {"events": rows}, "c") == pytest.approx(1 / 4)
    assert of(features_of, measure, {}) is None


def test_a_null_term_makes_a_combination_null_or_adds_nothing(features_of: Features) -> None:
    terms = ((2.0, events.where(kind="x").mean("value")), (3.0, events.count()))
    rows = values_of(7.0)
    assert of(features_of, Combination(terms), {"events": rows}) is None
    assert of(features_of, Combination(terms, null_is_zero=True), {"events": rows}) == 3.0
    assert of(features_of, Combination(terms[:1], null_is_zero=True), {"events": rows}) == 0.0


# --- what all accounts meet ------------------------------------------------------------------


def on(platform: str | None, kind: str, number: int, account: str = "a", days: float = 30) -> list[Row]:
    return [{"account_id": account, "occurred_at": ago(days), "kind": kind, "platform": platform}] * number


# Per page view, all counted half: web 2 errors of 8, ios 3 of 4. All accounts: (8 x 1/4 + 4 x 3/4) / 12 = 5/12.
MET = Exposure(errors.count().fading(30), views.count().fading(30), ("platform",), views.count().fading(30), 2.0)
TWO_PLATFORMS = [
    *on("web", "page_view", 6),
    *on("ios", "page_view", 2),
    *on("ios", "error", 3),
    *on("web", "page_view", 2, "b"),
    *on("ios", "page_view", 2, "b"),
    *on("web", "error", 2, "b"),
]


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        # Own use 3 and 1 (6 and 2, a half each), and 2 more as all accounts: (3 x 1/4 + 1 x 3/4 + 2 x 5/12) / (4 + 2).
        ("a", (3 / 4 + 3 / 4 + 2 * 5 / 12) / 6),
        ("b", (1 / 4 + 3 / 4 + 2 * 5 / 12) / 4),
        ("c", 5 / 12),  # without rows: as all accounts
    ],
)
def test_an_exposure_weighs_the_rate_of_each_platform_by_the_use_of_the_account(
    features_of: Features, account: str, expected: float
) -> None:
    assert of(features_of, MET, {"events": TWO_PLATFORMS}, account) == pytest.approx(expected)


def test_on_which_account_an_error_was_met_does_not_matter(features_of: Features) -> None:
    others = [{**row, "account_id": "c"} if row["kind"] == "error" else row for row in TWO_PLATFORMS]
    before, after = (of(features_of, MET, {"events": rows}) for rows in (TWO_PLATFORMS, others))
    assert before == pytest.approx(after)


def test_rows_without_a_platform_and_platforms_without_a_rate_do_not_count(features_of: Features) -> None:
    """An error on a platform on which nobody viewed a page has no rate."""
    more = [*on(None, "page_view", 5), *on(None, "error", 5), *on("tv", "error", 5, "b")]
    before, after = (of(features_of, MET, {"events": rows}) for rows in (TWO_PLATFORMS, [*TWO_PLATFORMS, *more]))
    assert before == pytest.approx(after)


def test_a_platform_without_errors_has_the_rate_0(features_of: Features) -> None:
    """Own use: 1 of web, 1 of tv; all accounts: the same. (1 x 1/2 + 1 x 0) / 2."""
    rows = [*on("web", "page_view", 2), *on("tv", "page_view", 2), *on("web", "error", 1, "b")]
    assert of(features_of, MET, {"events": rows}) == pytest.approx(1 / 4)


def test_nobody_met_anything_where_nobody_viewed_a_page(features_of: Features) -> None:
    assert of(features_of, MET, {"events": on("web", "error", 3)}) is None


def test_by_two_columns_each_pair_of_values_has_its_own_rate(features_of: Features) -> None:
    """Errors on page p of the web alone: 1 of 2 there. Account a uses it half of the time, b never."""
    pairs = Exposure(MET.over, MET.under, ("platform", "name"), MET.use, 2.0)
    rows = [
        *({**row, "name": "p"} for row in [*on("web", "page_view", 2), *on("web", "error", 1, "c")]),
        *({**row, "name": "p"} for row in on("ios", "page_view", 2)),
        *({**row, "name": "q"} for row in on("web", "page_view", 4, "b")),
    ]
    of_all = (1 * 1 / 2) / 4
    assert of(features_of, pairs, {"events": rows}) == pytest.approx((1 / 2 + 2 * of_all) / (2 + 2))
    assert of(features_of, pairs, {"events": rows}, "b") == pytest.approx((0 + 2 * of_all) / (2 + 2))


@pytest.mark.parametrize("account", ["a", "b"])
@pytest.mark.parametrize("late", [{"occurred_at": AS_OF}, {"recorded_at": AS_OF}, {"recorded_at": ago(-9)}])
def test_rows_that_are_not_known_at_as_of_move_no_account(features_of: Features, account: str, late: Row) -> None:
    more = [{**row, **late} for row in [*on("web", "error", 4), *on("ios", "page_view", 9, "b")]]
    rates = errors.count().fading(21).of_all_accounts() / events.count().fading(21).of_all_accounts()
    for measure in (MET, rates, errors.count().fading(21).per_day()):
        before, after = (
            of(features_of, measure, {"accounts": [created(90), created(90, "b")], "events": rows}, account)
            for rows in (TWO_PLATFORMS, [*TWO_PLATFORMS, *more])
        )
        assert before == after


def test_what_others_met_counts_from_the_as_of_at_which_it_is_known(compute_features: Callable[..., dict]) -> None:
    """Four page views a day before each as_of; the one error, of 61 days ago, is known at the last as_of alone."""
    rates = errors.count().fading(30).of_all_accounts() / views.count().fading(30).of_all_accounts()
    cards = [Feature(name, "X", "ux", "interaction", "share", each) for name, each in (("met", MET), ("rate", rates))]
    as_ofs = [AS_OF - timedelta(days=days) for days in (60, 30, 0)]
    rows = [row for days in (61, 31, 1) for row in on("web", "page_view", 4, "b", days)]
    rows += [{**row, "recorded_at": ago(5)} for row in on("web", "error", 1, "b", 61)]
    expected = 0.5 ** (61 / 30) / (4 * (0.5 ** (1 / 30) + 0.5 ** (31 / 30) + 0.5 ** (61 / 30)))
    for plan in ("slots", "range join"):
        found = compute_features(plan, [card.columns[0] for card in cards], {"events": rows}, as_ofs, ["a"])
        for name in ("met", "rate"):
            values = [found["a", as_of][name] for as_of in as_ofs]
            assert values == pytest.approx([0.0, 0.0, expected]), (plan, name)
