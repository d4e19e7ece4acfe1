"""The scoring process as the process that answers requests sees it: started when first asked, and again if it ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from concurrent.futures import Future
from threading import Lock, Thread, current_thread
from typing import BinaryIO, cast

from undertow.features import errors
from undertow.features.errors import UndertowError, Unreadable
from undertow.serving.live.frames import Question, Reply, receive, send
from undertow.serving.published.run_files import AGAIN
from undertow.serving.published.scores import PublishedScores

COMMAND = [sys.executable, "-P", "-m", "undertow.serving.live.scoring_process"]


LONGEST = 120.0  # seconds until a publication counts as one that does not answer


class ScoringEnded(Exception):
    """The scoring process ended before it answered."""

    def __str__(self) -> str:
        return "The process that scores rows ended before it answered. Try again."


class RowWorker:
    """Hands questions to a scoring process, from any thread. It is started by the first question."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: _Running | None = None

    def ask(self, kind: str, run: str, body: bytes = b"") -> Future[Reply]:
        """Return the answer to a question about a published run, when it comes.

        Its exception is what the scoring process refused it with, or ScoringEnded.
        """
        with self._lock:
            if self._running is None or self._running.has_ended:
                self._running = _Running()
            return self._running.ask(kind, run, body)

    def prove(self, published: PublishedScores) -> None:
        """Have the scoring process answer an account and a row of a publication, or raise Unreadable."""
        try:
            self.ask("prove", str(published.folder)).result(LONGEST)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"Its first account could not be scored ({type(error).__name__}). {AGAIN}") from error

    def close(self) -> None:
        """End the scoring process; questions that wait get ScoringEnded."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.close()


class _Running:
    """One scoring process, and the questions that wait for its answer, by their number."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lock = Lock()
        self._waiting: dict[int, Future[Reply]] = {}
        self._number = 0
        self.has_ended = False
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, kind: str, run: str, body: bytes) -> Future[Reply]:
        """Send one question; the caller sends one at a time."""
        answer: Future[Reply] = Future()
        answer.set_running_or_notify_cancel()  # a caller that no longer waits cancels nothing
        with self._lock:
            self._number += 1
            self._waiting[self._number] = answer
            number, ended = self._number, self.has_ended
        try:
            send(cast(BinaryIO, self._process.stdin), Question(number, kind, run, body))
        except OSError:
            ended = True
        if ended:
            self._fail_all()
        return answer

    def close(self) -> None:
        """End the process; its reader follows."""
        self._process.kill()
        self._process.wait()
        if current_thread() is not self._reader:
            self._reader.join()

    def _read(self) -> None:
        with cast(BinaryIO, self._process.stdout) as answers:
            while (reply := receive(answers, Reply)) is not None:
                with self._lock:
                    answer = self._waiting.pop(reply.number)
                _settle(answer, reply)
        self.close()
        self._fail_all()
        with contextlib.suppress(OSError):  # what was still to be sent
            cast(BinaryIO, self._process.stdin).close()

    def _fail_all(self) -> None:
        with self._lock:
            self.has_ended = True
            lost, self._waiting = self._waiting, {}
        for answer in lost.values():
            answer.set_exception(ScoringEnded())


def _settle(answer: Future[Reply], reply: Reply) -> None:
    if reply.error:
        answer.set_exception(_as_raised(reply))
    else:
        answer.set_result(reply)


def _as_raised(reply: Reply) -> Exception:
    kind = getattr(errors, reply.error, None)
    if not (isinstance(kind, type) and issubclass(kind, UndertowError)):
        return RuntimeError(f"The scoring process raised {reply.error}")
    error = kind(reply.detail)
    for note in reply.notes:
        error.add_note(note)
    return error
