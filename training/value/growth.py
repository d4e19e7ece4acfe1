"""The growth of MRR while an account stays, learned from accounts that stayed.

Per account, growth is a rate per year: its MRR in month m is the planned one times 1 + rate x (m + 1/2) / 12, up to
twelve months ahead, and stays there. The rates of accounts that were followed are learned by boosted trees, as far as
cross-validation over accounts finds any; their mean is that of the money, shrunk toward 0 where accounts are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from undertow.training.churn.roles import Roles
from undertow.training.examples.announced import announced
from undertow.training.examples.split import Examples
from undertow.training.value.planned import planned_mrr

MONTHS = 12  # over which growth is learned, and after which MRR stays
LEAST_MONTHS = 3  # that an account must have been followed
FEW = 100  # accounts; below it growth is taken as 0
STEADY = 200.0  # accounts that the mean of 0 counts for
RATES = (-1.0, 3.0)  # per year; a rate outside is taken as the nearer of them
STAGES = (25, 50, 100, 200)  # numbers of trees tried
FOLDS = 3
TREES: dict[str, Any] = {
    "objective": "regression", "learning_rate": 0.05, "num_leaves": 7, "min_data_in_leaf": 200, "lambda_l2": 10.0,
    "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "verbosity": -1, "deterministic": True,
    "force_row_wise": True, "seed": 0,
}  # fmt: skip
FILE = "growth.txt"


@dataclass(frozen=True)
class Growth:
    """Growth of MRR per year: `mean` for all, and what trees on `columns` add; `accounts`: learned from.

    0 where too few accounts were followed.
    """

    mean: float = 0.0
    accounts: int = 0
    columns: tuple[int, ...] = ()
    trees: lgb.Booster | None = None

    def rates(self, features: np.ndarray) -> np.ndarray:
        """Return the rate of each account, shape (n,), per year; `features`: encoded, (n, J)."""
        own = 0.0 if self.trees is None else self.trees.predict(features[:, self.columns], num_threads=1)
        return np.clip(np.full(len(features), self.mean) + own, *RATES)

    def factors(self, features: np.ndarray, months: int) -> np.ndarray:
        """Return by how much MRR has grown in each month, shape (n, months); 1 is no growth.

        >>> Growth(mean=0.12).factors(np.zeros((1, 1)), 24)[0, [0, 11, 23]].round(3).tolist()
        [1.005, 1.115, 1.115]
        """
        years = (np.minimum(np.arange(months), MONTHS - 1) + 0.5) / 12
        return np.asarray(np.maximum(1.0 + self.rates(features)[:, None] * years, 0.0))

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the trees into `folder`; return what `load` needs beside them."""
        if self.trees is not None:
            self.trees.save_model(folder / FILE)
        has_trees = self.trees is not None
        return {"mean": self.mean, "accounts": self.accounts, "columns": self.columns, "has_trees": has_trees}

    @classmethod
    def load(cls, folder: Path, read: dict[str, Any]) -> Growth:
        """Read it back; `read`: what `save` returned."""
        trees = lgb.Booster(model_file=folder / FILE) if read["has_trees"] else None
        return cls(read["mean"], read["accounts"], tuple(read["columns"]), trees)


@dataclass(frozen=True)
class Followed:
    """The growth of n followed accounts: `rate` per year, (n,); `weight`: (n,), 0 where it could not be observed."""

    rate: np.ndarray
    weight: np.ndarray


def observed_growth(paid: np.ndarray, stayed: np.ndarray, planned: np.ndarray) -> Followed:
    """Return the growth observed, from months in which an account was a customer all through.

    `paid`, `planned`: (n, M), MRR per month, as it came and as it was announced. `stayed`: (n, M), bool. The rate is
    the slope, through 0, of paid / planned - 1 over the middle of the months, in years.
    """
    seen = (stayed & (planned > 0))[:, :MONTHS]
    planned, paid = planned[:, :MONTHS], paid[:, :MONTHS]
    years = (np.arange(seen.shape[1]) + 0.5) / 12
    ratio = np.divide(paid, planned, out=np.ones_like(paid), where=seen) - 1.0
    weight = (seen * years**2).sum(axis=1) * (seen.sum(axis=1) >= LEAST_MONTHS)
    slope = np.divide((seen * years * ratio).sum(axis=1), weight, out=np.zeros(len(seen)), where=weight > 0)
    return Followed(np.clip(slope, *RATES), weight)


def fit_growth(
    features: np.ndarray, columns: Sequence[int], mrr: np.ndarray, account: np.ndarray, seen: Followed, threads: int
) -> Growth:
    """Learn growth from followed accounts; without any effect where they are fewer than FEW.

    `features`: (n, J), encoded. `columns`: those that may be read. `mrr`, `account`: (n,).
    """
    used = seen.weight > 0
    accounts = len(np.unique(account[used]))
    if accounts < FEW:
        return Growth(accounts=accounts)
    money = seen.weight[used] * np.minimum(mrr[used], np.quantile(mrr[used], 0.99))
    if not money.sum() > 0:
        return Growth(accounts=accounts)
    x, rate, owner = features[used][:, columns], seen.rate[used], account[used]
    mean = float(np.average(rate, weights=money))
    number = _best_stage(x, rate - mean, money, owner, threads)
    trees = _trees(x, rate - mean, money, number, threads) if number else None
    found = np.zeros(len(rate)) if trees is None else np.asarray(trees.predict(x))
    mean = float(np.average(rate - found, weights=money))  # the total of the money is kept
    return Growth(mean * accounts / (accounts + STEADY), accounts, tuple(columns), trees)


def learn_growth(learn: Examples, features: np.ndarray, roles: Roles, threads: int) -> Growth:
    """Learn growth from training examples with revenue; `features`: their encoded columns, (n, J)."""
    revenue = learn.revenue
    assert revenue is not None, "growth is learned from revenue labels"
    known = announced(learn.rows)
    seen = observed_growth(revenue.paid, revenue.stayed, planned_mrr(known, 1.0, revenue.paid.shape[1]))
    columns = sorted(number for number in {*roles.narrow, *roles.position} if number < features.shape[1])
    return fit_growth(features, columns, known.mrr, learn.accounts, seen, threads)


def _best_stage(x: np.ndarray, rate: np.ndarray, weight: np.ndarray, account: np.ndarray, threads: int) -> int:
    """Return the number of trees with the smallest error on other accounts; 0 unless surely better than none."""
    _, owner = np.unique(account, return_inverse=True)
    fold = np.random.default_rng(0).permutation(owner.max() + 1)[owner] % FOLDS
    error = np.zeros((len(STAGES) + 1, len(rate)))
    error[0] = weight * rate**2
    for number in range(FOLDS):
        learn, judge = fold != number, fold == number
        trees = _trees(x[learn], rate[learn], weight[learn], max(STAGES), threads)
        for place, stage in enumerate(STAGES, 1):
            found = np.asarray(trees.predict(x[judge], num_iteration=stage))
            error[place, judge] = weight[judge] * (rate[judge] - found) ** 2
    gained = np.stack([np.bincount(owner, error[0] - each) for each in error])
    best = int(gained.sum(axis=1).argmax())
    noise = np.sqrt(gained.shape[1]) * gained[best].std()
    return STAGES[best - 1] if best and gained[best].sum() > noise else 0


def _trees(x: np.ndarray, rate: np.ndarray, weight: np.ndarray, number: int, threads: int) -> lgb.Booster:
    data = lgb.Dataset(x, rate, weight=weight / weight.mean(), free_raw_data=False)
    return lgb.train(TREES | {"num_threads": threads}, data, number)
