"""Whose row it is: a person belongs to one account at a time, and accounts go into one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pytest

from tests.features.at_risk import features_at_risk
from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.choose import Catalogue, make_catalogue
from undertow.features.engines.database import open_database
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.snapshots.population import open_tables, take_population
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables
from undertow.features.sources.rows.contract import VISITOR
from undertow.training.examples.outcomes import observe_outcomes

NOW = datetime(2024, 6, 15, 12)
FEBRUARY, MARCH, APRIL = datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 4, 1)
SEVERAL = "its user belongs to several accounts at that time"
Row = Mapping[str, object]
Features = dict[tuple[str, datetime], dict[str, object]]

ACCOUNTS: list[Row] = [{"account_id": name, "created_at": "2024-01-01"} for name in "abc"]
SUBSCRIPTIONS: list[Row] = [
    {"account_id": name, "subscription_id": f"s-{name}", "started_at": "2024-01-01", "mrr": mrr}
    for name, mrr in (("a", 10), ("b", 20), ("c", 40))
]


def met(account_id: str, *days: str, user_id: str = "") -> list[Row]:
    """Errors that an account, or somebody, met at these moments of 2024."""
    of = {"account_id": account_id, "user_id": user_id, "kind": "error"}
    return [{**of, "occurred_at": f"2024-{day}"} for day in days]


def joined(user_id: str, account_id: str, since: str, until: str = "", **more: object) -> Row:
    left_at = f"2024-{until}" if until else ""
    return {"user_id": user_id, "account_id": account_id, "joined_at": f"2024-{since}", "left_at": left_at, **more}


def merged(account_id: str, into: str, day: str, **more: object) -> Row:
    return {"account_id": account_id, "merged_into": into, "merged_at": f"2024-{day}", **more}


@pytest.fixture
def read(project: Callable[..., Settings]) -> Callable[..., tuple[Settings, Tables]]:
    """Return a function that reads tables beside the accounts a, b and c, who pay 10, 20 and 40 since January."""

    def of(**tables: Sequence[Row]) -> tuple[Settings, Tables]:
        given = {"accounts": ACCOUNTS, "subscriptions": SUBSCRIPTIONS, **tables}
        settings = project({f"{name}.csv": rows for name, rows in given.items()}, "[data]\nuntil = 2024-06-15")
        return settings, read_tables(settings, NOW)

    return of


Read = Callable[..., tuple[Settings, Tables]]


def features_at(world: tuple[Settings, Tables], *as_ofs: datetime, only: Sequence[str] = ()) -> Features:
    """Everybody at risk at these as_ofs, as `undertow features` builds them; `only`: these columns, in less time."""
    settings, tables = world
    columns = [c for c in make_catalogue(tables.present).columns if not only or c.name in only]
    rows = features_at_risk(settings, tables, columns, as_ofs).to_pylist()
    return {(row.pop("account_id"), row.pop("as_of")): row for row in rows}


def errors_at(world: tuple[Settings, Tables], as_of: datetime) -> dict[str, object]:
    """Account -> errors of 90 days, of those that met any."""
    found = features_at(world, as_of, only=["errors_90"])
    return {account: row["errors_90"] for (account, _), row in sorted(found.items()) if row["errors_90"]}


def mrr_at(world: tuple[Settings, Tables], as_of: datetime) -> dict[str, object]:
    found = features_at(world, as_of, only=["mrr"])
    return {account: row["mrr"] for (account, _), row in sorted(found.items())}


def reasons(world: tuple[Settings, Tables], table: str) -> dict[str, int]:
    return {reason.reason: reason.rows for reason in world[1].report(table).reasons}


# --- whose user ------------------------------------------------------------------------------

MOVED = [joined("u", "a", "01-02", "03-01"), joined("u", "b", "03-01")]


def test_an_event_counts_for_the_account_its_user_belonged_to_that_day(read: Read) -> None:
    """`[joined_at, left_at)`: the moment of the move already belongs to the new account."""
    events = met("", "02-10", "02-29 23:59:59.999999", "03-01", user_id="u")
    world = read(users=MOVED, events=events)
    assert errors_at(world, APRIL) == {"a": 2, "b": 1}
    assert reasons(world, "events") == {}


def test_a_stated_account_counts_whoever_it_was(read: Read) -> None:
    world = read(users=MOVED, events=met("c", "02-10", user_id="u") + met("a", "03-10", user_id="u"))
    assert errors_at(world, APRIL) == {"a": 1, "c": 1}


def test_who_was_in_no_account_at_that_time_is_quarantined(read: Read) -> None:
    events = met("", "01-01 23:59:59", "03-01", user_id="u") + met("", "02-10", user_id="stranger") + met("", "02-11")
    world = read(users=[joined("u", "a", "01-02", "03-01")], events=events)
    assert errors_at(world, APRIL) == {}
    assert reasons(world, "events") == {VISITOR: 3, "account_id is missing": 1}


def test_who_was_in_two_accounts_at_once_is_quarantined(read: Read) -> None:
    users = [joined("u", "a", "01-02", "03-01"), joined("u", "b", "02-15")]
    world = read(users=users, events=met("", "02-14", "02-15", "02-29", "03-01", user_id="u"))
    assert errors_at(world, APRIL) == {"a": 1, "b": 1}
    assert reasons(world, "events") == {SEVERAL: 2}


def test_who_joined_the_same_account_twice_is_in_one(read: Read) -> None:
    users = [joined("u", "a", "01-02"), joined("u", "a", "02-01")]
    assert errors_at(read(users=users, events=met("", "02-14", user_id="u")), APRIL) == {"a": 1}


def test_whose_row_it_is_is_known_no_earlier_than_who_belongs_where(read: Read) -> None:
    users = [joined("u", "a", "02-01", recorded_at="2024-03-10")]
    world = read(users=users, events=met("", "02-14", user_id="u"))
    assert errors_at(world, MARCH) == {}
    assert errors_at(world, APRIL) == {"a": 1}


def test_tickets_and_surveys_find_their_account_too(read: Read) -> None:
    tickets = [{"ticket_id": "t", "user_id": "u", "opened_at": "2024-02-10"}]
    answers = [{"survey_id": "n", "user_id": "u", "responded_at": "2024-03-10", "kind": "nps", "score": 9}]
    world = read(users=MOVED, tickets=tickets, surveys=answers)
    found = features_at(world, APRIL, only=["tickets_opened_90", "nps_latest"])
    assert (found["a", APRIL]["tickets_opened_90"], found["b", APRIL]["tickets_opened_90"]) == (1, 0)
    assert (found["a", APRIL]["nps_latest"], found["b", APRIL]["nps_latest"]) == (None, 9)


# --- accounts that went into another one -----------------------------------------------------

EVENTS = met("a", "02-10", "03-05") + met("b", "02-20") + met("c", "02-25")
A_INTO_B = merged("a", "b", "03-10")


def test_before_a_merge_each_stands_for_itself_and_after_it_the_heir_has_both(read: Read) -> None:
    world = read(merges=[A_INTO_B], events=EVENTS)
    assert mrr_at(world, MARCH) == {"a": 10, "b": 20, "c": 40}
    assert errors_at(world, MARCH) == {"a": 1, "b": 1, "c": 1}
    assert mrr_at(world, APRIL) == {"b": 30, "c": 40}
    assert errors_at(world, APRIL) == {"b": 3, "c": 1}


def test_to_inherit_is_not_to_expand(read: Read) -> None:
    """After the merge the heir's past holds both accounts, so that nothing has grown but what has."""
    names = ["mrr_expansion", "mrr_change_90", "subscriptions_active"]
    heir = features_at(read(merges=[A_INTO_B]), APRIL, only=names)["b", APRIL]
    assert [heir[name] for name in names] == [0, 0, 2]


