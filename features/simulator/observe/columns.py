"""Builds columns of the recorded tables (ids, names, timestamps, random times) and writes Parquet files atomically.

Times are microseconds since the first day of the world until they are converted to timestamps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undertow.features.simulator.history import World
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.state import Floats, Ints

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
NEVER = np.iinfo(np.int64).min  # no such time: written as null


def write(table: pa.Table, path: Path) -> None:
    """Write a Parquet file atomically: under a temporary name, which is then renamed."""
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(table, unfinished, compression="zstd", compression_level=1)
    unfinished.replace(path)


def write_all(tables: Iterator[pa.Table], path: Path, on_written: Callable[[int], None] | None = None) -> int:
    """Write tables one after the other into one Parquet file, atomically; return the number of rows.

    `on_written` is called with the number of tables written so far.
    """
    unfinished = path.with_suffix(".unfinished")
    first, rows = next(tables), 0
    with pq.ParquetWriter(unfinished, first.schema, compression="zstd", compression_level=1) as writer:
        for count, table in enumerate(chain([first], tables), start=1):
            writer.write_table(table)
            rows += table.num_rows
            if on_written is not None:
                on_written(count)
    unfinished.replace(path)
    return rows


def account_ids(accounts: Ints) -> pa.Array:
    """Return the account ids of account numbers: 'A-00042' for 42."""
    names = numbered("A-", np.arange(int(accounts.max(initial=0)) + 1), 5)
    return names.take(pa.array(accounts))


def user_ids(account: Ints, number: Ints) -> pa.Array:
    """Return the user ids of account and user numbers: 'U-00042-007' for user 7 of account 42."""
    return pc.binary_join_element_wise(numbered("U-", account, 5), numbered("", number, 3), "-")


def numbered(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Return prefix + zero-padded number, as a column of texts."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def words(codes: NDArray[Any], names: Sequence[str]) -> pa.Array:
    """Return the name of each code; -1 becomes null."""
    return pa.array(names).take(pa.array(codes, mask=codes < 0))


def same(n: int, word: str) -> pa.Array:
    """Return a column that holds one word n times."""
    return words(np.zeros(n, np.int64), (word,))


def timestamps(p: Parameters, micros: Ints) -> pa.Array:
    """Return naive UTC timestamps of microseconds since the first day; NEVER becomes null."""
    first = int(p.first_day.astype("datetime64[us]").astype(np.int64))
    return pa.array(micros + first * (micros != NEVER), mask=micros == NEVER).cast(pa.timestamp("us"))


def pick(uniform: Floats, *weights: float) -> Ints:
    """Return codes with the given weights, from numbers uniform in [0, 1)."""
    share = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(share, uniform, side="right").astype(np.int64)


def at(day: NDArray[Any], hours: Floats) -> Ints:
    """Return the times, in microseconds, at these hours of these days."""
    return day.astype(np.int64) * DAY + in_micros(hours)


def in_micros(hours: Floats) -> Ints:
    """Return hours in microseconds."""
    return (hours * HOUR).astype(np.int64)


def known_before(world: World, micros: Ints) -> Ints:
    """Replace times at or after the end of the history by NEVER: they are not known yet."""
    return np.where(micros < world.parameters.days * DAY, micros, NEVER)
