"""The churn model: a cause-specific discrete-time hazard, fitted stage by stage on person-period rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.linear import ScoredColumns
from undertow.training.churn.position import PositionModel, fit_position
from undertow.training.churn.recipe import (
    Recipe,
    choose_recipe,
    family_trees,
    free_trees,
    regression,
    scored_features,
)
from undertow.training.churn.roles import Roles
from undertow.training.churn.season import fit_season
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import fit_trees
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.person_periods import entered
from undertow.training.examples.split import Examples

TOO_FEW_CHURNERS = 20  # accounts; below it, a constant hazard
MIN_PERIOD_ROWS = 100  # a period with fewer observed rows is not served
IMPOSSIBLE = -20.0  # log-odds of a cause never seen


def served_ends(examples: Examples, horizons: tuple[int, ...]) -> tuple[int, ...]:
    """Return the period ends for which enough fully observed rows exist; a prefix of `horizons`."""
    outcomes = examples.outcomes
    counts = entered(outcomes.followed_days, outcomes.left_days, horizons).sum(axis=0)
    enough = int(np.argmin([*(count >= MIN_PERIOD_ROWS for count in counts), False]))
    return horizons[: max(enough, 1)]


def fit_hazards(
    rows: TrainingRows,
    roles: Roles,
    settings: Training,
    threads: int,
    progress: Callable[[float], None] | None = None,
) -> tuple[CauseModel, ...]:
    """Fit the hazard of each cause; a cause with under 20 churners gets a constant one."""
    report = progress or (lambda share: None)
    models = []
    for number, cause in enumerate(CAUSES):
        if rows.churners(cause) < TOO_FEW_CHURNERS:
            models.append(CauseModel(cause, constant_rate(rows, cause)))
        else:
            step = _part_of(report, number / len(CAUSES), 1 / len(CAUSES))
            models.append(_fit_cause(rows, cause, roles, settings, threads, step))
    report(1.0)
    return tuple(models)


def _part_of(report: Callable[[float], None], begun: float, size: float) -> Callable[[float], None]:
    """Return a function that reports a share, 0 to 1, of one part as that of the whole."""
    return lambda share: report(begun + size * share)


def _fit_cause(
    rows: TrainingRows, cause: str, roles: Roles, settings: Training, threads: int, report: Callable[[float], None]
) -> CauseModel:
    position = fit_position(rows, cause, roles.position, threads)
    report(0.2)
    scored = scored_features(rows, roles)
    recipe = choose_recipe(rows, cause, roles, position[1], scored, settings, threads, _part_of(report, 0.2, 0.6))
    return fit_stages(rows, cause, roles, recipe, position, scored, settings, threads)


def refit_hazards(
    rows: TrainingRows, roles: Roles, models: tuple[CauseModel, ...], settings: Training, threads: int
) -> tuple[CauseModel, ...]:
    """Fit the hazards again on other rows, each by the recipe of its model."""
    scored, refitted = scored_features(rows, roles), []
    for model in models:
        if model.recipe is None or rows.churners(model.cause) < TOO_FEW_CHURNERS:
            refitted.append(CauseModel(model.cause, constant_rate(rows, model.cause)))
        else:
            position = fit_position(rows, model.cause, roles.position, threads)
            refitted.append(fit_stages(rows, model.cause, roles, model.recipe, position, scored, settings, threads))
    return tuple(refitted)


def fit_stages(
    rows: TrainingRows,
    cause: str,
    roles: Roles,
    recipe: Recipe,
    position: tuple[PositionModel, np.ndarray],
    scored: ScoredColumns,
    settings: Training,
    threads: int,
) -> CauseModel:
    """Fit the hazard of one cause by a chosen recipe.

    `position`: stage 1 and its cross-fitted log-odds, (n, K). `scored`: as `scored_features` returns it.
    """
    model, offset = position
    nothing = tuple(0.0 for _ in rows.inputs.ends)
    if not recipe.structured:
        plan = free_trees(roles, recipe.wide, settings.trees, cause)
        trees = fit_trees(rows, cause, plan, None, settings, threads)
        season = fit_season(rows, cause, trees.log_odds(rows.inputs))
        return CauseModel(cause, nothing, trees=trees, season=season, recipe=recipe)
    linear = regression(rows, cause, roles, scored, recipe.wide, recipe.ridge, offset)
    total, by_family = offset + linear.log_odds(rows.inputs), None
    if recipe.trees:
        plan = family_trees(roles, recipe.wide, recipe.trees, cause)
        by_family = fit_trees(rows, cause, plan, total, settings, threads)
        total = total + by_family.log_odds(rows.inputs)
    return CauseModel(cause, nothing, model, linear, by_family, fit_season(rows, cause, total), recipe)


def constant_rate(rows: TrainingRows, cause: str) -> tuple[float, ...]:
    """Return the log-odds of the share that left for this cause in each period, shape (K,)."""
    return tuple(
        _log_odds(rows.events[cause][rows.entered[:, period], period]) for period in range(len(rows.inputs.ends))
    )


def _log_odds(events: np.ndarray) -> float:
    if not events.any():
        return IMPOSSIBLE
    rate = events.mean()
    return float(np.log(rate / (1 - rate))) if rate < 1 else -IMPOSSIBLE
