"""Counts the feature values that differ between two contenders: `python -m ... ONE OTHER`, Parquet files or folders.

Values are equal within a relative tolerance of 1e-9; NaN is read as null. `python -m ... ONE OTHER sample`: OTHER
holds some of the accounts, and these alone are compared. Prints a `Difference` as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.benchmarks.peers.difference import Difference

TOLERANCE = 1e-9  # relative


def compare(one: Path, other: Path, is_sample: bool = False) -> Difference:
    """Compare all values; where the accounts and as_ofs of both are not the same, every value counts as differing."""
    right = _read(other)
    left = _read(one, right["account_id"] if is_sample else None)
    right = right.select(left.column_names)
    compared = left.num_rows * (left.num_columns - 2)
    if left.num_rows != right.num_rows or not _keys(left).equals(_keys(right)):
        note = f"not the same accounts and as_ofs: {left.num_rows:,}, {right.num_rows:,}"
        return Difference(compared or right.num_rows, compared, note)
    differing = {name: _different(left[name], right[name]) for name in left.column_names[2:]}
    worst = sorted(((count, name) for name, count in differing.items() if count), reverse=True)[:5]
    note = ", ".join(f"{name} {count:,}" for count, name in worst)
    return Difference(sum(differing.values()), compared, note)


def _read(path: Path, accounts: pa.ChunkedArray | None = None) -> pa.Table:
    """Return what a contender wrote, of these accounts or of all, in the order of account and as_of."""
    if path.is_file():
        return _sorted(_of(pq.read_table(path), accounts))
    parts = []
    for file in sorted(path.glob("as_of=*/*.parquet")):
        rows = _of(pq.ParquetFile(file).read(), accounts)
        as_of = np.datetime64(file.parent.name.removeprefix("as_of="), "us")
        parts.append(rows.append_column("as_of", pa.array(np.full(rows.num_rows, as_of))))
    return _sorted(pa.concat_tables(parts))


def _of(rows: pa.Table, accounts: pa.ChunkedArray | None) -> pa.Table:
    if accounts is None:
        return rows
    wanted = pc.unique(pc.cast(accounts, pa.string()))
    return rows.filter(pc.is_in(pc.cast(rows["account_id"], pa.string()), value_set=wanted))


def _sorted(table: pa.Table) -> pa.Table:
    columns = ["account_id", "as_of", *sorted(set(table.column_names) - {"account_id", "as_of"})]
    return table.select(columns).sort_by([("account_id", "ascending"), ("as_of", "ascending")])


def _keys(table: pa.Table) -> pa.Table:
    accounts = pc.cast(table["account_id"], pa.string())
    return pa.table({"account_id": accounts, "as_of": pc.cast(table["as_of"], pa.timestamp("us"))}).combine_chunks()


def _different(one: pa.ChunkedArray, other: pa.ChunkedArray) -> int:
    left, right = (np.asarray(pc.cast(values, pa.float64()).to_numpy(), dtype=float) for values in (one, other))
    return int((~np.isclose(left, right, rtol=TOLERANCE, atol=0, equal_nan=True)).sum())


if __name__ == "__main__":
    print(json.dumps(asdict(compare(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["sample"]))))
