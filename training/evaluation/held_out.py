"""The held-out test: predictions for later snapshots, judged at every horizon that has matured, and by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from undertow.features.sources.loaded import Progress
from undertow.training.churn.baselines import Baseline
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.performance import FEW_CHURNERS, Result, evaluate
from undertow.training.examples.split import Examples, segments

MODEL = "undertow hazard"
Baselines = Mapping[int, tuple[Baseline, ...]]  # horizon in days -> baselines


@dataclass(frozen=True)
class HeldOutPredictions:
    """The held-out test snapshots and the model's probabilities for them, shape (n, len(ends))."""

    examples: Examples
    ends: tuple[int, ...]
    probability: np.ndarray

    def matured(self, horizon: int) -> tuple[Examples, np.ndarray]:
        """Return the snapshots whose window was fully observed, and their probabilities."""
        mask = self.examples.outcomes.matured(horizon)
        return self.examples.take(mask), self.probability[mask, self.ends.index(horizon)]


def evaluate_horizons(
    predicted: HeldOutPredictions, baselines: Baselines, resamples: int, report_progress: Progress
) -> tuple[Result, ...]:
    """Evaluate the model and its baselines at every horizon that has matured in the held-out test."""
    results = []
    for position, horizon in enumerate(predicted.ends):
        matured, p = predicted.matured(horizon)
        if len(matured):
            labels = labels_of(matured, horizon)
            results.append(evaluate(MODEL, horizon, p, labels, resamples))
            for baseline in baselines.get(horizon, ()):
                p = baseline.probability(matured.rows, horizon)
                results.append(evaluate(baseline.name, horizon, p, labels, resamples))
        report_progress("evaluating", (position + 1) / len(predicted.ends))
    return tuple(results)


def evaluate_segments(predicted: HeldOutPredictions, headline: int, resamples: int) -> dict[str, Result]:
    """Evaluate the model inside each segment that has enough churners, at the headline horizon."""
    matured, p = predicted.matured(headline)
    results = {}
    for name, mask in segments(matured.rows).items():
        labels = labels_of(matured.take(mask), headline)
        if labels.churned.sum() >= FEW_CHURNERS and not labels.churned.all():
            results[name] = evaluate(MODEL, headline, p[mask], labels, resamples)
    return results


def not_beaten(by_model: Mapping[str, Result]) -> list[str]:
    """Return the baselines whose log loss is smaller than the model's; `by_model`: name -> result at one horizon."""
    loss = by_model[MODEL].metrics["log_loss"].value
    return [name for name, other in by_model.items() if other.metrics["log_loss"].value < loss]


def labels_of(examples: Examples, horizon: int) -> HeldOutLabels:
    """Return who left within the horizon, in days, and the account of each row."""
    return HeldOutLabels(examples.outcomes.churned(horizon), examples.accounts)
