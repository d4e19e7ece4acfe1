"""Rate limit of each key (generic cell rate algorithm, GCRA), kept in one small file by all worker processes.

For each key the file holds the time at which it would have used up what it used if its requests came evenly (the
"theoretical arrival time"): a request moves it on by one interval, and is refused where it would lie further ahead
than the burst allows. Nothing is counted, and nothing has to be tidied up.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undertow.serving.access.keys import MOST_KEYS, Key

FILE = "rates"
SIZE = 8  # bytes of a time, a float64
BURST = 0.1  # of a minute's requests may come at once
FAILURES = 10  # wrong secrets a minute for one key, all of which may come at once


def passed(arrival: float, now: float, interval: float, burst: int) -> tuple[float, float]:
    """Return a key's next theoretical arrival time, and the seconds to wait; 0 where the request is admitted.

    `arrival`: the one before; `now`, `interval`: in seconds; `burst`: requests that may come at once. A time further
    ahead than the burst is left from before the machine was started, and does not count.

    >>> passed(0.0, 100.0, 0.5, 1)
    (100.5, 0.0)
    >>> passed(100.5, 100.0, 0.5, 1)
    (100.5, 0.5)
    """
    ahead = arrival - now
    if not 0 < ahead <= burst * interval + interval:
        ahead = 0.0
    wait = ahead - (burst - 1) * interval
    return (arrival, wait) if wait > 1e-9 else (now + ahead + interval, 0.0)


class RateLimit:
    """Requests and wrong secrets of each key, limited together in all processes that share a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: private, of this service, where its workers share the file; None: a limit of this process."""
        size = 2 * MOST_KEYS * SIZE
        self._file = None if folder is None else os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        if self._file is None:
            self._memory = mmap.mmap(-1, size)
        else:
            os.ftruncate(self._file, size)
            self._memory = mmap.mmap(self._file, size)
        self._times = memoryview(self._memory).cast("d")

    def request(self, key: Key) -> float:
        """Note a request of a key; return 0.0, or where it is refused the seconds to wait."""
        return self._note(key.slot, 60 / key.per_minute, max(1, round(BURST * key.per_minute)))

    def try_secret(self, key: Key) -> float:
        """Note that a secret is tried for a key; return 0.0, or where it is refused the seconds to wait."""
        return self._note(MOST_KEYS + key.slot, 60 / FAILURES, FAILURES)

    def was_right(self, key: Key) -> None:
        """Take back a try, since its secret was the right one."""
        with self._locked(MOST_KEYS + key.slot):
            self._times[MOST_KEYS + key.slot] -= 60 / FAILURES

    def _note(self, place: int, interval: float, burst: int) -> float:
        with self._locked(place):
            self._times[place], wait = passed(self._times[place], time.monotonic(), interval, burst)
        return wait

    @contextmanager
    def _locked(self, place: int) -> Iterator[None]:
        """Hold a lock on one time, against the other processes; it is held for microseconds."""
        if self._file is None:
            yield
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX, SIZE, SIZE * place)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, SIZE, SIZE * place)
