"""Computes features for one range of accounts at a time, so that rows of any number fit into the memory limit.

What is read over all accounts (rates on a platform, say) is computed once, before the ranges. Peers are compared at
the end, one as_of at a time, since they may lie in any range.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import ceil
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.compiler.compiled import ALONE, Plan
from undertow.features.engines.database import Database
from undertow.features.engines.duckdb import literal
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Tables

ROWS_PER_GB = 4_000_000  # rows in reach of a query that its memory limit carries, per GB of it

Since = Mapping[str, datetime | None]  # table -> the first time needed, or None for all rows


def ranges_needed(database: Database, tables: Tables, since: Since, until: datetime) -> int:
    """Return into how many ranges the accounts must be divided for the rows in reach to fit into memory."""
    if database.memory is None:
        return 1
    files = [file for name in tables.present for file in tables.files(name, since.get(name), until)]
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    return max(1, ceil(rows / (ROWS_PER_GB * database.memory / 1024**3)))


def write_by_range(
    database: Database,
    plan: Plan,
    finish: Callable[[str], str],
    tables: Tables,
    since: Since,
    as_ofs: Sequence[datetime],
    number: int,
    folder: Path,
) -> None:
    """Write the features of these as_ofs to `folder`/as_of=<day>/, computed for one of `number` ranges at a time.

    `finish`: makes the last query from the one that compares peers. `folder` must not exist yet, `population` must.
    """
    folder.mkdir(parents=True)
    query = plan.prepare_by_account(database)
    parts = [folder / f"range-{place}" for place in range(number)]
    for part, where in zip(parts, _ranges(database, number), strict=False):
        open_tables(database, tables, dict(since), as_ofs[-1], where)
        database.create_view("snapshots", f"SELECT * FROM population WHERE {where}", "features")
        database.write(query, part, "features")
    for as_of in as_ofs:
        name = f"as_of={as_of:%Y-%m-%d}"
        files = [file for part in parts for file in sorted((part / name).glob("*.parquet"))]
        if files:
            database.open_table("of_as_of", files)
            alone = f"SELECT *, TIMESTAMP '{as_of:%Y-%m-%d}' AS as_of FROM of_as_of"
            database.create_view(ALONE, alone, "features")
            database.write(finish(plan.against_peers()), folder / f"peers-{name}", "features")
            (folder / f"peers-{name}" / name).rename(folder / name)
        for part in parts:
            shutil.rmtree(part / name, ignore_errors=True)


def _ranges(database: Database, number: int) -> list[str]:
    """Return conditions on account_id that divide the accounts at risk into ranges of equal numbers of them."""
    tiles = f"SELECT account_id, ntile({number}) OVER (ORDER BY account_id) AS tile"
    distinct = "(SELECT DISTINCT account_id FROM population)"
    firsts = f"SELECT min(account_id) AS first FROM ({tiles} FROM {distinct}) GROUP BY tile ORDER BY first"
    first = database.arrow(firsts, "features")["first"].to_pylist()[1:]
    above = ["true", *[f"account_id >= {literal(each)}" for each in first]]
    below = [*[f"account_id < {literal(each)}" for each in first], "true"]
    return [f"{low} AND {high}" for low, high in zip(above, below, strict=True)]
