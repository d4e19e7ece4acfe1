"""Fits a judged model again, by its recipe, on every outcome known by now: the model that is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undertow.features.replay.replay import Finding
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress
from undertow.training.bundle.bundle import Bundle, with_content_version
from undertow.training.evaluation.gate import is_calibrated
from undertow.training.evaluation.held_out import MODEL, not_beaten
from undertow.training.evaluation.performance import Result
from undertow.training.examples.training_data import TrainingData
from undertow.training.fit.fit import TrainingSet, fit_bundle, whole_set


@dataclass(frozen=True)
class Served:
    """The model that is served, and a note on which outcomes it learned from, and why."""

    bundle: Bundle
    note: str


def refit(
    settings: Settings, data: TrainingData, judged: Bundle, given: TrainingSet,
    results: Sequence[Result], findings: Sequence[Finding], report_progress: Progress,
) -> Served:  # fmt: skip
    """Return the judged model fitted again where it has won on the held-out test; else the judged model itself.

    `given`: what it learned from. `results`: of it and of the baselines. `findings`: of the leakage checks.
    """
    why_not = _why_not(results, judged.headline, findings)
    if why_not:
        return Served(judged, f"Served as judged, not fitted again on outcomes after {judged.trained_until}: {why_not}")
    tables = data.tables
    whole = whole_set(settings, tables, data.features, data.whole, given)
    recipes = {model.cause: model.recipe for model in judged.causes if model.recipe is not None}
    bundle, _ = fit_bundle(settings, tables.currency, whole, "", _again(report_progress), judged.purchases, recipes)
    served = with_content_version(bundle)
    return Served(
        served,
        f"Served: the same recipe fitted again on all outcomes known on {served.trained_until}. The results above are "
        f"those of the model that learned until {judged.trained_until}; no later window can judge the served one yet.",
    )


def _why_not(results: Sequence[Result], headline: int, findings: Sequence[Finding]) -> str:
    """Return why a model is not fitted again, a sentence; empty where it has won on the held-out test."""
    by_model = {result.model: result for result in results if result.horizon == headline}
    if any(finding.severity == "failure" for finding in findings):
        return "the leakage checks failed."
    if MODEL not in by_model:
        return f"no held-out window of {headline} days has matured."
    unbeaten = not_beaten(by_model)
    if unbeaten:
        return f"at {headline} days it does not beat the {' or the '.join(unbeaten)} by log loss."
    total = by_model[MODEL].metrics["calibration"]
    if not is_calibrated(total):
        return f"its predicted / observed is {total.value:.2f}, and 1 is outside its interval."
    return ""


def _again(report_progress: Progress) -> Progress:
    return lambda what, share: report_progress("fitting again", share)
