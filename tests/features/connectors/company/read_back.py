"""Reads the files back in the plainest way, and compares tables: for the tests of the generator and of connectors."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd


def lines(path: Path) -> list[Any]:
    """Return the objects of a file of JSON lines, packed or not."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def naive(text: str) -> datetime:
    """Return a time in UTC without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, key: str | list[str]) -> None:
    """Assert that two tables hold the same rows in the columns of the first, in any order."""
    expected = expected[list(found)].sort_values(key).reset_index(drop=True)
    found = found.sort_values(key).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
