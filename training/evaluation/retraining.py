"""How stable reasons are, measured by training again on resampled accounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from undertow.features.settings import Training
from undertow.training.bundle.attribution import contributions_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.like import newest_snapshots
from undertow.training.bundle.stability import Stability, stability_of
from undertow.training.churn.hazard import refit_hazards
from undertow.training.churn.roles import Roles
from undertow.training.churn.training_rows import TrainingRows

RETRAINED = 3  # models, each on accounts drawn with replacement
MOST_ROWS = 2_000  # snapshots whose first families are compared, and of training, behind the means of like accounts


def measure_stability(
    bundle: Bundle, rows: TrainingRows, roles: Roles, judged: pa.Table, settings: Training, threads: int
) -> Stability:
    """Return how often models trained on resampled accounts name the same first family, for the rows `judged`.

    Regression and trees are trained again; the contract position, never a reason, and its groups are kept.
    """
    chosen = judged.slice(max(0, judged.num_rows - MOST_ROWS))
    one = settings.model_copy(update={"seeds": 1})
    newest = rows.inputs.take(newest_snapshots(rows.inputs, MOST_ROWS)).first(bundle.ends.index(bundle.headline) + 1)
    served = bundle.score(chosen)
    draws = [_resampled(rows.account, number) for number in range(RETRAINED)]
    retrained = []
    for causes in refit_hazards(rows, draws, roles, bundle.causes, one, threads):
        other = replace(bundle, causes=causes)
        like = bundle.like.with_means(newest, contributions_of(causes, other.used, newest))
        retrained.append(replace(other, like=like).score(chosen).probability_by_family)
    headline = served.probability[:, bundle.ends.index(bundle.headline)]
    return stability_of(served.probability_by_family, retrained, headline)


def _resampled(account: np.ndarray, seed: int) -> np.ndarray:
    """Return the numbers of the rows of accounts drawn with replacement; an account drawn twice has its rows twice."""
    accounts = np.unique(account)
    drawn = np.random.default_rng(seed).choice(accounts, len(accounts))
    times = np.bincount(drawn, minlength=account.max() + 1)[account]
    return np.repeat(np.arange(len(account)), times)