def test_until_the_merge_nothing_tells_of_it(read: Read) -> None:
    """Every feature of everybody, up to the very moment of the merge, is what it is without it."""
    before = (FEBRUARY, MARCH, datetime(2024, 3, 10))
    without = features_at(read(events=EVENTS), *before)
    assert features_at(read(merges=[A_INTO_B], events=EVENTS), *before) == without


def test_a_merge_counts_from_when_it_was_written_down(read: Read) -> None:
    world = read(merges=[merged("a", "b", "03-10", recorded_at="2024-04-20")], events=EVENTS)
    assert mrr_at(world, APRIL) == {"a": 10, "b": 20, "c": 40}
    assert mrr_at(world, datetime(2024, 5, 1)) == {"b": 30, "c": 40}


def test_a_row_of_the_merged_account_after_the_merge_is_its_heirs(read: Read) -> None:
    world = read(merges=[A_INTO_B], events=met("a", "03-20"))
    assert errors_at(world, APRIL) == {"b": 1}


CHAIN = [merged("a", "b", "02-10"), merged("b", "c", "03-10")]


def test_an_heir_may_itself_be_merged(read: Read) -> None:
    world = read(merges=CHAIN, events=EVENTS)
    assert mrr_at(world, FEBRUARY) == {"a": 10, "b": 20, "c": 40}
    assert mrr_at(world, MARCH) == {"b": 30, "c": 40}
    assert mrr_at(world, APRIL) == {"c": 70}
    assert errors_at(world, APRIL) == {"c": 4}


