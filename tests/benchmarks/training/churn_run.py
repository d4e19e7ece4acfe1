"""Trains on the accounts of a project, or on copies of them, and prints what it cost: minutes by step, and memory.

Arguments: the project, a folder for copies, how many accounts the copies make in all (0: none), and from how many
snapshots at most it learns (0: as many as the project's settings say).
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.benchmarks.memory import peak_since_last
from tests.benchmarks.training.copies import copy_accounts
from undertow.features.settings import load_settings
from undertow.serving.cli.clock import now
from undertow.training.bundle.bundle import Bundle
from undertow.training.examples.training_data import TrainingData, training_data
from undertow.training.fit.fit import TrainingSet, fit_bundle, training_set, whole_set


def prepare(project: Path, keep: Path, accounts: int) -> tuple[TrainingData, int]:
    """Return what to train on, and how many copies of each account of the project it holds.

    `accounts`: how many the copies make in all; 0: no copies.
    """
    data = training_data(load_settings(project), now())
    copies = round(accounts / data.tables.report("accounts").kept)
    if not copies:
        return data, 1
    tables, features = copy_accounts(data.tables, data.features, copies, keep / f"copies-{copies}")
    return replace(data, tables=tables, features=features), copies


def main() -> None:
    """Train once: learn, judge, and learn again from everything; print the costs as one line of JSON."""
    project, keep, accounts, most = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    data, copies = prepare(project, keep, accounts)
    if most:
        training = data.settings.training.model_copy(update={"max_snapshots": most})
        data = replace(data, settings=data.settings.model_copy(update={"training": training}))
    minutes, peaks, given, bundle = _train(data)
    total = _total(given, bundle)
    print(json.dumps({
        "accounts": copies * data.tables.report("accounts").kept,
        "snapshots": sum(data.features.snapshots([as_of]).num_rows for as_of in data.features.as_ofs),
        "learned": len(given.learn),
        "minutes": minutes,
        "peaks": peaks,
        "total": total if copies == 1 else None,  # copies of an account in each fold: no judgement of a model
    }))  # fmt: skip


def _train(data: TrainingData) -> tuple[dict[str, float], dict[str, float], TrainingSet, Bundle]:
    """Return the minutes and the peak of resident memory in GB of each step, what it learned from, and the model."""
    clock, minutes, peaks = time.monotonic(), dict[str, float](), dict[str, float]()

    def took(step: str) -> None:
        nonlocal clock
        minutes[step], clock = (time.monotonic() - clock) / 60, time.monotonic()
        peaks[step] = peak_since_last()

    settings, tables, features = data.settings, data.tables, data.features
    given = training_set(settings, tables, features, data.dates)
    took("labels")
    bundle, _ = fit_bundle(settings, tables.currency, given, "", lambda what, share: None)
    took("fit")
    whole = whole_set(settings, tables, features, data.whole, given)
    took("labels 2")
    recipes = {model.cause: model.recipe for model in bundle.causes if model.recipe is not None}
    fit_bundle(settings, tables.currency, whole, "", lambda what, share: None, recipes=recipes)
    took("fit 2")
    return minutes, peaks, given, bundle


def _total(given: TrainingSet, bundle: Bundle) -> float:
    """Return predicted / observed leavers of the held-out test at the headline horizon."""
    matured = given.held_out.take(given.held_out.outcomes.matured(bundle.headline))
    p = bundle.probability(matured.rows)[:, bundle.ends.index(bundle.headline)]
    return float(np.sum(p) / np.sum(matured.outcomes.churned(bundle.headline)))


if __name__ == "__main__":
    main()
