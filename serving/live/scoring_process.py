"""The process that scores feature rows: `python -m undertow.serving.live.scoring_process`, questions on standard input.

Requests take turns of a few rows, so that one of a single row is answered between the turns of one of a thousand. It
ends with its input, as when the process that started it is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import BinaryIO

import msgspec

from undertow.features.errors import UndertowError
from undertow.serving.live.frames import Question, Reply, receive, send
from undertow.serving.published.answers import Scored
from undertow.serving.published.requests import ScoreRequest, read_score_request
from undertow.serving.published.scores import PublishedScores

ROWS_A_TURN, PLAIN_ROWS_A_TURN = 100, 500  # with what scores are made of, and without
KEPT = 2  # publications in memory: the newest, and the one before it while requests for it are answered
NICE = 5  # look-ups go first where there are too few cores
Work = Iterator[bytes | None]  # None after each turn, and at last the answer
logger = logging.getLogger("undertow.serving")


class ScoringProcess:
    """Scores rows by the models of the newest publications that were asked for."""

    def __init__(self) -> None:
        self._published: dict[str, PublishedScores] = {}
        self._turns: deque[tuple[Reply, Work]] = deque()

    @property
    def is_busy(self) -> bool:
        """Whether a question waits for its next turn."""
        return bool(self._turns)

    def take(self, question: Question) -> None:
        """Put a question at the end of the queue."""
        self._turns.append((Reply(question.number), self._work(question)))

    def turn(self) -> Reply | None:
        """Work on the first question for one turn; return its answer, or put it at the end of the queue."""
        reply, work = self._turns.popleft()
        started = perf_counter()
        try:
            body = next(work)
        except UndertowError as error:
            return _refused(reply, error)
        except Exception as error:
            logger.exception("A question to the scoring process failed")
            return _refused(reply, error)
        finally:
            reply.seconds += perf_counter() - started
        if body is None:
            self._turns.append((reply, work))
            return None
        reply.body = body
        return reply

    def _work(self, question: Question) -> Work:
        published = self._open(question.run)
        if question.kind == "prove":
            published.prove()
            yield b"{}"
            return
        request = read_score_request(question.body, ScoreRequest)
        rows, results = published.feature_rows(request), list[Scored]()
        yield None
        a_turn = ROWS_A_TURN if request.explain else PLAIN_ROWS_A_TURN
        for start in range(0, rows.num_rows, a_turn):
            results += published.score_rows(rows.slice(start, a_turn), request.explain)
            yield None
        yield msgspec.json.encode(published.answer(request, results))

    def _open(self, run: str) -> PublishedScores:
        if run not in self._published:
            opened = PublishedScores.open(Path(run))
            while len(self._published) >= KEPT:
                del self._published[next(iter(self._published))]
            self._published[run] = opened
        return self._published[run]


def _refused(reply: Reply, error: Exception) -> Reply:
    reply.error, reply.detail = type(error).__name__, str(error)
    reply.notes = list(getattr(error, "__notes__", []))
    return reply


def answer_all(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer questions until their stream ends."""
    waiting: SimpleQueue[Question | None] = SimpleQueue()

    def read() -> None:
        while (question := receive(questions, Question)) is not None:
            waiting.put(question)
        waiting.put(None)

    Thread(target=read, daemon=True).start()
    process = ScoringProcess()
    while True:
        while not process.is_busy or not waiting.empty():
            question = waiting.get()
            if question is None:
                return
            process.take(question)
        reply = process.turn()
        if reply is not None:
            send(answers, reply)


def main() -> None:
    """Answer the questions on standard input; whatever else prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(NICE)
    for stop in (signal.SIGINT, signal.SIGTERM):  # sent to all of a group, while requests are still to be answered
        signal.signal(stop, signal.SIG_IGN)
    answer_all(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
