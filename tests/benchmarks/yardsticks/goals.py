"""Goals for ranking, churn probabilities, totals and value: numbers fixed before the measurement."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.report import Claim
from tests.benchmarks.yardsticks.measures import by_tenths, efficiency, held_by_first_tenth, is_covered
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
from undertow.training.value.subscription import discount_factors

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
    """Compare the CLV with the true 12-month margin, its interval with the true futures, and the order of the list."""
    predicted, true = values(results, bundle)
    bias = predicted.sum() / true.sum() - 1.0
    tenths = [said / there - 1.0 for said, there in by_tenths(predicted, true)]
    worst = max(tenths, key=abs)
    error = float(np.median(np.abs(predicted / true - 1.0)))
    money = bundle.value.margin * discount_factors(bundle.value, 12).mean()  # a path's sum, discounted as on average
    covered = np.concatenate(
        [is_covered(*each.predicted.clv_interval, money * each.truth.futures.paid) for each in results]
    )
    by_tenth = [float(part.mean()) for part in np.array_split(covered[np.argsort(predicted, kind="stable")], 10)]
    spread = f"{min(by_tenth):.0%} to {max(by_tenth):.0%}"
    return [
        Claim("value: total within 2 % of the true 12-month margin", f"{bias:+.1%}", abs(bias) <= 0.02),
        Claim("value: within 5 % in every tenth", f"{worst:+.1%} in the worst", abs(worst) <= 0.05),
        Claim("value: median error at most 5 %", f"{error:.1%}", error <= 0.05),
        Claim(
            "value: the 80 % interval covers 78 to 82 % of the true futures",
            f"{covered.mean():.0%}",
            bool(0.78 <= covered.mean() <= 0.82),
        ),
        Claim("value: 75 to 90 % in every tenth", spread, min(by_tenth) >= 0.75 and max(by_tenth) <= 0.9),
        _found_claim(results, bundle),
    ]


def _found_claim(results: list[AsOfResult], bundle: Bundle) -> Claim:
    """Compare the MRR truly lost within the headline that the first tenth of the list holds with other orders."""
    column, parts = bundle.ends.index(bundle.headline), {"ours": [], "p x MRR": [], "the best order": []}
    for result in results:
        said, lost = result.predicted, result.truth.probability[:, column] * result.predicted.mrr
        orders = (said.value_at_risk, said.probability[:, column] * said.mrr, lost)
        for name, order in zip(parts, orders, strict=True):
            parts[name].append(held_by_first_tenth(order, lost))
    ours, simple, best = (float(np.mean(each)) for each in parts.values())
    return Claim(
        f"value: MRR lost in {bundle.headline} days that the first tenth of the list holds, no less than p x MRR",
        f"{ours:.1%}; p x MRR {simple:.1%}; the best order {best:.1%}",
        ours >= simple - 0.005,
    )


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
