"""Statuses of accounts: set with their history, listed, and back from a snooze; on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.serving.team.conftest import NOW
from undertow.features.errors import ChangedSince, RequestError
from undertow.serving.team.answers import Status, Values
from undertow.serving.team.database import Database
from undertow.serving.team.requests import HistoryQuery, StatusQuery, StatusRequest
from undertow.serving.team.statuses import list_history, list_statuses, set_status, status_and_history, statuses_of

TODAY = NOW.date()


def put(
    database: Database, account_id: str, status: str, who: str = "mira", at: datetime = NOW, **said: object
) -> Status:
    request = StatusRequest(status, **said)  # type: ignore[arg-type]
    return set_status(database, account_id, request, who, at)


def ids(database: Database, today: date = TODAY, **asked: object) -> list[str]:
    _, found = list_statuses(database, StatusQuery(**asked), today)  # type: ignore[arg-type]
    return [each.account_id for each in found]


def test_an_account_that_was_never_set_is_open_without_history(database: Database) -> None:
    assert status_and_history(database, "a", TODAY) == (Status("a"), [])
    assert statuses_of(database, ["a", "b"], TODAY) == {}
    assert statuses_of(database, [], TODAY) == {}


def test_a_status_says_who_when_and_what_and_its_history_what_was_before(database: Database) -> None:
    put(database, "a", "contacted", owner=" Mira Holt ", due=date(2025, 2, 7), note=" Called.\r\nNo answer. ")
    put(database, "a", "done", "tom", NOW + timedelta(hours=1), version=1)
    status, [second, first] = status_and_history(database, "a", TODAY)
    moment = NOW.replace(microsecond=0)
    assert status == Status("a", "done", version=2, changed_at=moment + timedelta(hours=1), changed_by="tom")
    contacted = Values("contacted", None, "Mira Holt", date(2025, 2, 7), "Called.\nNo answer.")
    assert (first.changed_by, first.changed_at, first.before, first.after) == ("mira", moment, None, contacted)
    assert (second.changed_by, second.before, second.after) == ("tom", contacted, Values("done"))
    assert second.changed_at.utcoffset() == timedelta(0)


def test_a_snoozed_account_is_open_again_on_the_day_it_was_snoozed_until(database: Database) -> None:
    put(database, "a", "snoozed", until=date(2025, 3, 1))
    for day, status in ((28, "snoozed"), (29, "open")):
        today = date(2025, 2, 1) + timedelta(days=day - 1)
        assert statuses_of(database, ["a"], today)["a"].status == status
        assert ids(database, today, status=status) == ["a"]
        assert ids(database, today, status={"open": "snoozed", "snoozed": "open"}[status]) == []
    assert statuses_of(database, ["a"], date(2025, 3, 1))["a"].until == date(2025, 3, 1)


@pytest.mark.parametrize("until", [None, TODAY - timedelta(days=1), TODAY, date(2400, 1, 1)])
def test_a_snooze_needs_a_day_in_the_future(database: Database, until: date | None) -> None:
    with pytest.raises(RequestError, match=r"until"):
        put(database, "a", "snoozed", until=until)
    assert status_and_history(database, "a", TODAY) == (Status("a"), [])


@pytest.mark.parametrize(("said", "why"), [
    ({"status": "done", "until": date(2025, 3, 1)}, "until goes with the status snoozed, got done"),
    ({"status": "done", "note": "x" * 501}, "note: expected at most 500 characters, got 501"),
    ({"status": "done", "note": "a\x00b"}, "note: expected text without control characters"),
    ({"status": "done", "owner": "x" * 101}, "owner: expected at most 100 characters, got 101"),
    ({"status": "done", "owner": "a\nb"}, "owner: expected text without control characters"),
    ({"status": "done", "due": date(1969, 12, 31)}, "due: expected a day from 1970-01-01"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_field(database: Database, said: dict[str, object], why: str) -> None:
    with pytest.raises(RequestError, match=why):
        put(database, "a", **said)  # type: ignore[arg-type]


def test_a_status_that_changed_since_it_was_read_is_kept_and_the_other_named(database: Database) -> None:
    put(database, "a", "contacted", "tom", version=0)
    with pytest.raises(ChangedSince, match=r"tom set it to contacted at 2025-02-01 09:30 UTC.*version 1"):
        put(database, "a", "done", version=0)
    with pytest.raises(ChangedSince, match="is not there"):
        put(database, "b", "done", version=3)
    status, history = status_and_history(database, "a", TODAY)
    assert (status.status, len(history)) == ("contacted", 1)
    assert put(database, "a", "done").version == 2  # who names no version has the last word


@pytest.mark.parametrize("version", [0, None])
def test_of_writers_at_once_one_wins_where_they_saw_a_version_and_all_are_kept_where_not(
    address: str, version: int | None, opened: Callable[[str], Database]
) -> None:
    databases = [opened(address) for _ in range(4)]  # as of several worker processes

    def write(number: int) -> str:
        try:
            put(databases[number], "a", "contacted", f"writer {number}", version=version)
        except ChangedSince as error:
            return str(error)
        return "written"

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(write, range(4)))
    status, history = status_and_history(databases[0], "a", TODAY)
    written = 4 if version is None else 1
    assert said.count("written") == len(history) == status.version == written
    assert [change.version for change in history] == list(range(written, 0, -1))
    assert all(each == "written" or " set it to contacted at " in each for each in said)


def test_statuses_are_filtered_and_paged_the_earliest_due_first(database: Database) -> None:
    put(database, "c", "contacted", owner="Mira")
    put(database, "b", "contacted", owner="Tom", due=date(2025, 3, 1))
    put(database, "a", "done", owner="Mira", due=date(2025, 4, 1))
    assert ids(database) == ["b", "a", "c"]
    assert ids(database, status="contacted") == ["b", "c"]
    assert ids(database, owner="Mira") == ["a", "c"]
    assert ids(database, account_id=["a", "c", "x"], owner="Mira", status="done") == ["a"]
    total, page = list_statuses(database, StatusQuery(limit=1, offset=1), TODAY)
    assert (total, [each.account_id for each in page]) == (3, ["a"])
    total, page = list_statuses(database, StatusQuery(limit=1, offset=1), TODAY, among={"a", "c"})
    assert (total, [each.account_id for each in page]) == (2, ["c"])


def test_the_history_is_listed_newest_first_and_limited_to_accounts(database: Database) -> None:
    for number, account_id in enumerate(("a", "b", "a")):
        put(database, account_id, "contacted", at=NOW + timedelta(hours=number))
    total, changes = list_history(database, HistoryQuery())
    assert (total, [(each.account_id, each.version) for each in changes]) == (3, [("a", 2), ("b", 1), ("a", 1)])
    assert [each.account_id for each in list_history(database, HistoryQuery(account_id=["b"]))[1]] == ["b"]
    total, changes = list_history(database, HistoryQuery(limit=1), among={"a"})
    assert (total, [each.version for each in changes]) == (2, [2])


def test_the_statuses_of_a_page_are_one_question_that_an_index_answers(database: Database) -> None:
    put(database, "a", "done")
    asked: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert list(statuses_of(database, [f"a{number}" for number in range(49)] + ["a"], TODAY)) == ["a"]
    [sql] = [sql for sql in asked if sql.startswith("SELECT")]
    assert sql.count("FROM") == 1


def test_sqlite_finds_the_statuses_of_a_page_by_their_ids(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "team.db"))
    with database.reading() as connection:
        asked = "EXPLAIN QUERY PLAN SELECT * FROM undertow_statuses WHERE account_id IN ('a', 'b')"
        assert "SEARCH undertow_statuses USING INDEX" in str(connection.exec_driver_sql(asked).all())
