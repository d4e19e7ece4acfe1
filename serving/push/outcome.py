"""What became of one push."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What a destination took. `failed`: account -> why; all others of the difference count as pushed.

    `skipped`: accounts without a record there. `sent`: how many accounts. `said`: sentences on how they were sent.
    """

    sent: int = 0
    requests: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def fail(self, accounts: Iterable[str], why: str) -> None:
        """Note that accounts were not taken, and why."""
        self.failed.update(dict.fromkeys(accounts, why))
