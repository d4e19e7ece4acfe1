"""The model against the simulated world's own truth: `make yardsticks`.

Simulates the demo world with its truth beside it, trains as a user would (training never reads
the truth), then judges the true probabilities on the same test snapshots, in the same table.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.build import build_features
from features.connectors import write_project
from features.settings import Settings, load_settings
from features.simulator import simulate
from features.sources import load_tables
from serving.printing import out, progress, results_table, show
from training.examples import Examples, make_examples
from training.metrics import Judged, Result, judge
from training.report import TrainReport
from training.train import train

TRUTH = "true probability"


def main(preset: str = "demo", seed: int = 7) -> None:
    """Print the results of one world beside those of its truth."""
    with tempfile.TemporaryDirectory() as folder, progress() as tell:
        data, truth, project = (Path(folder) / name for name in ("data", "truth", "project"))
        simulate(preset, data, seed=seed, truth=truth, progress=lambda share: tell("simulating", share))
        write_project("demo", data, project)
        settings = load_settings(project)
        report = train(settings, datetime.now(UTC).replace(tzinfo=None), tell)
        probabilities = pq.read_table(truth / "churn_probability.parquet")
        results = [*report.results, *judge_truth(settings, report, probabilities)]
        results.sort(key=lambda result: result.horizon)
    out.print(f"World: {preset}, seed {seed}; judged at {report.dates.test[0]:%Y-%m-%d}.")
    show(results_table(results))
    for line in efficiency(results):
        out.print(line)


def judge_truth(settings: Settings, report: TrainReport, truth: pa.Table) -> list[Result]:
    """Judge the true probabilities on the test snapshots, a result a horizon."""
    tables = load_tables(settings, datetime.now(UTC).replace(tzinfo=None))
    features = build_features(settings, tables, report.dates.test)
    test = make_examples(settings, tables, features, report.dates.test, tables.until)
    found = []
    for horizon in sorted({result.horizon for result in report.results}):
        p = true_probability(truth, test, horizon)
        known = ~np.isnan(p) & test.outcomes.matured(horizon)
        if known.any():
            on = Judged(test.outcomes.churned(horizon)[known], test.accounts[known])
            found.append(judge(TRUTH, horizon, p[known], on, settings.training.bootstrap))
    return found


def true_probability(truth: pa.Table, test: Examples, horizon: int) -> np.ndarray:
    """Return the true P(churn within the horizon) of each row, shape (n,); nan where it is not told."""
    at_horizon = truth.filter(pc.equal(truth["horizon_days"], horizon))
    keys = zip(at_horizon["account_id"].to_pylist(), at_horizon["as_of"].to_pylist(), strict=True)
    by_key = {
        (account, _day(as_of)): p for (account, as_of), p in zip(keys, at_horizon["p"].to_pylist(), strict=True)
    }
    rows = zip(test.rows["account_id"].to_pylist(), test.rows["as_of"].to_pylist(), strict=True)
    return np.array([by_key.get((account, _day(as_of)), np.nan) for account, as_of in rows])


def efficiency(results: list[Result]) -> list[str]:
    """Say how much of the way from chance to the truth's own AUROC each model goes."""
    ceilings = {result.horizon: result.metrics["auroc"].value for result in results if result.model == TRUTH}
    lines = []
    for result in results:
        if result.horizon in ceilings and result.model not in (TRUTH, "base rate"):
            share = (result.metrics["auroc"].value - 0.5) / (ceilings[result.horizon] - 0.5)
            lines.append(f"{result.horizon} days, {result.model}: {share:.0%} of the way from chance to the truth")
    return lines


def _day(moment: object) -> str:
    return str(moment)[:10]


if __name__ == "__main__":
    main(*sys.argv[1:2])
