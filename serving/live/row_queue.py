"""How many feature rows may wait to be scored; a request beyond them is refused with the time to wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

MOST_ROWS = 2_000  # admitted and not yet answered, in one worker; a request beyond them is refused
FIRST_GUESS = 0.01  # seconds a row, until some were scored


class RowQueue:
    """The rows of the requests that wait for the scoring process."""

    def __init__(self, shown: Callable[[float], None] = lambda rows: None) -> None:
        """`shown`: called with the number of rows that wait, whenever it changes."""
        self._seconds_a_row, self._shown = FIRST_GUESS, shown
        self.rows = 0

    @contextmanager
    def admitted(self, rows: int) -> Iterator[None]:
        """Hold a place for so many rows. Raises HTTPException 503, with Retry-After, where too many wait already."""
        if self.rows and self.rows + rows > MOST_ROWS:
            seconds = max(1, math.ceil(self.rows * self._seconds_a_row))
            raise HTTPException(
                503,
                f"{self.rows:,} rows wait to be scored. Try again in {seconds} s.",
                {"Retry-After": str(seconds)},
            )
        self._change(rows)
        try:
            yield
        finally:
            self._change(-rows)

    def _change(self, rows: int) -> None:
        self.rows += rows
        self._shown(self.rows)

    def took(self, rows: int, seconds: float) -> None:
        """Learn from rows that were scored how long a row takes."""
        self._seconds_a_row += 0.2 * (seconds / max(rows, 1) - self._seconds_a_row)
