"""Parquet to a LightGBM data set that is ready to train on: `python -m ... JOB arrow|pandas`.

`python -m ... TABLE make` writes the table of random numbers that both read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import process_time

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, COLUMNS = 500_000, 100


def main(path: Path, by: str) -> None:
    """Read the table one way and construct the data set."""
    if by == "pandas":
        import pandas as pd  # the other way does without it

        table = pd.read_parquet(path)
        label, rows = table["label"], table.drop(columns="label")
    else:
        table = pq.read_table(path)
        label, rows = table["label"], table.drop_columns(["label"])
    lgb.Dataset(rows, label=label, params={"verbosity": -1, "num_threads": 2}).construct()


def make(path: Path) -> None:
    """Write a table of random numbers."""
    chance = np.random.default_rng(7)
    numbers = {f"f{number}": chance.random(ROWS, dtype=np.float32) for number in range(COLUMNS)}
    pq.write_table(pa.table({**numbers, "label": chance.integers(0, 2, ROWS).astype(np.float32)}), path)


if __name__ == "__main__":
    if sys.argv[2] == "make":
        make(Path(sys.argv[1]))
    else:
        job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(f"ready {process_time()}", flush=True)
        main(Path(job["numbers"]), sys.argv[2])
