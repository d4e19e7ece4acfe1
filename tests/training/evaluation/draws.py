"""Random probabilities and the outcomes drawn from them."""

from __future__ import annotations

import numpy as np

Scored = tuple[np.ndarray, np.ndarray]


def draw(seed: int, n: int, digits: int) -> Scored:
    """Probabilities, rounded so that many tie, and what came of them: both outcomes occur."""
    random = np.random.default_rng(seed)
    p = np.clip(np.round(random.uniform(0, 1, n), digits), 0.02, 0.98)
    churned = random.uniform(size=n) < p
    churned[:2] = [True, False]
    return p, churned
