"""Reads the keys while the service runs: a change of the key file counts within a second, without a restart."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from undertow.features.errors import AccessError
from undertow.serving.access.keys import Key, KeyRing, key_file, read_keys

LOOK = 1.0  # seconds between two looks at the file
NO_KEYS = "The service has no keys yet. Run `undertow keys add NAME --role admin` in the project."


class KeyReader:
    """The keys of a store, read again when their file has changed."""

    def __init__(self, store: Path, open_without_keys: bool) -> None:
        """`open_without_keys`: whether everybody may ask while the store has never had a key."""
        self._store, self._may_be_open = store, open_without_keys
        self._looked = float("-inf")
        self._seen: tuple[int, int, int] | None = None  # the file that was read last
        self._ring: KeyRing | None = None
        self._by_id: dict[str, Key] = {}
        self._failure = ""

    def is_open(self) -> bool:
        """Return whether everybody may ask. Raises AccessError where there are keys and they cannot be read."""
        self._look()
        return self._may_be_open and not self._by_id

    def living(self, key_id: str) -> Key | None:
        """Return the key of an id, or None where there is none that counts. Raises AccessError."""
        self._look()
        key = self._by_id.get(key_id)
        return key if key is not None and key.state(datetime.now(UTC)) == "living" else None

    @property
    def signing(self) -> str:
        """The secret that signs cookies and forms. Raises AccessError where there is none."""
        self._look()
        if self._ring is None:
            raise AccessError(NO_KEYS)
        return self._ring.signing

    def _look(self) -> None:
        """Read the file again where it has changed, at most once in LOOK seconds; raise what keeps it from being read.

        A file that is gone leaves no key, and a service that has seen one is not open again.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._read_if_changed()
        if self._failure:
            raise AccessError(self._failure)

    def _read_if_changed(self) -> None:
        try:
            status = key_file(self._store).stat()
            found = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            found = None
        if found is not None and found == self._seen and not self._failure:
            return
        try:
            self._take(read_keys(self._store))
        except AccessError as error:
            self._failure = str(error)
        else:
            self._seen, self._failure = found, ""

    def _take(self, ring: KeyRing | None) -> None:
        if ring is None and (self._by_id or not self._may_be_open):
            raise AccessError(NO_KEYS)
        self._ring = ring
        self._by_id = {key.id: key for key in ring.keys} if ring is not None else {}
        self._may_be_open = self._may_be_open and not self._by_id
