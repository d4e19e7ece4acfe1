"""What each moment of a backtest yields, and the pool of all: forecasts beside what happened, account by account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.performance import FEW_CHURNERS, Result, evaluate
from undertow.training.evaluation.value import ValueForecast


@dataclass(frozen=True)
class Judged:
    """n snapshots of one moment, or of several, whose headline window was observed; arrays of shape (n,).

    `probability`: model -> P(churn within the headline horizon), baselines included. `account`: ids. `segment`: texts,
    "" where unknown. `mrr`: money per month at as_of, which `paid` names. `value_at_risk`, `clv_if_kept`: money, of the
    served model.
    """

    probability: dict[str, np.ndarray]
    churned: np.ndarray
    account: np.ndarray
    segment: np.ndarray
    mrr: np.ndarray
    value_at_risk: np.ndarray
    clv_if_kept: np.ndarray
    paid: str = "MRR"

    @property
    def labels(self) -> HeldOutLabels:
        """Return the labels, with accounts numbered through so that all snapshots of one are drawn together."""
        return self.labels_of(np.ones(len(self.churned), dtype=bool))

    def labels_of(self, rows: np.ndarray) -> HeldOutLabels:
        """Return the labels of some rows, a mask."""
        return HeldOutLabels(self.churned[rows], np.unique(self.account[rows], return_inverse=True)[1])

    @property
    def orders(self) -> dict[str, np.ndarray]:
        """Return the orders in which accounts could be contacted: name -> score, highest first."""
        p, paid = self.probability[MODEL], self.paid
        ours = {"value at risk": self.value_at_risk, f"P(churn) x {paid}": p * self.mrr, "P(churn)": p, paid: self.mrr}
        others = {name: values for name, values in self.probability.items() if name not in (MODEL, "base rate")}
        return ours | {f"{name} x {paid}": values * self.mrr for name, values in others.items()}


def pool(parts: Sequence[Judged]) -> Judged:
    """Return the snapshots of several moments together, with the models that all of them have."""
    names = [name for name in parts[0].probability if all(name in part.probability for part in parts)]

    def joined(take: Callable[[Judged], np.ndarray]) -> np.ndarray:
        return np.concatenate([take(part) for part in parts])

    return Judged(
        probability={name: np.concatenate([part.probability[name] for part in parts]) for name in names},
        churned=joined(lambda part: part.churned),
        account=joined(lambda part: part.account),
        segment=joined(lambda part: part.segment),
        mrr=joined(lambda part: part.mrr),
        value_at_risk=joined(lambda part: part.value_at_risk),
        clv_if_kept=joined(lambda part: part.clv_if_kept),
        paid=parts[0].paid,
    )


def pool_values(parts: Sequence[tuple[ValueForecast, np.ndarray]]) -> ValueForecast | None:
    """Return the value forecasts of several moments together; with each, the account ids of its rows."""
    if not parts:
        return None
    forecasts = [forecast for forecast, _ in parts]
    names = np.concatenate([account for _, account in parts])
    return ValueForecast(
        months=forecasts[0].months,
        account=np.unique(names, return_inverse=True)[1],
        **{
            name: np.concatenate([getattr(each, name) for each in forecasts])
            for name in ("forecast", "realised", "certain", "risk", "low", "high")
        },
    )


def results_of(judged: Judged, horizon: int, resamples: int) -> tuple[Result, ...]:
    """Return the performance of every model on these snapshots."""
    return tuple(evaluate(name, horizon, p, judged.labels, resamples) for name, p in judged.probability.items())


def results_by_segment(judged: Judged, horizon: int, resamples: int) -> dict[str, Result]:
    """Return the performance of the model inside each segment with enough churners."""
    found = {}
    for name in sorted(set(judged.segment.tolist()) - {""}):
        rows = judged.segment == name
        labels = judged.labels_of(rows)
        if labels.churned.sum() >= FEW_CHURNERS and not labels.churned.all():
            found[name] = evaluate(MODEL, horizon, judged.probability[MODEL][rows], labels, resamples)
    return found
