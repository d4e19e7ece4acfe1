"""Goals for ranking, churn probabilities, totals and value: numbers fixed before the measurement."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.report import Claim
from tests.benchmarks.yardsticks.measures import coverage, efficiency
from tests.benchmarks.yardsticks.results import (
    CEILING,
    LOGISTIC,
    MODEL,
    AsOfResult,
    mean_auroc,
    mean_error,
    total_ratios,
    values,
)
from undertow.training.bundle.bundle import Bundle

EFFICIENCY = {30: 0.97, 60: 0.965, 90: 0.96, 180: 0.96, 360: 0.95}  # horizon in days -> share of the way to the ceiling
TOTALS_WITHIN = 0.1  # predicted / true leavers, from 1, at every as_of
MOST_ERROR = 0.05  # RMSE of the churn probabilities at the headline horizon


def goal_claims(results: list[AsOfResult], bundle: Bundle) -> list[Claim]:
    """Return whether the goals hold: a claim per horizon, and two at the headline horizon."""
    headline = bundle.headline
    rankings = [
        ranking_goal(horizon, *(mean_auroc(results, model, horizon) for model in (MODEL, CEILING, LOGISTIC)))
        for horizon in bundle.ends
    ]
    totals = totals_goal(headline, total_ratios(results, bundle.ends.index(headline)))
    return [*rankings, totals, error_goal(headline, mean_error(results, MODEL, headline))]


def ranking_goal(horizon: int, ours: float | None, ceiling: float | None, logistic: float | None) -> Claim:
    """Judge expected AUROCs at a horizon: efficiency, and above the logistic regression; None where not measured.

    Not judged where one of the numbers that it needs is missing, unless the others alone refute it.
    """
    goal = EFFICIENCY.get(horizon)
    share = None if ours is None or ceiling is None else efficiency(ours, ceiling)
    reached = None if share is None or goal is None else share >= goal
    above = None if ours is None or logistic is None else ours > logistic
    parts = (reached, above)
    holds = False if False in parts else None if None in parts else True
    measured = f"efficiency {_number(share)}; xAUC {_number(ours)}, logistic regression {_number(logistic)}"
    wanted = "" if goal is None else f"efficiency of {goal} or more, and "
    return Claim(f"{horizon} days: {wanted}above the logistic regression", measured, holds)


def totals_goal(headline: int, ratios: list[float]) -> Claim:
    """Judge predicted / true numbers of leavers, one per as_of."""
    return Claim(
        f"{headline} days: leavers said within {TOTALS_WITHIN:.0%} of the truth at every as_of",
        " ".join(f"{ratio:.2f}" for ratio in ratios),
        all(abs(ratio - 1.0) <= TOTALS_WITHIN for ratio in ratios),
    )


def error_goal(headline: int, error: float) -> Claim:
    """Judge the RMSE of the churn probabilities, mean over the as_ofs."""
    return Claim(f"{headline} days: RMSE of p at most {MOST_ERROR:.3f}", f"{error:.4f}", error <= MOST_ERROR)


def value_claims(results: list[AsOfResult], bundle: Bundle) -> list[Claim]:
    """Check the bias of the total CLV; report the coverage of an 80 % interval taken from the true futures."""
    predicted, true = values(results, bundle)
    paid = np.concatenate([result.truth.futures.paid for result in results])
    low, high = np.quantile(paid, (0.1, 0.9), axis=1)
    bias = predicted.sum() / true.sum() - 1.0
    return [
        Claim("value: total within a tenth of the true 12-month margin", f"{bias:+.1%}", abs(bias) <= 0.1),
        Claim(
            "value: an 80 % interval covers 80 %",
            f"none is served yet; the truth's own covers {coverage(low, high, paid):.0%}",
            None,
        ),
    ]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
