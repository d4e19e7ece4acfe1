"""The hazard model of one cause of churn: a bag of LightGBM boosters, or a constant rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np


@dataclass(frozen=True)
class CauseModel:
    """The hazard of one cause: a bag of boosters, or the constant `baseline` where churners were too few.

    `baseline`: log-odds, shape (K,), of a typical account in each of the K periods.
    """

    cause: str
    boosters: tuple[lgb.Booster, ...]
    baseline: tuple[float, ...]

    def log_odds(self, matrix: np.ndarray, periods: int) -> np.ndarray:
        """Return the mean log-odds of the bag, shape (n, periods), for a matrix of n * periods person-period rows."""
        n = len(matrix) // periods
        if not self.boosters:
            return np.broadcast_to(np.array(self.baseline[:periods]), (n, periods))
        raw = [np.asarray(booster.predict(matrix, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.mean(raw, axis=0)).reshape(n, periods)

    def tree_shap(self, booster: lgb.Booster, matrix: np.ndarray, periods: int) -> np.ndarray:
        """Return one booster's TreeSHAP values in log-odds, shape (n, periods, J + 1); the last is its base value."""
        values = np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=0))
        return values.reshape(len(matrix) // periods, periods, matrix.shape[1] + 1)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write each booster as `folder`/<cause>-<number>.txt and return what `load` needs beside them."""
        for number, booster in enumerate(self.boosters):
            booster.save_model(folder / f"{self.cause}-{number}.txt")
        return {"cause": self.cause, "members": len(self.boosters), "baseline": self.baseline}

    @classmethod
    def load(cls, folder: Path, written: dict[str, Any]) -> CauseModel:
        """Read the boosters back; `written`: what `save` returned."""
        files = [folder / f"{written['cause']}-{number}.txt" for number in range(written["members"])]
        boosters = tuple(lgb.Booster(model_file=file) for file in files)
        return cls(written["cause"], boosters, tuple(written["baseline"]))
