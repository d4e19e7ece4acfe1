"""How stable reasons are: how often the first family stays first when the model is trained on other accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CLEAR_LEAD = 0.01  # probability by which the first family must lead the second for one reason to stand out
BANDS = 5  # of accounts by churn probability
FEW = 20  # accounts; the share of a smaller band is not stated


@dataclass(frozen=True)
class Stability:
    """Agreement of models trained on resampled accounts with the served one, per band of churn probability.

    `edges`: the upper limits of all bands but the last. `clear`, `unclear`: per band, the share of retrained models in
    which the same family comes first, where it leads by a point or more and where it does not; None: too few accounts.
    `models`: how many were retrained; 0: it was not measured.
    """

    edges: tuple[float, ...] = ()
    clear: tuple[float | None, ...] = ()
    unclear: tuple[float | None, ...] = ()
    models: int = 0

    def agreement(self, probability: float, lead: float) -> float | None:
        """Return the share of retrained models in which the first family of such an account stays first.

        >>> measured = Stability((0.1,), (0.9, 0.95), (0.6, None), models=5)
        >>> measured.agreement(0.05, lead=0.02), measured.agreement(0.3, lead=0.02), measured.agreement(0.3, lead=0.001)
        (0.9, 0.95, None)
        """
        if not self.models:
            return None
        band = int(np.searchsorted(self.edges, probability, side="right"))
        return (self.clear if lead >= CLEAR_LEAD else self.unclear)[band]

    @property
    def overall(self) -> float | None:
        """Return the mean agreement of the bands, for accounts whose first family leads clearly; None: not measured.

        >>> Stability((0.1,), (0.9, 0.7), (0.6, None), models=5).overall
        0.8
        """
        shares = [share for share in self.clear if share is not None]
        return float(np.mean(shares)) if shares else None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"edges": self.edges, "clear": self.clear, "unclear": self.unclear, "models": self.models}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> Stability:
        """Read it back from what `as_json` returned."""
        return cls(tuple(read["edges"]), tuple(read["clear"]), tuple(read["unclear"]), read["models"])


def leads(by_family: np.ndarray) -> np.ndarray:
    """Return by how much the first family leads the second, shape (n,); `by_family`: (n, families), probability.

    >>> leads(np.array([[0.05, 0.01, -0.02]])).round(2).tolist()
    [0.04]
    """
    ordered = np.sort(by_family, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def stability_of(served: np.ndarray, retrained: list[np.ndarray], probability: np.ndarray) -> Stability:
    """Return how often retrained models name the same first family, per band of churn probability.

    `served`, and each of `retrained`: (n, families), points over like accounts. `probability`: (n,).
    """
    first = served.argmax(axis=1)
    same = np.mean([each.argmax(axis=1) == first for each in retrained], axis=0)
    is_clear = leads(served) >= CLEAR_LEAD
    edges = np.quantile(probability, np.linspace(0, 1, BANDS + 1)[1:-1])
    band = np.searchsorted(edges, probability, side="right")
    clear, unclear = (
        tuple(_share(same[(band == number) & chosen]) for number in range(BANDS)) for chosen in (is_clear, ~is_clear)
    )
    return Stability(tuple(edges.tolist()), clear, unclear, len(retrained))


def _share(same: np.ndarray) -> float | None:
    return float(same.mean()) if len(same) >= FEW else None
