"""Judges a health score: its misses (healthy and gone), its false alarms (in alarm and stayed), beside the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from undertow.training.evaluation.health_report import HealthReport, Mistake, Mistakes
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.intervals import Estimate, account_weights
from undertow.training.evaluation.performance import Result, evaluate
from undertow.training.examples.encoding import ModelColumn
from undertow.training.health_score.bounds import Bounds
from undertow.training.health_score.in_common import in_common
from undertow.training.health_score.rule import NAME, HealthScoreRule
from undertow.training.health_score.snapshots import MOST_LISTED, HealthSnapshots, largest


def judge_health(
    judged: HealthSnapshots,
    bounds: Bounds,
    rule: HealthScoreRule | None,
    columns: Sequence[ModelColumn],
    horizon: int,
    max_age_days: int,
    resamples: int,
) -> HealthReport:
    """Return what was found about the score; `bounds` and `rule`: of the newest moment, as they are printed."""
    known, rows = ~np.isnan(judged.health), judged.rows.filter(pa.array(judged.is_healthy))
    weights = account_weights(judged.labels_of(known).account, resamples)
    of = {"known": known, "weights": weights}
    return HealthReport(
        horizon=horizon,
        snapshots=len(known),
        unknown=int((~known).sum()),
        stale=int(judged.is_stale.sum()),
        max_age_days=max_age_days,
        healthy=bounds.said_healthy,
        alarm=bounds.said_alarm,
        why="" if rule is None else rule.why,
        on_scored=_on_scored(judged, known, horizon, resamples),
        misses=_mistakes(judged, judged.missed, judged.churned, judged.is_healthy, **of),
        false_alarms=_mistakes(judged, judged.false_alarm, judged.is_alarm, ~judged.churned, **of),
        in_common=in_common(
            rows, judged.account[judged.is_healthy], judged.churned[judged.is_healthy], columns, horizon
        ),
    )


def _on_scored(judged: HealthSnapshots, known: np.ndarray, horizon: int, resamples: int) -> tuple[Result, ...]:
    """Return the model and the score on the snapshots with a score; nothing where all or none have one."""
    if known.all() or not known.any():
        return ()
    compared = {MODEL: judged.probability, NAME: judged.rule}
    return tuple(
        evaluate(name, horizon, p[known], judged.labels_of(known), resamples)
        for name, p in compared.items()
        if not np.isnan(p[known]).any()
    )


def _mistakes(
    judged: HealthSnapshots, wrong: np.ndarray, of: np.ndarray, among: np.ndarray, known: np.ndarray,
    weights: np.ndarray,
) -> Mistakes:  # fmt: skip
    """Return the mistakes, a mask; as shares of `of` and `among`, masks of which only rows with a score count."""
    of, among = of & known, among & known
    return Mistakes(
        snapshots=int(wrong.sum()),
        accounts=len(np.unique(judged.account[wrong])),
        share=_share(wrong[known], of[known], weights),
        of=int(of.sum()),
        rate=_share(wrong[known], among[known], weights),
        among=int(among.sum()),
        mrr=float(judged.mrr[wrong].sum()),
        mrr_share=_ratio(judged.mrr[wrong].sum(), judged.mrr[of].sum()),
        listed=tuple(_mistake(judged, position) for position in _once(judged, wrong)),
    )


def _share(wrong: np.ndarray, of: np.ndarray, weights: np.ndarray) -> Estimate:
    """Return the share of `of` that is wrong, with a 95 % interval from a bootstrap of accounts."""
    if not of.any():
        return Estimate(float("nan"), float("nan"), float("nan"))
    total = weights @ of.astype(float)
    drawn = (weights @ wrong.astype(float))[total > 0] / total[total > 0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(wrong.sum() / of.sum()), float(low), float(high))


def _once(judged: HealthSnapshots, wrong: np.ndarray) -> np.ndarray:
    """Return the positions of the largest mistakes, each account once: where its MRR was largest."""
    first_of_account: dict[str, int] = {}
    for position in np.argsort(-judged.mrr, kind="stable"):
        if wrong[position]:
            first_of_account.setdefault(str(judged.account[position]), int(position))
    once = np.zeros(len(wrong), dtype=bool)
    once[list(first_of_account.values())] = True
    return largest(once, judged.mrr)[:MOST_LISTED]


def _mistake(judged: HealthSnapshots, position: int) -> Mistake:
    return Mistake(
        account_id=str(judged.account[position]),
        as_of=str(judged.as_of[position]),
        score=str(judged.score[position]),
        mrr=float(judged.mrr[position]),
        probability=float(judged.probability[position]),
        first_reason=str(judged.first_reason[position]),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
