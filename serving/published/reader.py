"""Reads the newest publication, and keeps answering from the one in memory where a newer one cannot be read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from undertow.features.errors import NothingPublished, Unreadable
from undertow.features.publishing.versions import POINTER, current
from undertow.serving.published.scores import PublishedScores

RETRY = 10.0  # seconds until a publication that could not be read is tried again
logger = logging.getLogger("undertow.serving")


@dataclass
class Reloads:
    """How many publications were read since the start, and how many attempts failed."""

    read: int = 0
    failed: int = 0


class ScoresReader:
    """Reader that holds the newest publication and loads the next one when the CURRENT pointer changes.

    A next one is opened and verified, and an account and a row of it are answered, before it takes the place of the one
    held; where that fails, the one held stays and `failure` says why.
    """

    def __init__(self, store: Path, prove: Callable[[PublishedScores], None] = PublishedScores.prove) -> None:
        """`store`: the folder whose `scores/` hold the runs. `prove`: raises Unreadable where a run does not answer."""
        self._prove = prove
        self._root = store / "scores"
        self._lock, self._proving = Lock(), Lock()
        self._held: PublishedScores | None = None
        self._seen: tuple[int, int] | None = None  # the pointer that was read last, with or without success
        self._tried = float("-inf")  # when that failed last, seconds
        self._proved: PublishedScores | None = None
        self._unproved: PublishedScores | None = None  # does not answer, which was logged
        self.failure: str | None = None
        self.reloads = Reloads()

    def is_fresh(self) -> bool:
        """Whether `latest` would answer from memory, without reading files."""
        if self._held is None or self._seen != self._pointer():
            return False
        return self.failure is None or time.monotonic() - self._tried < RETRY

    @property
    def held(self) -> PublishedScores | None:
        """The publication in memory, whatever has been published since."""
        return self._held

    def latest(self) -> PublishedScores:
        """Return the newest publication that can be read. While another thread reads one, that held is returned.

        Raises NothingPublished before the first, and Unreadable where there is one and it cannot be read.
        """
        if not self._lock.acquire(blocking=self._held is None):
            assert self._held is not None
            return self._held
        try:
            pointer = self._pointer()
            if self._held is None or pointer != self._seen or self._is_due():
                self._read(pointer)
            assert self._held is not None
            return self._held
        finally:
            self._lock.release()

    def prove(self) -> None:
        """Answer one account and one row of the newest publication, once.

        Raises NothingPublished before the first, and Unreadable where it does not answer.
        """
        published = self.latest()
        with self._proving:
            if self._proved is published:
                return
            try:
                self._prove(published)
            except Unreadable as error:
                if self._unproved is not published:
                    logger.error("The list %s does not answer: %s", published.folder.name, error)
                self._unproved = published
                raise
            self._proved = published
            logger.info("Read %s and its model %s", published.folder.name, published.manifest["model_version"])

    def _is_due(self) -> bool:
        return self.failure is not None and time.monotonic() - self._tried >= RETRY

    def _read(self, pointer: tuple[int, int] | None) -> None:
        try:
            opened = PublishedScores.open(self._published())
            if self._held is not None:
                self._prove(opened)
                self._proved = opened
        except (NothingPublished, Unreadable) as error:
            self._keep(error, pointer)
        else:
            self._held, self._seen, self.failure = opened, pointer, None
            self.reloads.read += 1

    def _keep(self, error: NothingPublished | Unreadable, pointer: tuple[int, int] | None) -> None:
        """Keep the publication held, and remember why there is no newer one; raise the error where none is held."""
        if self._held is None:
            raise error
        if self.failure is None or pointer != self._seen:
            logger.error("The newer list cannot be read, %s stays: %s", self._held.folder.name, error)
            self.reloads.failed += 1
        self._seen, self._tried, self.failure = pointer, time.monotonic(), str(error)

    def _pointer(self) -> tuple[int, int] | None:
        """Return a value that changes with every publication, even one of the same name."""
        try:
            status = (self._root / POINTER).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _published(self) -> Path:
        folder = current(self._root)
        if folder is None and self._pointer() is not None:
            raise Unreadable(f"{POINTER} names no list. Run `undertow score` again.")
        if folder is None:
            raise NothingPublished("Nothing is published yet. Run `undertow score` in the project.")
        return folder
