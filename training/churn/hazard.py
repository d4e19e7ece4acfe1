"""The churn model: a cause-specific discrete-time hazard, LightGBM on person-period rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta

import lightgbm as lgb
import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.encoding import ModelColumn, encode
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.person_periods import (
    COVARIATES,
    churned_in,
    covariates,
    entered,
    known_ahead,
    with_covariates,
)
from undertow.training.examples.split import Examples

FEW_EVENTS = 500  # below it, smaller trees
FEW_ROWS = 5_000  # below it, smaller leaves
COLUMNS_PER_TREE = 70  # that each tree may choose from; many columns are near copies of each other
TOO_FEW_CHURNERS = 20  # accounts; below it, a constant hazard
MIN_PERIOD_ROWS = 100  # a period with fewer observed rows is not served
TWO_YEARS = timedelta(days=730)
IMPOSSIBLE = -20.0  # log-odds of a cause never seen


@dataclass(frozen=True)
class PersonPeriods:
    """The training rows of a hazard model.

    `matrix` (m, J), `period` (m,), `account` whole numbers (m,), `events` cause -> bool (m,).
    """

    matrix: np.ndarray
    period: np.ndarray
    account: np.ndarray
    events: dict[str, np.ndarray]

    def churners(self, cause: str) -> int:
        """Return how many accounts left for this cause; each may be seen from several snapshots."""
        return len(np.unique(self.account[self.events[cause]]))


def served_ends(examples: Examples, horizons: tuple[int, ...]) -> tuple[int, ...]:
    """Return the period ends for which enough fully observed rows exist; a prefix of `horizons`."""
    outcomes = examples.outcomes
    counts = entered(outcomes.followed_days, outcomes.left_days, horizons).sum(axis=0)
    enough = int(np.argmin([*(count >= MIN_PERIOD_ROWS for count in counts), False]))
    return horizons[: max(enough, 1)]


def spans_two_years(examples: Examples) -> bool:
    """Return whether the snapshots span two years, so that each month was seen twice."""
    as_of = examples.rows["as_of"].to_pylist()
    return max(as_of) - min(as_of) >= TWO_YEARS


def person_periods(
    examples: Examples, columns: tuple[ModelColumn, ...], ends: tuple[int, ...], season: bool
) -> PersonPeriods:
    """Return one row per snapshot and period whose end was observed."""
    outcomes = examples.outcomes
    keep = entered(outcomes.followed_days, outcomes.left_days, ends)
    churned = churned_in(outcomes.churn_days, ends)
    matrix = with_covariates(encode(columns, examples.rows), covariates(known_ahead(examples.rows), ends, season))
    events = {cause: (churned & (outcomes.cause == cause)[:, None])[keep] for cause in CAUSES}
    period = np.broadcast_to(np.arange(len(ends)), keep.shape)[keep]
    account = np.broadcast_to(examples.accounts[:, None], keep.shape)[keep]
    return PersonPeriods(matrix[keep.reshape(-1)], period, account, events)


def fit_hazards(
    rows: PersonPeriods,
    names: list[str],
    ends: tuple[int, ...],
    settings: Training,
    threads: int,
    progress: Callable[[float], None] | None = None,
) -> tuple[CauseModel, ...]:
    """Fit one bag of boosters per cause; a cause with under 20 churners gets a constant hazard.

    `threads` boosters are fitted at once, each on one core: two of them take less than one on two
    cores, and stay quick where other work shares the machine.
    """
    jobs = [
        (cause, seed)
        for cause in CAUSES
        for seed in range(settings.seeds)
        if rows.churners(cause) >= TOO_FEW_CHURNERS
    ]
    data = {cause: _binned(rows, cause, names, settings) for cause, seed in jobs if seed == 0}
    fitted: dict[tuple[str, int], lgb.Booster] = {}
    with ThreadPoolExecutor(threads) as pool:
        running = {
            pool.submit(_fit, data[cause], rows, cause, settings, seed): (cause, seed) for cause, seed in jobs
        }
        for done in as_completed(running):
            fitted[running[done]] = done.result()
            if progress:
                progress(len(fitted) / len(jobs))
    return tuple(
        _cause_model(rows, cause, [fitted[job] for job in jobs if job[0] == cause], len(ends)) for cause in CAUSES
    )


def parameters(rows: int, events: int, columns: int, settings: Training, seed: int) -> dict[str, object]:
    """Return LightGBM's parameters for data of this size: defaults that perform like a tuned model."""
    return {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "num_leaves": 7 if events < FEW_EVENTS else 15,
        "max_depth": 8,
        "min_child_samples": 30 if rows < FEW_ROWS else 100,
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": min(0.5, COLUMNS_PER_TREE / columns),
        "reg_lambda": 10.0,
        "max_bin": 127,
        "seed": 1 + seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def _binned(rows: PersonPeriods, cause: str, names: list[str], settings: Training) -> lgb.Dataset:
    """Return the binned LightGBM dataset, shared by all boosters of a cause."""
    label = rows.events[cause].astype(np.float64)
    data = lgb.Dataset(rows.matrix, label=label, feature_name=names, params=_parameters(rows, cause, settings, 0))
    return data.construct()


def _fit(data: lgb.Dataset, rows: PersonPeriods, cause: str, settings: Training, seed: int) -> lgb.Booster:
    return lgb.train(_parameters(rows, cause, settings, seed), data, num_boost_round=settings.trees)


def _parameters(rows: PersonPeriods, cause: str, settings: Training, seed: int) -> dict[str, object]:
    events = rows.events[cause]
    return parameters(len(events), int(events.sum()), rows.matrix.shape[1], settings, seed)


def _cause_model(rows: PersonPeriods, cause: str, boosters: list[lgb.Booster], periods: int) -> CauseModel:
    return CauseModel(cause, tuple(boosters), _baseline(rows, rows.events[cause], boosters, periods))


def _baseline(
    rows: PersonPeriods, events: np.ndarray, boosters: list[lgb.Booster], periods: int
) -> tuple[float, ...]:
    """Return the mean log-odds in each period: the prediction for a typical account."""
    if boosters:
        raw = np.mean([booster.predict(rows.matrix, raw_score=True) for booster in boosters], axis=0)
        return tuple(float(raw[rows.period == k].mean()) for k in range(periods))
    return tuple(_log_odds(events[rows.period == k]) for k in range(periods))


def _log_odds(events: np.ndarray) -> float:
    if not events.any():
        return IMPOSSIBLE
    rate = events.mean()
    return float(np.log(rate / (1 - rate))) if rate < 1 else -IMPOSSIBLE


def column_names(columns: tuple[ModelColumn, ...]) -> list[str]:
    """Return the names of a person-period matrix's columns, in order."""
    return [*(column.name for column in columns), *(name for name, _, _ in COVARIATES)]
