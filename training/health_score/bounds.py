"""From which health score on an account counts as healthy, or as in alarm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.features.settings import HealthScores


@dataclass(frozen=True)
class Bounds:
    """The bounds of healthy and of alarm, as health (higher is healthier); an account may be neither.

    `said_healthy`, `said_alarm`: the bounds in words.
    """

    healthy: float
    alarm: float
    said_healthy: str
    said_alarm: str

    def is_healthy(self, health: np.ndarray) -> np.ndarray:
        """Return bool, shape (n,); False where the health is unknown (NaN)."""
        return np.asarray(health >= self.healthy)

    def is_alarm(self, health: np.ndarray) -> np.ndarray:
        """Return bool, shape (n,); False where the health is unknown (NaN)."""
        return np.asarray((health <= self.alarm) & ~self.is_healthy(health))


def bounds_of(scores: HealthScores, reference: np.ndarray, are_words: bool) -> Bounds:
    """Return the bounds in the settings, or the usual ones.

    `reference`: the health of the training snapshots; `are_words`: scores are words. Usual are the last and the first
    word of the order, and of numbers the best and the worst third of the reference.

    >>> found = bounds_of(HealthScores(), np.arange(1.0, 100.0), are_words=False)
    >>> found.said_healthy, found.said_alarm
    ('66.33 and above, the best third in training', '33.67 and below, the worst third in training')
    """
    healthy, alarm = scores.place("healthy", scores.healthy), scores.place("alarm", scores.alarm)
    if are_words:
        last = float(len(scores.words) - 1)
        healthy, alarm = (last if healthy is None else healthy), (0.0 if alarm is None else alarm)
        return Bounds(healthy, alarm, _words(scores, healthy, last), _words(scores, 0.0, alarm))
    thirds = np.quantile(reference, [2 / 3, 1 / 3]) if len(reference) else np.array([np.inf, -np.inf])
    return Bounds(
        float(thirds[0]) if healthy is None else healthy,
        float(thirds[1]) if alarm is None else alarm,
        _said(scores, float(thirds[0]), "the best third in training", True) if healthy is None
        else _said(scores, healthy, "", True),
        _said(scores, float(thirds[1]), "the worst third in training", False) if alarm is None
        else _said(scores, alarm, "", False),
    )  # fmt: skip


def _words(scores: HealthScores, first: float, last: float) -> str:
    return " or ".join(scores.words[int(first) : int(last) + 1])


def _said(scores: HealthScores, bound: float, third: str, is_healthy: bool) -> str:
    """Return a bound of numbers in words, in the numbers of the score itself."""
    above = is_healthy == (scores.good == "high")
    number = bound if scores.good == "high" else -bound
    return f"{number:.4g} and {'above' if above else 'below'}{', ' if third else ''}{third}"
