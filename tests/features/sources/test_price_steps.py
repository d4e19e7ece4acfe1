"""Steps of list prices: whom they concern, from when they are known, and that later rows move no known step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from tests.tables_by_hand import as_arrow
from undertow.features.replay.replay import rows_recorded_by
from undertow.features.settings import Settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables
from undertow.features.sources.price_steps import list_price_steps
from undertow.features.tables import TABLES

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
Load = Callable[..., Tables]

OLD = {"plan": "pro", "valid_from": "2024-01-01", "price": 20}
RISE = {"plan": "pro", "valid_from": "2024-05-01", "price": 22, "announced_at": "2024-04-01"}


@pytest.fixture
def load(project: Project) -> Load:
    """Return a function that loads list prices and subscriptions beside the accounts Ada and Bo, and one event."""

    def read(prices: Sequence[Row], subscriptions: Sequence[Row]) -> Tables:
        files = {"accounts.csv": ACCOUNTS, "list_prices.csv": prices, "subscriptions.csv": subscriptions,
                 "events.csv": [GOOD["events"]]}  # fmt: skip
        return read_tables(project(files), NOW)

    return read


def period(started_at: str = "2024-02-01", ended_at: str = "", plan: str = "pro", **more: object) -> Row:
    return {**GOOD["subscriptions"], "started_at": started_at, "ended_at": ended_at, "plan": plan, **more}


def steps(tables: Tables) -> list[dict[str, object]]:
    return pq.read_table(tables.path("price_steps")).sort_by([("takes_effect_at", "ascending")]).to_pylist()


def test_a_rise_concerns_each_paid_subscription_to_the_plan(load: Load) -> None:
    tables = load([OLD, RISE], [period(), period(plan="basic", subscription_id="s2"),
                                period(mrr=0, subscription_id="s3")])  # fmt: skip
    assert steps(tables) == [
        {
            "account_id": "ada",
            "subscription_id": "s1",
            "announced_at": datetime(2024, 4, 1),
            "recorded_at": datetime(2024, 4, 1),
            "takes_effect_at": datetime(2024, 5, 1),
            "rise": pytest.approx(0.1),
            "superseded_at": None,
        }
    ]
    assert "price_steps" in tables.present and "list_prices" in tables.present


@pytest.mark.parametrize(
    ("started_at", "ended_at", "concerned"),
    [
        ("2024-04-30", "", True),
        ("2024-05-01", "", False),  # began at the new price
        ("2024-02-01", "2024-05-01", True),
        ("2024-02-01", "2024-05-02", True),
    ],
)
def test_a_step_concerns_who_was_a_customer_just_before_it(
    load: Load, started_at: str, ended_at: str, concerned: bool
) -> None:
    assert len(steps(load([OLD, RISE], [period(started_at, ended_at)]))) == concerned


def test_a_step_is_known_until_an_earlier_end_is_recorded(load: Load) -> None:
    [step] = steps(load([OLD, RISE], [period(ended_at="2024-04-20", end_recorded_at="2024-05-10")]))
    assert (step["recorded_at"], step["superseded_at"]) == (datetime(2024, 4, 1), datetime(2024, 5, 10))
    assert steps(load([OLD, RISE], [period(ended_at="2024-03-20", end_recorded_at="2024-03-25")])) == []


@pytest.mark.parametrize(
    ("prices", "subscription", "known_at"),
    [
        ([OLD, {**RISE, "recorded_at": "2024-04-03"}], period(), datetime(2024, 4, 3)),
        ([OLD, RISE], period("2024-04-15"), datetime(2024, 4, 15)),
        ([OLD, RISE], period(recorded_at="2024-04-20"), datetime(2024, 4, 20)),
        ([{**OLD, "recorded_at": "2024-04-25"}, RISE], period(), datetime(2024, 4, 25)),
        ([OLD, {**RISE, "announced_at": ""}], period(), datetime(2024, 5, 1)),
    ],
    ids=["the new price", "the start", "the subscription", "the old price", "a rise without an announcement"],
)
def test_a_step_is_known_once_the_last_of_its_rows_is(
    load: Load, prices: Sequence[Row], subscription: Row, known_at: datetime
) -> None:
    [step] = steps(load(prices, [subscription]))
    assert step["recorded_at"] == known_at


def test_each_price_is_compared_with_the_one_before_it(load: Load) -> None:
    cut = {"plan": "pro", "valid_from": "2024-06-01", "price": 11}
    found = steps(load([cut, OLD, RISE], [period()]))
    assert [step["rise"] for step in found] == [pytest.approx(22 / 20 - 1), pytest.approx(11 / 22 - 1)]


def test_a_price_between_that_is_recorded_later_divides_the_step_from_then_on(load: Load) -> None:
    between = {"plan": "pro", "valid_from": "2024-03-01", "price": 21, "recorded_at": "2024-05-20"}
    found = {
        (step["takes_effect_at"], step["recorded_at"]): (step["rise"], step["superseded_at"])
        for step in steps(load([OLD, between, RISE], [period()]))
    }
    march, may, recorded = datetime(2024, 3, 1), datetime(2024, 5, 1), datetime(2024, 5, 20)
    assert found == {
        (may, datetime(2024, 4, 1)): (pytest.approx(22 / 20 - 1), recorded),
        (march, recorded): (pytest.approx(21 / 20 - 1), None),
        (may, recorded): (pytest.approx(22 / 21 - 1), None),
    }


@pytest.mark.parametrize(
    "change", [{"price": 20}, {"currency": "USD"}, {"price": 0}], ids=["same price", "other currency", "free"]
)
def test_what_is_no_step(load: Load, change: Row) -> None:
    assert steps(load([{**OLD, "currency": "EUR"}, {**RISE, "currency": "EUR", **change}], [period()])) == []


def test_list_prices_neither_set_the_currency_nor_the_period_of_the_record(load: Load) -> None:
    prices = [{**OLD, "currency": "USD"}, {**RISE, "valid_from": "2024-06-14", "announced_at": ""}]
    tables = load(prices, [period(currency="EUR")])
    assert (tables.currency, tables.refusals) == ("EUR", ())
    assert (tables.since, tables.until) == (datetime(2024, 3, 1), datetime(2024, 3, 2))


def test_a_price_that_is_valid_later_needs_its_announcement(load: Load) -> None:
    tables = load([OLD, {**RISE, "valid_from": "2024-08-01", "announced_at": ""}], [period()])
    assert [reason.reason for reason in tables.report("list_prices").reasons] == ["announced_at is in the future"]
    tables = load([OLD, {**RISE, "valid_from": "2024-08-01"}], [period()])
    assert [step["takes_effect_at"] for step in steps(tables)] == [datetime(2024, 8, 1)]


def test_a_plan_of_no_subscription_is_named(load: Load) -> None:
    tables = load([OLD, {**OLD, "plan": "Pro"}], [period()])
    assert "list_prices: 1 plan of no subscription, such as Pro (spelled otherwise?)." in tables.notes


# --- replay ------------------------------------------------------------------------------------------

FIRST = datetime(2024, 1, 1)


def a_day(chance: Random) -> datetime:
    return FIRST + timedelta(days=chance.randrange(12))


def random_rows(chance: Random) -> dict[str, list[Row]]:
    """Prices of 20 plans and states of 200 subscriptions, all within twelve days, so that many times coincide."""
    plans = [f"plan {number}" for number in range(20)]
    prices = [
        {"plan": plan, "valid_from": FIRST + timedelta(days=number), "announced_at": a_day(chance),
         "recorded_at": a_day(chance), "price": chance.choice((10.0, 11.0, 12.0))}
        for plan in plans for number in chance.sample(range(12), 4)
    ]  # fmt: skip
    subscriptions: list[Row] = []
    for number in range(200):
        start, written = a_day(chance), sorted(FIRST + timedelta(days=n) for n in chance.sample(range(12), 2))
        for recorded, superseded in ((written[0], written[1]), (written[1], None)):
            end = chance.choice((None, start + timedelta(days=chance.randrange(9))))
            subscriptions.append({"account_id": "a", "subscription_id": f"s{number}", "mrr": 5.0, "started_at": start,
                                  "recorded_at": recorded, "superseded_at": superseded, "ended_at": end,
                                  "end_recorded_at": end and max(a_day(chance), recorded),
                                  "plan": chance.choice(plans)})  # fmt: skip
    return {"list_prices": prices, "subscriptions": subscriptions}


def known_steps(given: Mapping[str, Sequence[Row]], as_of: datetime, recorded_by: datetime | None) -> set[tuple]:
    """Return the steps known at as_of, computed from all rows or from those recorded by a time only."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, rows in given.items():
            connection.register(f"all_{name}", as_arrow(name, rows))
            connection.execute(f"CREATE TABLE {name} AS FROM all_{name}")
            if recorded_by:
                connection.execute(f"CREATE OR REPLACE TABLE {name} AS {rows_recorded_by(TABLES[name], recorded_by)}")
        list_price_steps(connection)
        found = connection.execute(
            "SELECT subscription_id, announced_at, takes_effect_at, rise, recorded_at FROM price_steps WHERE "
            "announced_at < $1 AND recorded_at < $1 AND coalesce(superseded_at >= $1, true)", [as_of]
        ).fetchall()  # fmt: skip
        assert len(set(found)) == len(found)
        return set(found)


def test_rows_recorded_by_then_give_the_same_steps() -> None:
    """On each of twelve days; there are steps, and some that were known are undone."""
    given = random_rows(Random(0))
    found, undone, before = 0, 0, set()
    for day in range(1, 13):
        as_of = FIRST + timedelta(days=day)
        steps_then = known_steps(given, as_of, None)
        assert steps_then == known_steps(given, as_of, as_of), as_of
        found, undone, before = found + len(steps_then), undone + len(before - steps_then), steps_then
    assert found > 300 and undone > 30, (found, undone)
