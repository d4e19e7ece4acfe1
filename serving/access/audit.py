"""The audit log: one JSON line for each sign-in, export of a list and change of a key, status or view, without values.

A line holds the time, the event, the key's id and name, and the route; never a token, an account, a filter or an
address. What a status was and is stands in the history of the team's database.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from undertow.serving.access.rate_limit import passed

Event = Literal[
    "login", "login refused", "logout", "export", "key added", "key revoked", "status set", "view saved", "view removed"
]
FILE = "audit.jsonl"  # in the folder of the keys, for changes of keys
REFUSED_A_SECOND, REFUSED_AT_ONCE = 1, 60  # lines about refused sign-ins, in one process; others are counted
logger = logging.getLogger("undertow.audit")


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the audit log. `left_out`: events like it since the line before that were not written."""

    time: datetime
    event: Event
    key: str | None
    name: str | None
    route: str = ""
    left_out: int = 0


class Audit:
    """Writes the audit log of a service: to a logger, and to a file if one is named."""

    def __init__(self, file: Path | None = None) -> None:
        """`file`: is appended to, and opened for each line, so that it may be moved away."""
        self._file = file
        self._arrival, self._left_out = 0.0, 0

    def note(self, event: Event, key: str | None, name: str | None, route: str) -> None:
        """Write one line. A line that the disk does not take is still logged."""
        line = Line(datetime.now(UTC).replace(microsecond=0), event, key, name, route)
        if event == "login refused" and not self._is_written(line):
            return
        logger.info(msgspec.json.encode(line).decode())
        if self._file is not None:
            try:
                append(self._file, line)
            except OSError as error:
                logger.error("The audit log cannot be written (%s).", error.strerror)

    def _is_written(self, line: Line) -> bool:
        """Return whether a refused sign-in gets a line of its own: nobody can fill the disk by guessing."""
        now, interval = time.monotonic(), 1 / REFUSED_A_SECOND
        self._arrival, wait = passed(self._arrival, now, interval, REFUSED_AT_ONCE)
        line.left_out, self._left_out = (0, self._left_out + 1) if wait else (self._left_out, 0)
        return not wait


def append(file: Path, line: Line) -> None:
    """Append a line to a file in one write, so that lines of several processes do not mix."""
    opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(opened, msgspec.json.encode(line) + b"\n")
    finally:
        os.close(opened)


def log_to_standard_error() -> None:
    """Have the audit log written to standard error, a line each, whatever else is logged there."""
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
