"""Predictions beside the ground truth, at every as_of whose outcome training did not know; and means over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from tests.benchmarks.yardsticks.measures import expected_auroc, root_mean_square
from tests.benchmarks.yardsticks.trained import GroundTruth, Predictions, TrainedWorld, predict, with_ground_truth
from undertow.training.bundle.bundle import Bundle
from undertow.training.value.subscription import discount_factors

MODEL, CEILING, LOGISTIC, RECENCY = "undertow", "ceiling", "logistic regression", "recency rule"
SERVED = "undertow, fitted again"  # at the newest as_of alone: it learned from what came after the others


@dataclass(frozen=True)
class AsOfResult:
    """Ground truth and predictions at one as_of whose outcome training did not know."""

    as_of: datetime
    truth: GroundTruth
    predicted: Predictions
    probabilities: dict[str, dict[int, np.ndarray]]  # model -> horizon in days -> churn probabilities, shape (n,)

    def true(self, horizon: int) -> np.ndarray:
        """Return the true churn probabilities within a horizon in days, shape (n,)."""
        return self.truth.probability[:, list(self.probabilities[MODEL]).index(horizon)]


def results_of(trained: TrainedWorld, ceiling: Bundle | None, paths: int, cache: Path | None) -> list[AsOfResult]:
    """Return ground truth and predictions at every as_of whose outcome training did not know."""
    baselines, ends = trained.baselines(), trained.bundle.ends
    results = []
    for as_of in trained.after_training():
        rows, truth = with_ground_truth(trained.world, as_of, trained.rows([as_of]), ends, paths, cache)
        predicted = predict(trained.bundle, rows)
        probabilities = {MODEL: dict(zip(ends, predicted.probability.T, strict=True))}
        for horizon, fitted in baselines.items():
            for baseline in fitted:
                probabilities.setdefault(baseline.name, {})[horizon] = baseline.probability(rows, horizon)
        if ceiling is not None:
            probabilities[CEILING] = dict(zip(ceiling.ends, ceiling.probability(rows).T, strict=True))
        if as_of == trained.tables.until:
            probabilities[SERVED] = dict(zip(ends, trained.served.probability(rows).T, strict=True))
        results.append(AsOfResult(as_of, truth, predicted, probabilities))
    return results


def mean_auroc(results: list[AsOfResult], model: str, horizon: int) -> float | None:
    """Return a model's expected AUROC, mean over the as_ofs; None where it has no probabilities for the horizon."""
    aurocs = [
        expected_auroc(result.probabilities[model][horizon], result.true(horizon))
        for result in results
        if horizon in result.probabilities.get(model, {})
    ]
    return float(np.mean(aurocs)) if aurocs else None


def mean_error(results: list[AsOfResult], model: str, horizon: int) -> float:
    """Return the RMSE of a model's churn probabilities, mean over the as_ofs; NaN where it has none."""
    errors = [
        root_mean_square(result.probabilities[model][horizon], result.true(horizon))
        for result in results
        if horizon in result.probabilities.get(model, {})
    ]
    return float(np.mean(errors)) if errors else np.nan


def total_ratios(results: list[AsOfResult], column: int) -> list[float]:
    """Return predicted / true number of churned accounts at each as_of; `column`: position of the horizon."""
    return [
        float(result.predicted.by_cause[:, column].sum() / result.truth.by_cause[:, column].sum()) for result in results
    ]


def true_value(result: AsOfResult, bundle: Bundle) -> np.ndarray:
    """Return the true 12-month margin of each account, EUR, discounted like the CLV, shape (n,)."""
    mrr = result.truth.futures.mrr
    return np.asarray(bundle.value.margin * discount_factors(bundle.value, len(mrr)) @ mrr)


def values(results: list[AsOfResult], bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Return (predicted, true) 12-month values of all as_ofs pooled, EUR, each of shape (n,)."""
    predicted = np.concatenate([result.predicted.clv for result in results])
    return predicted, np.concatenate([true_value(result, bundle) for result in results])
