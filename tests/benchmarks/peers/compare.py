"""Counts the feature values that differ between two contenders: `python -m ... ONE OTHER`, Parquet files or folders.

Values are equal within a relative tolerance of 1e-9; NaN is read as null.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TOLERANCE = 1e-9  # relative


def main(one: Path, other: Path) -> None:
    """Print the number of differing values, and the five columns with most of them."""
    left = _read(one)
    right = _read(other).select(left.column_names)
    if left.num_rows != right.num_rows or not _keys(left).equals(_keys(right)):
        print(f"mismatches {left.num_rows} (not the same accounts and as_ofs: {left.num_rows}, {right.num_rows})")
        return
    differing = {name: _different(left[name], right[name]) for name in left.column_names[2:]}
    worst = sorted(((count, name) for name, count in differing.items() if count), reverse=True)[:5]
    print(f"mismatches {sum(differing.values())} {worst or ''}")


def _read(path: Path) -> pa.Table:
    if path.is_file():
        return _sorted(pq.read_table(path))
    parts = []
    for file in sorted(path.glob("as_of=*/*.parquet")):
        rows = pq.ParquetFile(file).read()
        as_of = np.datetime64(file.parent.name.removeprefix("as_of="), "us")
        parts.append(rows.append_column("as_of", pa.array(np.full(rows.num_rows, as_of))))
    return _sorted(pa.concat_tables(parts))


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
    main(Path(sys.argv[1]), Path(sys.argv[2]))