def test_a_circle_of_merges_is_refused_with_the_way_round(read: Read) -> None:
    with pytest.raises(ContractError, match="merges: a -> b -> a is a circle"):
        read(merges=[merged("a", "b", "02-10"), merged("b", "a", "03-10")], events=EVENTS)


def test_an_account_merged_into_itself_stays_as_it_is(read: Read) -> None:
    world = read(merges=[merged("a", "a", "02-10")], events=EVENTS)
    assert mrr_at(world, APRIL) == {"a": 10, "b": 20, "c": 40}


def test_a_merge_into_nobody_is_quarantined_and_the_account_goes_on(read: Read) -> None:
    world = read(merges=[merged("a", "nobody", "02-10")], events=EVENTS)
    assert reasons(world, "merges") == {"unknown account": 1}
    assert mrr_at(world, APRIL) == {"a": 10, "b": 20, "c": 40}


@pytest.mark.parametrize("ended_at", ["", "2024-03-10"])
def test_the_end_of_a_merged_account_is_no_churn(read: Read, ended_at: str) -> None:
    """Nor is the end that billing books at the moment of the merge."""
    of_a = {**SUBSCRIPTIONS[0], "ended_at": ended_at, "end_reason": ended_at and "voluntary"}
    settings, tables = read(merges=[A_INTO_B], subscriptions=[of_a, *SUBSCRIPTIONS[1:]])
    with open_database(settings) as database:
        open_tables(database, tables)
        take_population(database, [MARCH])
        database.write("FROM snapshots", settings.store_path("snapshots"), "population")
    at_risk = FeatureTable(settings.store_path("snapshots"), Catalogue((), {}), (MARCH,))
    with open_database(settings) as database:
        found = observe_outcomes(database, settings.churn, tables, at_risk, [MARCH], known_at=datetime(2024, 6, 15))
    assert at_risk.read()["account_id"].to_pylist() == ["a", "b", "c"]
    assert [days == 9 for days in found.neutral_days] == [True, False, False]
    assert not found.churned(360).any() and not found.gone.any()


def test_an_account_that_is_no_longer_listed_keeps_its_past(read: Read) -> None:
    world = read(accounts=ACCOUNTS[1:], merges=[A_INTO_B], events=EVENTS)
    assert reasons(world, "events") == reasons(world, "subscriptions") == {}
    assert mrr_at(world, MARCH) == {"a": 10, "b": 20, "c": 40}
    assert errors_at(world, MARCH) == {"a": 1, "b": 1, "c": 1}
    assert mrr_at(world, APRIL) == {"b": 30, "c": 40}


def test_an_heir_that_is_no_longer_listed_either_keeps_its_past(read: Read) -> None:
    world = read(accounts=ACCOUNTS[2:], merges=CHAIN, events=EVENTS)
    assert reasons(world, "merges") == reasons(world, "subscriptions") == {}
    assert mrr_at(world, FEBRUARY) == {"a": 10, "b": 20, "c": 40}
    assert mrr_at(world, APRIL) == {"c": 70}


def test_a_user_of_a_merged_account_belongs_to_it_and_then_to_its_heir(read: Read) -> None:
    """The heir's copy of a membership is no second membership."""
    events = met("", "02-10", "03-20", user_id="u")
    world = read(users=[joined("u", "a", "01-02")], merges=[A_INTO_B], events=events)
    assert reasons(world, "events") == {}
    assert errors_at(world, MARCH) == {"a": 1}
    assert errors_at(world, APRIL) == {"b": 2}
    found = features_at(world, MARCH, APRIL, only=["people_joined_90"])
    assert (found["a", MARCH]["people_joined_90"], found["b", MARCH]["people_joined_90"]) == (1, 0)
    assert found["b", APRIL]["people_joined_90"] == 1
