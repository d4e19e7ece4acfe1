"""The health score as a baseline: a logistic regression of churn on the rank of the score, in its own order.

A score is no probability. Its rank among the scores of the training snapshots (0 the worst, 1 the best, ties in the
middle) is carried to one by two numbers learned on these snapshots. The order stays that of the score: where healthier
accounts left more often in training, or too few left to learn from, the probability is that of all with a score, and
the order is kept by differences too small to count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from undertow.training.evaluation.held_out import Baselines
from undertow.training.evaluation.performance import FEW_CHURNERS
from undertow.training.examples.split import Examples
from undertow.training.health_score.known_scores import health_of

NAME = "health score"
FEWEST_SCORES = 20  # of training; with fewer, ranks are those among the scores of the held-out snapshots
SLIGHT = -1e-6  # a slope in log-odds that keeps the order and no more


@dataclass(frozen=True)
class HealthScoreRule:
    """P(churn within one horizon) from the rank of the health score.

    `reference`: the scores that ranks are taken among, ascending. `intercept`, `slope`: of the log-odds, at the middle
    rank and from the worst rank to the best. `unknown`: the rate of snapshots without a score. `why`: how the slope was
    found, in one sentence.
    """

    reference: np.ndarray
    intercept: float
    slope: float
    unknown: float
    why: str
    name: str = NAME

    def probability(self, rows: pa.Table, horizon: int) -> np.ndarray:
        """Return P(churn), shape (n,); `horizon` is the one that the rule was fitted for."""
        health = health_of(rows)
        log_odds = self.intercept + self.slope * (ranks(health, self.reference) - 0.5)
        return np.where(np.isnan(health), self.unknown, 1 / (1 + np.exp(-log_odds)))


def ranks(health: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the rank of each score among the reference, 0 to 1, ties in the middle; 0.5 where it is unknown.

    >>> ranks(np.array([10.0, 20.0, 99.0]), np.array([10.0, 20.0, 20.0, 30.0])).tolist()
    [0.125, 0.5, 1.0]
    """
    if not len(reference):
        return np.full(len(health), 0.5)
    below, upto = np.searchsorted(reference, health, "left"), np.searchsorted(reference, health, "right")
    return np.where(np.isnan(health), 0.5, (below + upto) / (2 * len(reference)))


def reference_of(learn: Examples, held_out: Examples) -> np.ndarray:
    """Return the known scores of training, ascending; of both parts where training has hardly any.

    The scores of the held-out snapshots were known at their as_of: nothing later is read.
    """
    known = _known(learn.uniform())
    return np.sort(known if len(known) >= FEWEST_SCORES else np.concatenate([known, _known(held_out)]))


def with_rule(baselines: Baselines, learn: Examples, reference: np.ndarray) -> Baselines:
    """Return the baselines of every horizon with the health score beside them."""
    return {horizon: (*given, fit_rule(learn, reference, horizon)) for horizon, given in baselines.items()}


def rule_of(baselines: Baselines, horizon: int) -> HealthScoreRule | None:
    """Return the health score among the baselines of a horizon, where it is."""
    return next((each for each in baselines.get(horizon, ()) if isinstance(each, HealthScoreRule)), None)


def fit_rule(learn: Examples, reference: np.ndarray, horizon: int) -> HealthScoreRule:
    """Return the rule learned on the training snapshots whose window of `horizon` days was followed."""
    matured = learn.take(learn.outcomes.matured(horizon))
    churned, health = matured.outcomes.churned(horizon), health_of(matured.rows)
    has_score, overall = ~np.isnan(health), float(np.average(churned, weights=matured.weight))
    weight = np.ones(len(matured)) if matured.weight is None else matured.weight
    unknown = _rate(churned[~has_score], weight[~has_score], overall)
    count = weight[has_score]
    left, rank = churned[has_score], ranks(health[has_score], reference) - 0.5
    if min(left.sum(), (~left).sum()) < FEW_CHURNERS:
        why = (
            f"its probability is one rate for all, in the order of the score: of {len(left):,} training snapshots with "
            f"a score {int(left.sum())} left within {horizon} days, too few to learn more ({FEW_CHURNERS})."
        )
        return HealthScoreRule(reference, _logit(_rate(left, count, overall)), SLIGHT, unknown, why)
    fitted = LogisticRegression(C=100.0).fit(rank[:, None], left, sample_weight=count)
    intercept, slope = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
    if slope >= SLIGHT:
        why = (
            "in training, accounts that the score calls healthier left no less often, so its probability is one rate "
            "for all, in the order of the score: is [scores] good or order the wrong way round?"
        )
        return HealthScoreRule(reference, _logit(_rate(left, count, overall)), SLIGHT, unknown, why)
    why = f"its probability is a logistic regression on its rank, learned on {len(left):,} training snapshots."
    return HealthScoreRule(reference, intercept, slope, unknown, why)


def _known(examples: Examples) -> np.ndarray:
    health = health_of(examples.rows)
    return health[~np.isnan(health)]


def _rate(churned: np.ndarray, weight: np.ndarray, overall: float) -> float:
    """Return the share that churned, drawn toward the overall one by one snapshot."""
    return float((weight[churned].sum() + overall) / (weight.sum() + 1))


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
