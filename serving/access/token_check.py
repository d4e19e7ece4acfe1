"""Checks bearer tokens: each is hashed with Argon2 once per process, in a thread; after that by its SHA-256."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

from undertow.serving.access.key_reader import KeyReader
from undertow.serving.access.keys import Key
from undertow.serving.access.rate_limit import RateLimit
from undertow.serving.access.tokens import is_secret, read_token

AT_ONCE = 2  # hashes, 19 MiB each


class TooManyTries(Exception):
    """Too many wrong secrets for one key. `wait`: seconds until the next may be tried."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"Try again in {wait:.0f} s.")
        self.wait = wait


class TokenCheck:
    """The tokens that were found right, in this process: SHA-256 -> id of the key and the hash that was compared."""

    def __init__(self, keys: KeyReader, limit: RateLimit) -> None:
        self._keys, self._limit = keys, limit
        self._threads = ThreadPoolExecutor(AT_ONCE, "undertow-hash")
        self._right: dict[bytes, tuple[str, str]] = {}
        self._running: dict[bytes, Future[bool]] = {}

    async def key_of(self, token: str) -> Key | None:
        """Return the living key of a token, or None. Raises TooManyTries, and AccessError where no key can be read."""
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        key_id, hashed = self._right.get(digest, ("", ""))
        key = self._keys.living(key_id)
        if key is not None and key.hash == hashed:
            return key
        self._right.pop(digest, None)
        return await self._tried(digest, *(read_token(token) or ("", "")))

    async def _tried(self, digest: bytes, key_id: str, secret: str) -> Key | None:
        """Compare a secret with the hash of its key; of many requests with one token, the first does so for all."""
        key = self._keys.living(key_id)
        if key is None:
            return None
        running = self._running.get(digest)
        is_first = running is None
        if running is None:
            running = self._start(digest, key, secret)
        if not await asyncio.shield(asyncio.wrap_future(running)):
            return None
        if is_first:
            self._limit.was_right(key)
        self._right[digest] = (key.id, key.hash)
        return key

    def _start(self, digest: bytes, key: Key, secret: str) -> Future[bool]:
        wait = self._limit.try_secret(key)
        if wait:
            raise TooManyTries(wait)
        running = self._running[digest] = self._threads.submit(is_secret, key.hash, secret)
        running.add_done_callback(lambda _: self._running.pop(digest, None))
        return running
