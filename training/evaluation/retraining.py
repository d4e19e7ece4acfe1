"""Models trained again on resampled accounts: how stable reasons are, and forecasts for accounts not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from undertow.features.settings import Training
from undertow.training.bundle.attribution import contributions_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.like import newest_snapshots
from undertow.training.bundle.stability import Stability, stability_of
from undertow.training.churn import curves
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.hazard import refit_hazards
from undertow.training.churn.roles import Roles
from undertow.training.churn.training_rows import TrainingRows

RETRAINED = 3  # models, each on accounts drawn with replacement
MOST_ROWS = 2_000  # snapshots whose first families are compared, and of training, behind the means of like accounts


@dataclass(frozen=True)
class Retrained:
    """What models trained on resampled accounts show.

    `stability`: of the first family of reasons. `survival`: (n, K), of the training rows, by the models that did not
    learn from the account; NaN for an account that every one of them learned from.
    """

    stability: Stability
    survival: np.ndarray


def retrain(
    bundle: Bundle, rows: TrainingRows, roles: Roles, judged: pa.Table, settings: Training, threads: int
) -> Retrained:
    """Train RETRAINED models on resampled accounts; the first families of reasons are compared for the rows `judged`.

    Regression and trees are trained again; the contract position, never a reason, and its groups are kept.
    """
    one = settings.model_copy(update={"seeds": 1})
    draws = [_resampled(rows.account, number) for number in range(RETRAINED)]
    models = refit_hazards(rows, draws, roles, bundle.causes, one, threads)
    return Retrained(_stability(bundle, rows, judged, models), _out_of_bag(rows, draws, models))


def _stability(
    bundle: Bundle, rows: TrainingRows, judged: pa.Table, models: Sequence[tuple[CauseModel, ...]]
) -> Stability:
    """Return how often the models name the same first family."""
    chosen = judged.slice(max(0, judged.num_rows - MOST_ROWS))
    alike = rows.inputs.take(rows.is_uniform)
    newest = alike.take(newest_snapshots(alike, MOST_ROWS)).first(bundle.ends.index(bundle.headline) + 1)
    served = bundle.score(chosen)
    retrained = []
    for causes in models:
        other = replace(bundle, causes=causes)
        like = bundle.like.with_means(newest, contributions_of(causes, other.used, newest))
        retrained.append(replace(other, like=like).score(chosen).probability_by_family)
    headline = served.probability[:, bundle.ends.index(bundle.headline)]
    return stability_of(served.probability_by_family, retrained, headline)


def _out_of_bag(
    rows: TrainingRows, draws: Sequence[np.ndarray], models: Sequence[tuple[CauseModel, ...]]
) -> np.ndarray:
    """Return the mean survival by the models that did not learn from the account, (n, K); NaN where there is none."""
    total, count = np.zeros(rows.entered.shape), np.zeros(len(rows.entered))
    for drawn, causes in zip(draws, models, strict=True):
        others = np.ones(len(count), dtype=bool)
        others[drawn] = False
        inputs = rows.inputs.take(others)
        total[others] += curves.survival(np.stack([model.log_odds(inputs) for model in causes], axis=2))
        count[others] += 1
    return np.divide(total, count[:, None], out=np.full(total.shape, np.nan), where=count[:, None] > 0)


def _resampled(account: np.ndarray, seed: int) -> np.ndarray:
    """Return the numbers of the rows of accounts drawn with replacement; an account drawn twice has its rows twice."""
    accounts = np.unique(account)
    drawn = np.random.default_rng(seed).choice(accounts, len(accounts))
    times = np.bincount(drawn, minlength=account.max() + 1)[account]
    return np.repeat(np.arange(len(account)), times)
