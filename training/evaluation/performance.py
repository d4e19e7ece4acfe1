"""Model performance on held-out snapshots: AUROC, log loss, calibration and lift, with confidence intervals.

Intervals come from a bootstrap of accounts: rows of one account are not independent, and resampling rows would give
intervals 1.7 times too narrow. Ties are given their expected value, so that a constant score has AUROC 0.5 and lift 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from undertow.training.evaluation.intervals import Estimate, HeldOutLabels, account_weights

METRICS = ("auroc", "average_precision", "log_loss", "brier", "calibration", "lift")
SAID = {
    "auroc": "AUROC",
    "average_precision": "Avg. precision",
    "log_loss": "Log loss",
    "brier": "Brier",
    "calibration": "Pred. / obs.",
    "lift": "Top-tenth lift",
}
FEW_CHURNERS = 20  # below it, a table of results says so


@dataclass(frozen=True)
class Result:
    """The performance of one model at one horizon, in days, on `rows` snapshots of which `churners` left."""

    model: str
    horizon: int
    rows: int
    churners: int
    metrics: dict[str, Estimate]

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values; a number that cannot be computed is null."""
        metrics = {
            name: {part: (value if np.isfinite(value) else None) for part, value in asdict(estimate).items()}
            for name, estimate in self.metrics.items()
        }
        return {
            "model": self.model,
            "horizon": self.horizon,
            "rows": self.rows,
            "churners": self.churners,
            "metrics": metrics,
        }


def evaluate(model: str, horizon: int, p: np.ndarray, on: HeldOutLabels, resamples: int, seed: int = 0) -> Result:
    """Return every performance metric of probabilities `p`, shape (n,), with account-bootstrap intervals.

    >>> labels = HeldOutLabels(np.array([True, False, False]), np.array([0, 1, 2]))
    >>> evaluate("rule", 90, np.array([0.9, 0.2, 0.1]), labels, resamples=20).metrics["auroc"].value
    1.0
    """
    weights = np.concatenate([np.ones((1, len(p))), account_weights(on.account, resamples, seed)])
    metrics = measure(p, on.churned, weights)
    estimates = {name: _estimate(values) for name, values in metrics.items()}
    return Result(model, horizon, len(p), int(on.churned.sum()), estimates)


def difference(metric: str, one: np.ndarray, other: np.ndarray, on: HeldOutLabels, resamples: int) -> Estimate:
    """Return a metric of the probabilities `one` less that of `other`, each of shape (n,), on the same resamples.

    >>> labels = HeldOutLabels(np.array([True, False, False]), np.array([0, 1, 2]))
    >>> difference("auroc", np.array([0.9, 0.2, 0.1]), np.array([0.1, 0.2, 0.9]), labels, resamples=20).value
    1.0
    """
    weights = np.concatenate([np.ones((1, len(one))), account_weights(on.account, resamples)])
    mine, theirs = (measure(p, on.churned, weights)[metric] for p in (one, other))
    return _estimate(mine - theirs)


def measure(p: np.ndarray, churned: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return metric -> values, shape (B,), for row weights of shape (B, n); NaN where one label is absent."""
    y = churned.astype(float)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    losses = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    rows, events = _cumulative(p, y, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "auroc": _auroc(rows, events),
            "average_precision": _average_precision(rows, events),
            "log_loss": weights @ losses / weights.sum(axis=1),
            "brier": weights @ (y - p) ** 2 / weights.sum(axis=1),
            "calibration": _finite((weights @ p) / (weights @ y)),
            "lift": _lift(rows, events),
        }


def _estimate(values: np.ndarray) -> Estimate:
    drawn = values[1:][np.isfinite(values[1:])]
    if len(drawn) == 0 or not np.isfinite(values[0]):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(values[0]), float(low), float(high))


def _cumulative(p: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and events from the highest score down, cumulated over groups of ties: (B, G + 1) each."""
    order = np.argsort(-p, kind="stable")
    first_of_group = np.flatnonzero(np.diff(-p[order], prepend=np.nan) != 0)
    sorted_weights = weights[:, order]
    nothing = np.zeros((len(weights), 1))

    def cumulated(values: np.ndarray) -> np.ndarray:
        grouped = np.add.reduceat(values, first_of_group, axis=1)
        return np.concatenate([nothing, np.cumsum(grouped, axis=1)], axis=1)

    return cumulated(sorted_weights), cumulated(sorted_weights * y[order])


def _auroc(rows: np.ndarray, events: np.ndarray) -> np.ndarray:
    others = rows - events
    area = (np.diff(others, axis=1) * (events[:, 1:] + events[:, :-1]) / 2).sum(axis=1)
    return _finite(area / (events[:, -1] * others[:, -1]))


def _average_precision(rows: np.ndarray, events: np.ndarray) -> np.ndarray:
    precision = np.nan_to_num(events[:, 1:] / rows[:, 1:])
    return _finite((precision * np.diff(events, axis=1)).sum(axis=1) / events[:, -1])


def _lift(rows: np.ndarray, events: np.ndarray, share: float = 0.1) -> np.ndarray:
    leavers = [np.interp(share * r[-1], r, e) for r, e in zip(rows, events, strict=True)]
    return _finite(np.array(leavers) / (share * events[:, -1]))


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
