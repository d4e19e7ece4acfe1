"""The hazard model of one cause of churn: its stages, the log-odds they add up to, and each column's part of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from undertow.training.churn.linear import LinearModel
from undertow.training.churn.position import PositionModel
from undertow.training.churn.recipe import Recipe
from undertow.training.churn.season import Season
from undertow.training.churn.trees import TreeModel
from undertow.training.examples.person_periods import PeriodInputs

NO_SEASON = Season()


@dataclass(frozen=True)
class CauseModel:
    """The hazard of one cause: the sum of its stages; or the constant rate where churners were too few.

    `constant`: log-odds, shape (K,), of every account in each period; all 0 where there are stages. `recipe`: which
    stages were chosen, and why.
    """

    cause: str
    constant: tuple[float, ...]
    position: PositionModel | None = None
    linear: LinearModel | None = None
    trees: TreeModel | None = None
    season: Season = NO_SEASON
    recipe: Recipe | None = None

    @property
    def is_constant(self) -> bool:
        """Return whether every account has the same hazard, as churners were too few for a model."""
        return self.linear is None and self.trees is None

    @property
    def columns(self) -> frozenset[int]:
        """Return the numbers of the columns and covariates that the model reads."""
        read = [stage.columns for stage in (self.position, self.linear, self.trees) if stage is not None]
        covariates = self.linear.covariates if self.linear is not None else ()
        return frozenset(number for columns in (*read, covariates) for number in columns)

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the log-odds of leaving for this cause in each period, shape (n, K)."""
        periods = len(inputs.ends)
        total = np.zeros(inputs.covariates.shape[:2]) + np.array(self.constant[:periods])
        for stage in (self.position, self.linear, self.trees, self.season):
            if stage is not None:
                total = total + stage.log_odds(inputs)
        return total

    def contributions(self, inputs: PeriodInputs) -> np.ndarray:
        """Return what each column adds in the regression and the trees, shape (n, J + M, K), in log-odds.

        What is missing to `log_odds` is the contract position, the season and the intercepts.
        """
        n, periods, extra = inputs.covariates.shape
        total = np.zeros((n, inputs.features.shape[1] + extra, periods))
        for stage in (self.linear, self.trees):
            if stage is not None:
                stage.add_contributions(inputs, total)
        return total

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the boosters as `folder`/<cause>-<stage>-<number>.txt; return what `load` needs beside them."""
        return {
            "cause": self.cause,
            "constant": self.constant,
            "position": _save(folder, f"{self.cause}-position", self.position),
            "linear": self.linear and self.linear.as_json(),
            "trees": _save(folder, f"{self.cause}-trees", self.trees),
            "season": self.season.as_json(),
            "recipe": self.recipe and asdict(self.recipe),
        }

    @classmethod
    def load(cls, folder: Path, written: dict[str, Any]) -> CauseModel:
        """Read the model back; `written`: what `save` returned."""
        cause, position, trees = written["cause"], written["position"], written["trees"]
        return cls(
            cause=cause,
            constant=tuple(written["constant"]),
            position=PositionModel(*_load(folder, f"{cause}-position", position)) if position else None,
            linear=LinearModel.from_json(written["linear"]) if written["linear"] else None,
            trees=TreeModel(*_load(folder, f"{cause}-trees", trees)) if trees else None,
            season=Season(**written["season"]),
            recipe=Recipe(**written["recipe"]) if written["recipe"] else None,
        )


def _save(folder: Path, name: str, stage: PositionModel | TreeModel | None) -> dict[str, Any] | None:
    if stage is None:
        return None
    for number, booster in enumerate(stage.boosters):
        booster.save_model(folder / f"{name}-{number}.txt")
    return {"members": len(stage.boosters), "columns": stage.columns}


def _load(folder: Path, name: str, written: dict[str, Any]) -> tuple[tuple[lgb.Booster, ...], tuple[int, ...]]:
    files = [folder / f"{name}-{number}.txt" for number in range(written["members"])]
    return tuple(lgb.Booster(model_file=file) for file in files), tuple(written["columns"])
