"""Trains on the accounts of a project, or on copies of them, and prints what it cost: minutes by step, and memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.training.copies import Copied, copy_accounts
from undertow.features.build.feature_table import build_features
from undertow.features.settings import Settings, load_settings
from undertow.features.sources.load import load_tables
from undertow.serving.cli.clock import now
from undertow.training.bundle.bundle import Bundle
from undertow.training.examples.split import Dates, choose_dates, whole_as_ofs
from undertow.training.fit.fit import TrainingSet, fit_bundle, training_set, whole_set

LEAST = 24  # as_ofs


def prepare(project: Path, keep: Path, accounts: int) -> tuple[Settings, Copied, Dates]:
    """Return the settings of a project, and as many copies of its accounts as make `accounts`; 0: no copies."""
    settings = load_settings(project)
    tables = load_tables(settings, now())
    dates = choose_dates(settings, tables)
    features = build_features(settings, tables, sorted({*dates.every, *whole_as_ofs(settings, tables)}))
    copies = round(accounts / tables.report("accounts").kept)
    if not copies:
        return settings, Copied(tables, features, 1), dates
    return settings, copy_accounts(tables, features, copies, keep / f"copies-{copies}"), dates


def main() -> None:
    """Train once: learn, judge, and learn again from everything; print the costs as one line of JSON."""
    project, keep, accounts = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settings, copied, dates = prepare(project, keep, accounts)
    minutes, given, bundle = _train(settings, copied, dates)
    total = _total(given, bundle)
    print(json.dumps({
        "accounts": copied.copies * copied.tables.report("accounts").kept,
        "snapshots": sum(copied.features.snapshots([as_of]).num_rows for as_of in copied.features.as_ofs),
        "learned": len(given.learn),
        "minutes": minutes,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "total": total,
    }))  # fmt: skip


def _train(settings: Settings, copied: Copied, dates: Dates) -> tuple[dict[str, float], TrainingSet, Bundle]:
    clock, minutes = time.monotonic(), {}

    def took(step: str) -> None:
        nonlocal clock
        minutes[step], clock = (time.monotonic() - clock) / 60, time.monotonic()

    tables, features = copied.tables, copied.features
    given = training_set(settings, tables, features, dates)
    took("labels")
    bundle, _ = fit_bundle(settings, tables.currency, given, "", lambda what, share: None)
    took("fit")
    whole = whole_set(settings, tables, features, given)
    took("labels 2")
    recipes = {model.cause: model.recipe for model in bundle.causes if model.recipe is not None}
    fit_bundle(settings, tables.currency, whole, "", lambda what, share: None, recipes=recipes)
    took("fit 2")
    return minutes, given, bundle


def _total(given: TrainingSet, bundle: Bundle) -> float:
    """Return predicted / observed leavers of the held-out test at the headline horizon."""
    matured = given.held_out.take(given.held_out.outcomes.matured(bundle.headline))
    p = bundle.probability(matured.rows)[:, bundle.ends.index(bundle.headline)]
    return float(np.sum(p) / np.sum(matured.outcomes.churned(bundle.headline)))


if __name__ == "__main__":
    main()
