"""The scoring process: questions from many threads, faults told, and started again when it was killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from undertow.features.errors import Malformed, RequestError, Unreadable
from undertow.serving.live.row_worker import COMMAND, RowWorker, ScoringEnded
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import ScoreRequest


@pytest.fixture(scope="module")
def worker() -> Iterator[RowWorker]:
    """A worker whose scoring process is ended after the tests."""
    started = RowWorker()
    yield started
    started.close()


@pytest.fixture(scope="module")
def run(store: Path) -> str:
    """The folder of the published run."""
    return str(ScoresReader(store).latest().folder)


def _body(rows: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"rows": rows, **more}).encode()


def test_the_answer_is_that_of_the_published_scores(
    worker: RowWorker, run: str, store: Path, feature_row: dict[str, Any]
) -> None:
    rows = [{**feature_row, "account_id": str(number), "mrr": 100.0 + number} for number in range(60)]
    for explain in (True, False):
        reply = worker.ask("score", run, _body(rows, explain=explain)).result(60)
        wanted = ScoresReader(store).latest().score(ScoreRequest(rows=rows, explain=explain))
        found = msgspec.json.decode(reply.body)
        assert [each["account_id"] for each in found["results"]] == [str(number) for number in range(60)]
        for one, other in zip(found["results"], msgspec.to_builtins(wanted)["results"], strict=True):
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-12)
        assert reply.seconds > 0


def test_many_questions_at_once_are_each_answered_with_their_own(
    worker: RowWorker, run: str, feature_row: dict[str, Any]
) -> None:
    asked = [worker.ask("score", run, _body([{**feature_row, "account_id": f"a{n}"}])) for n in range(30)]
    found = [msgspec.json.decode(answer.result(60).body)["results"][0]["account_id"] for answer in asked]
    assert found == [f"a{n}" for n in range(30)]


def test_a_question_of_one_row_is_answered_before_an_earlier_one_of_many(
    worker: RowWorker, run: str, feature_row: dict[str, Any]
) -> None:
    many = worker.ask("score", run, _body([feature_row] * 1000))
    one = worker.ask("score", run, _body([feature_row]))
    one.result(60)
    assert not many.done()
    many.result(120)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b"{", Malformed, "The body is not valid JSON"),
        (b'{"rows": [{}]}', RequestError, "Missing features: "),
        (b'{"rows": [{"eror_rate_30": 1}]}', RequestError, "Did you mean 'error_rate_30'"),
    ],
)
def test_what_is_refused_is_refused_as_here(
    worker: RowWorker, run: str, body: bytes, error: type[Exception], said: str
) -> None:
    refused = worker.ask("score", run, body).exception(60)
    assert type(refused) is error and said in str(refused)
    if b"eror" in body:
        assert any("Unknown feature" in note for note in getattr(refused, "__notes__", []))


def test_a_run_is_proved_and_one_that_is_damaged_is_not(
    worker: RowWorker, tmp_path: Path, publish_scores: Callable[..., Path]
) -> None:
    good, bad = publish_scores(tmp_path, "run-1"), publish_scores(tmp_path, "run-2")
    shutil.rmtree(bad / "bundle")
    assert worker.ask("prove", str(good)).result(60).body == b"{}"
    assert isinstance(worker.ask("prove", str(bad)).exception(60), Unreadable)


def test_a_process_that_was_killed_fails_its_questions_and_the_next_one_starts_another(
    run: str, feature_row: dict[str, Any]
) -> None:
    worker = RowWorker()
    try:
        worker.ask("prove", run).result(60)
        waiting = [worker.ask("score", run, _body([feature_row] * 1000)) for _ in range(3)]
        assert worker._running is not None
        worker._running._process.send_signal(signal.SIGKILL)
        assert all(isinstance(each.exception(60), ScoringEnded) for each in waiting)
        assert worker.ask("score", run, _body([feature_row])).result(60).body
    finally:
        worker.close()


def test_the_process_ends_when_the_one_that_started_it_is_killed(run: str) -> None:
    command = [sys.executable, "-c", PARENT, run]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        child = int(started.stdout.readline())
        started.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


PARENT = """
import sys, time
from undertow.serving.live.row_worker import RowWorker

worker = RowWorker()
worker.ask("prove", sys.argv[1]).result(60)
print(worker._running._process.pid, flush=True)
time.sleep(60)
"""


def test_a_cut_question_ends_the_process_without_an_answer() -> None:
    done = subprocess.run(COMMAND, input=b"\x00\x00\x01\x00half", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")
