"""How many values of two contenders differ: what `compare` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """How many values differ, of how many compared; `note`: in which columns most, or why the rows do not match."""

    differing: int
    compared: int
    note: str = ""
