"""Sessions of events without session_id end with a pause, and never depend on what was recorded later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import duckdb
import pytest

from tests.tables_by_hand import as_arrow
from undertow.features.sources.events.sessions import count_without_session, name_sessions

START = datetime(2024, 3, 1, 9)
Row = Mapping[str, object]


def event(name: str, minute: float, known: float | None = None, **more: object) -> Row:
    """An event of the user u at a minute of the day; `known`: the minute at which it was recorded."""
    times = {"occurred_at": START + timedelta(minutes=minute)}
    if known is not None:
        times["recorded_at"] = START + timedelta(minutes=known)
    return {"account_id": "a", "event_id": name, "user_id": "u", "kind": "click", **times, **more}


def sessions(rows: Sequence[Row], gap: float = 30) -> dict[str, str | None]:
    """Return event -> session."""
    with duckdb.connect() as connection:
        connection.register("given", as_arrow("events", rows))
        connection.execute("CREATE TABLE events AS FROM given")
        name_sessions(connection, gap)
        return dict(connection.execute("SELECT event_id, session_id FROM events").fetchall())


def groups(rows: Sequence[Row], gap: float = 30) -> set[frozenset[str]]:
    """Return the sets of events that are in one session."""
    found: dict[str | None, set[str]] = {}
    for name, session in sessions(rows, gap).items():
        found.setdefault(session, set()).add(name)
    return {frozenset(names) for names in found.values()}


def test_a_pause_longer_than_the_gap_ends_a_session() -> None:
    rows = [event("1", 0), event("2", 30), event("3", 59), event("4", 89.5), event("5", 200)]
    assert groups(rows) == {frozenset("123"), frozenset("4"), frozenset("5")}
    assert groups(rows, gap=31) == {frozenset("1234"), frozenset("5")}


def test_users_and_accounts_have_sessions_of_their_own() -> None:
    rows = [event("1", 0), event("2", 1, user_id="v"), event("3", 2, account_id="b"), event("4", 3)]
    assert groups(rows) == {frozenset("14"), frozenset("2"), frozenset("3")}


def test_a_session_that_is_given_stays_and_who_is_unknown_is_in_none() -> None:
    rows = [event("1", 0, session_id="s"), event("2", 1), event("3", 2, user_id=None)]
    found = sessions(rows)
    assert found["1"] == "s"
    assert found["2"] is not None
    assert found["3"] is None


def test_a_row_that_comes_late_joins_the_nearest_session_and_joins_no_two_of_them() -> None:
    rows = [event("1", 0), event("2", 40), event("late", 20, known=100), event("alone", 80, known=300),
            event("3", 150)]  # fmt: skip
    assert groups(rows) == {frozenset({"1", "late"}), frozenset("2"), frozenset({"alone"}), frozenset("3")}
    before = [event("1", 100), event("late", 80, known=101)]
    assert groups(before) == {frozenset({"1", "late"})}


@pytest.mark.parametrize("seed", range(8))
def test_sessions_of_what_was_known_by_then_are_those_of_all_rows(seed: int) -> None:
    """So sessions at an old as_of are the same whether the rows recorded since then are there or not."""
    random = Random(seed)
    rows = []
    for number in range(60):
        minute = random.uniform(0, 900)
        late = random.choice((0, 0, 0.05, 5, 60, 400))
        rows.append(event(f"{number:02}", minute, known=minute + late, user_id=random.choice("uv")))
    whole = sessions(rows)
    late_rows = 0
    for by in range(60, 1300, 60):
        known = [row for row in rows if row["recorded_at"] < START + timedelta(minutes=by)]
        late_rows += len(rows) - len(known)
        then = sessions(known)
        assert then == {name: whole[name] for name in then}
    assert late_rows, "nothing was recorded later"


def test_rows_without_session_are_counted() -> None:
    rows = [event("1", 0), event("2", 0, session_id="s"), event("3", 0, user_id=None)]
    with duckdb.connect() as connection:
        connection.register("events", as_arrow("events", rows))
        assert count_without_session(connection) == 1
