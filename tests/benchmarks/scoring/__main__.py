"""How long scores take: requests by id and as rows of features, loading a model, and scoring 200,000 accounts at once.

Known accounts are answered from what was published; rows of features, and the 200,000 accounts, are scored and
explained: by the published model, and by the same model with trees in each cause, since it may have none. The
attributions of these trees are compared with LightGBM's own. Reads what `make demo` published. Seconds of one
process, median of 3 rounds; compare ratios.
A run on 1,000 accounts of the demo or more also rewrites the section `scoring` of tests/benchmarks/README.md.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.memory import peak_since_last
from tests.benchmarks.report import finish
from tests.benchmarks.scoring.attributions import attribution_lines, fit, with_trees
from undertow.features.errors import UndertowError
from undertow.features.settings import load_settings
from undertow.serving.cli.console import out
from undertow.serving.jobs.score import in_batches
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import ScoreRequest
from undertow.serving.published.scores import PublishedScores
from undertow.training.bundle.bundle import Bundle

ROUNDS = 3
SIZES = (1, 100, 1000)  # accounts per request
MANY = 200_000  # accounts scored at once, the published ones again and again
MOST_SECONDS, MOST_GB = 300, 4.0  # goals of scoring them
DEMO = "demo"


def main() -> None:
    """Print the seconds for requests of 1, 100 and 1,000 accounts, by id and as rows of features."""
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.scoring", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, nargs="?", default=DEMO,
                        help="folder of a project with published scores; default: demo")  # fmt: skip
    try:
        settings = load_settings(parser.parse_args().project)
        published = ScoresReader(settings.store_path()).latest()
    except UndertowError as error:
        raise SystemExit(str(error)) from error
    rows = pq.read_table(published.folder / "features.parquet").drop_columns(["as_of"]).to_pylist()
    lines = [kind_of_model(published.bundle)]
    out.print(lines[0])
    for size in SIZES:
        lines.append(response_times(published, rows[:size]))
        out.print(lines[-1])
    for line in (loading_time(published.folder / "bundle"), *times_with_trees(published)):
        lines.append(line)
        out.print(line)
    partial = [] if settings.name == DEMO else [f"project {settings.name}, not {DEMO}"]
    partial += [] if len(rows) >= max(SIZES) else [f"{len(rows):,} accounts, not {max(SIZES):,}"]
    out.print(finish("scoring", "\n".join(lines), "; ".join(partial)), soft_wrap=True)


def kind_of_model(bundle: Bundle) -> str:
    """Return a line with the trees of each cause: contributions of trees take most of the time where there are any."""
    boosters = {model.cause: model.trees.boosters if model.trees else () for model in bundle.causes}
    trees = [f"{cause} {sum(booster.num_trees() for booster in bag)}" for cause, bag in boosters.items()]
    return f"trees of the model that is measured: {', '.join(trees)}"


def response_times(published: PublishedScores, rows: list[dict[str, object]]) -> str:
    """Return a line with the seconds for these accounts by id and as rows of features, and the ratio of both."""
    by_id = _seconds(published, ScoreRequest(account_ids=[str(row["account_id"]) for row in rows]))
    as_rows = _seconds(published, ScoreRequest(rows=rows))
    return f"{len(rows):>5} accounts: {by_id:.4f} s by id, {as_rows:.2f} s as rows ({as_rows / by_id:,.0f} times)"


def loading_time(folder: Path) -> str:
    """Return a line with the seconds that loading the model takes, median of the rounds."""
    return f"loading the model: {median(_timed(lambda: Bundle.load(folder)) for _ in range(ROUNDS)):.2f} s"


def times_with_trees(published: PublishedScores) -> Iterator[str]:
    """Yield lines with the seconds of attributing trees, and of MANY accounts without and with these trees."""
    bundle, rows = published.bundle, pq.read_table(published.folder / "features.parquet")
    booster = fit(bundle, rows)
    yield from attribution_lines(bundle, rows, booster)
    yield f"{MANY:,} accounts, scored and explained (goals {MOST_SECONDS} s, {MOST_GB:.0f} GB):"
    yield f"  by the published model: {cost_of_many(bundle, rows)}"
    yield f"  by the same with these trees in each cause: {cost_of_many(with_trees(bundle, booster), rows)}"


def cost_of_many(bundle: Bundle, rows: pa.Table) -> str:
    """Return the seconds of scoring and explaining MANY accounts as the scoring job does, and its peak of memory."""
    many = rows.take(pa.array(np.arange(MANY) % rows.num_rows))
    peak_since_last()
    seconds = _timed(lambda: in_batches(bundle, many))
    return f"{seconds:.0f} s, {peak_since_last():.1f} GB with their features"


def _seconds(published: PublishedScores, request: ScoreRequest) -> float:
    """Return the seconds of one request, median of the rounds."""
    return median(_timed(lambda: published.score(request)) for _ in range(ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    main()
