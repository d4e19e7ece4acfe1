"""CPU seconds of each step of the slot plan, run one by one.

    python -m tests.benchmarks.features.steps LOG [catalogue]

LOG: a folder that `tests.benchmarks.peers.event_log` wrote, such as events-10000000 of a run with --keep. The 60
columns are computed, or with `catalogue` every event column. Each step is stored as a temporary table, which the whole
query does not do: the sum is a little more than the time of the whole.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import process_time

from rich.table import Table

from tests.benchmarks.features.contenders import AS_OFS
from tests.benchmarks.peers.columns import columns, every_column
from tests.benchmarks.peers.ours import open_log
from tests.benchmarks.report import plain_text
from undertow.features.compiler.plan import compile_features
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.settings import Engine


def main(log: Path, is_catalogue: bool) -> None:
    """Print one line per step, in the order in which they run."""
    wanted = every_column() if is_catalogue else columns()
    as_ofs = [datetime.fromisoformat(as_of) for as_of in AS_OFS]
    plan = compile_features(wanted, len(as_ofs)).plan(as_ofs)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, open_duckdb(Engine(memory_limit="8GB"), Path(folder)) as connection:
        connection.execute("SET preserve_insertion_order = false")
        database = InDuckDB(connection)
        open_log(database, log, as_ofs, plan)
        plan.prepare(database)  # registers the small tables
        for step in plan.steps:
            seconds[step.name] = _cpu(lambda name=step.name, sql=step.sql: database.create_table(name, sql, "bench"))
        seconds["join and write"] = _cpu(lambda: database.write(plan.last, Path(folder) / "out", "bench"))
    total = sum(seconds.values())
    table = Table("Step", "CPU seconds", "Share", box=None)
    for name, used in seconds.items():
        table.add_row(name, f"{used:.2f}", f"{used / total:.0%}")
    print(plain_text(table))


def _cpu(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return process_time() - started


if __name__ == "__main__":
    main(Path(sys.argv[1]), "catalogue" in sys.argv[2:])
