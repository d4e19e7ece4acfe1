"""The rate limit: how many requests of a key pass, alone and in several processes together."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.serving.access.keys import Key
from undertow.serving.access.rate_limit import FAILURES, RateLimit, passed
from undertow.serving.access.roles import Role

KEY = Key("0" * 12, "mira", Role.reader, "", 3, datetime(2026, 1, 1, tzinfo=UTC), per_minute=100)  # at once: 10


@given(st.lists(st.floats(0, 5), max_size=80), st.floats(0.01, 2), st.integers(1, 8))
def test_no_span_lets_more_pass_than_burst_and_rate(gaps: list[float], every: float, burst: int) -> None:
    arrival, now, admitted = 0.0, 1000.0, []
    for gap in gaps:
        now += gap
        arrival, wait = passed(arrival, now, every, burst)
        if not wait:
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + (admitted[last] - start) / every + 1e-6


def test_who_waits_as_told_is_admitted() -> None:
    arrival, wait = passed(1005.0, 1000.0, 1.0, 5)
    assert (arrival, wait) == (1005.0, 1.0)
    assert passed(arrival, 1001.0, 1.0, 5)[1] == 0


def test_times_left_from_before_the_machine_was_started_do_not_count() -> None:
    assert passed(1e9, 100.0, 1.0, 5) == (101.0, 0.0)


def test_each_key_has_a_limit_of_its_own_and_wrong_secrets_another(tmp_path: Path) -> None:
    limit, other = RateLimit(tmp_path), msgspec.structs.replace(KEY, slot=4)
    assert [limit.request(KEY) > 0 for _ in range(11)] == [False] * 10 + [True]
    assert limit.request(other) == 0
    assert [limit.try_secret(KEY) > 0 for _ in range(FAILURES + 1)] == [False] * FAILURES + [True]
    assert limit.try_secret(other) == 0


def test_a_secret_that_was_right_costs_no_try() -> None:
    limit = RateLimit()
    for _ in range(3 * FAILURES):
        assert limit.try_secret(KEY) == 0
        limit.was_right(KEY)


def hammer(folder: Path, start: Any, admitted: Any) -> None:
    limit, passing = RateLimit(folder), 0
    start.wait()
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        passing += limit.request(KEY) == 0
    admitted.put(passing)


@pytest.mark.parametrize("workers", [2])
def test_workers_keep_one_limit_together(tmp_path: Path, workers: int) -> None:
    context = get_context("spawn")
    start, admitted = context.Barrier(workers), context.Queue()
    running = [context.Process(target=hammer, args=(tmp_path, start, admitted)) for _ in range(workers)]
    for process in running:
        process.start()
    passing = [admitted.get(timeout=60) for _ in running]
    for process in running:
        process.join()
    assert 10 <= sum(passing) <= 10 + 2 + 1  # at once, a second's worth of 100 a minute, and the edges
