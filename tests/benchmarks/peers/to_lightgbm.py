"""Loads Parquet into a LightGBM data set ready to train on, by Arrow or pandas: `python -m ... JOB arrow|pandas`.

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
    """Read the table by Arrow or pandas and construct the data set."""
    if by == "pandas":
        import pandas as pd  # not counted for Arrow, which does without it

        table = pd.read_parquet(path)
        label, rows = table["label"], table.drop(columns="label")
    else:
        table = pq.read_table(path)
        label, rows = table["label"], table.drop_columns(["label"])
    lgb.Dataset(rows, label=label, params={"verbosity": -1, "num_threads": 2}).construct()


def make(path: Path) -> None:
    """Write a table of random numbers."""
    rng = np.random.default_rng(7)
    numbers = {f"f{number}": rng.random(ROWS, dtype=np.float32) for number in range(COLUMNS)}
    pq.write_table(pa.table({**numbers, "label": rng.integers(0, 2, ROWS).astype(np.float32)}), path)


if __name__ == "__main__":
    if sys.argv[2] == "make":
        make(Path(sys.argv[1]))
    else:
        job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(f"ready {process_time()}", flush=True)
        main(Path(job["numbers"]), sys.argv[2])
