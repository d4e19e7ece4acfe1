"""How long an answer takes: known accounts against rows of features, `make bench`.

Reads what `make demo` published. Seconds of one process; read the ratio, machines are noisy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import pyarrow.parquet as pq

from undertow.features.settings import load_settings
from undertow.serving.cli.console import out
from undertow.serving.published.requests import ScoreRequest
from undertow.serving.published.scores import PublishedScores, ScoresReader

ROUNDS = 3


def main(project: str = "demo") -> None:
    """Print the seconds for 1, 100 and 1,000 accounts, asked by id and as rows."""
    published = ScoresReader(load_settings(Path(project)).store_path()).latest()
    rows = pq.read_table(published.folder / "features.parquet").drop_columns(["as_of"]).to_pylist()
    for n in (1, 100, 1000):
        asked = rows[:n]
        by_id = ScoreRequest(account_ids=[str(row["account_id"]) for row in asked])
        ids, live = _seconds(published, by_id), _seconds(published, ScoreRequest(rows=asked))
        out.print(f"{len(asked):>5} accounts: {ids:.4f} s by id, {live:.2f} s as rows ({live / ids:,.0f} times)")


def _seconds(published: PublishedScores, request: ScoreRequest) -> float:
    return median(_timed(lambda: published.score(request)) for _ in range(ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:2])
