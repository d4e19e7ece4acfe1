"""Tuning as a step of training: a search inside the training data, and the gate between its best and the defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress
from undertow.training.churn.roles import roles_of
from undertow.training.churn.training_rows import training_rows
from undertow.training.evaluation.gate import Verdict
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.evaluation.tuning.search import Trial, best_of, search, tuned
from undertow.training.examples.encoding import ModelColumn, encode, with_unknown
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.split import THIN, Examples

SEARCHING = 0.9  # of the time of tuning; the rest is two models for the gate
NOT_BETTER = "No trial was better than the defaults, which are used."
NOT_MATURED = "No held-out window has matured to compare the two on: the defaults are used."


def tune(
    settings: Settings,
    learn: Examples,
    columns: tuple[ModelColumn, ...],
    ends: tuple[int, ...],
    trials: int,
    against_defaults: Callable[[Settings], Verdict | None],
    report_progress: Progress,
) -> tuple[Settings, TuningReport]:
    """Return the settings to train with, and what a search of so many trials found.

    `learn`, `columns`, `ends`: what the model learns from. `against_defaults`: returns the verdict of the gate on a
    model with changed settings against one with the defaults, on the held-out test; None where no window has matured.
    The tuned settings are returned only where that verdict is for them. With thin data nothing is searched: losses that
    few churners decide cannot tell settings apart, and the model then has no trees of families to tune.
    """
    rows = training_rows(learn, with_unknown(encode(columns, learn.rows), columns, learn.accounts), ends)
    churners = rows.churners(*CAUSES)
    if churners < THIN:
        return settings, TuningReport(0, why_not=_thin(churners))
    found = search(
        rows, roles_of(columns), settings.training, settings.engine.threads, trials,
        lambda share: report_progress("tuning", SEARCHING * share),
    )  # fmt: skip
    chosen = choose(settings, found, against_defaults)
    report_progress("tuning", 1.0)
    return chosen


def choose(
    settings: Settings, found: tuple[Trial, ...], against_defaults: Callable[[Settings], Verdict | None]
) -> tuple[Settings, TuningReport]:
    """Return the settings with the factors of the best trial where the gate is for them, else as they are."""
    best = best_of(found)
    report = TuningReport(len(found), found.index(best), best.loss, found[0].loss, asdict(best.factors))
    if report.best == 0:
        return settings, replace(report, why_not=NOT_BETTER)
    changed = settings.model_copy(update={"training": tuned(settings.training, best.factors)})
    verdict = against_defaults(changed)
    report = replace(report, verdict=verdict, why_not="" if verdict else NOT_MATURED)
    return (changed if report.is_used else settings), report


def _thin(churners: int) -> str:
    return (
        f"Not tuned: {churners} churners to learn from, and held-out losses can tell settings apart from {THIN} on. "
        "The defaults are used."
    )
