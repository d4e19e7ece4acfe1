"""The churn model: a cause-specific discrete-time hazard, fitted stage by stage on person-period rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.linear import ScoredColumns
from undertow.training.churn.position import PositionModel, fit_position
from undertow.training.churn.recipe import (
    Compared,
    Recipe,
    cautious,
    choose_recipes,
    compare_models,
    family_trees,
    free_trees,
    regression,
    scored_features,
)
from undertow.training.churn.roles import Roles
from undertow.training.churn.season import fit_season
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import factors_of, fit_trees
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.split import Examples

TOO_FEW_CHURNERS = 20  # accounts; below it, a constant hazard
MIN_PERIOD_ROWS = 100  # a period with fewer observed rows is not served
IMPOSSIBLE = -20.0  # log-odds of a cause never seen


def served_ends(examples: Examples, horizons: tuple[int, ...]) -> tuple[int, ...]:
    """Return the period ends for which enough fully observed rows exist; a prefix of `horizons`."""
    counts = examples.outcomes.entered(horizons).sum(axis=0)
    enough = int(np.argmin([*(count >= MIN_PERIOD_ROWS for count in counts), False]))
    return horizons[: max(enough, 1)]


def fit_hazards(
    rows: TrainingRows,
    roles: Roles,
    settings: Training,
    threads: int,
    progress: Callable[[float], None] | None = None,
    recipes: Mapping[str, Recipe] | None = None,
) -> tuple[CauseModel, ...]:
    """Fit the hazard of each cause; one with under 20 churners is constant, and all are plainer under 100.

    `recipes`: cause -> the recipe to fit by, chosen on earlier rows; a cause without one is constant. None: choose.
    """
    report = progress or (lambda share: None)
    scored = scored_features(rows, roles)
    if recipes is None:
        begun, compared = compare_causes(rows, roles, scored, settings, threads, _part_of(report, 0.0, 0.8))
        chosen = [cautious(recipe, rows.churners(*CAUSES)) for recipe in choose_recipes(compared)]
        recipes = dict(zip(begun, chosen, strict=True))
    else:
        begun = {cause: _begin(rows, cause, roles, settings, threads) for cause in recipes}
    models = {
        cause: fit_stages(rows, cause, roles, recipes[cause], position, scored, settings, threads)
        for cause, position in begun.items()
    }
    report(1.0)
    return tuple(models[cause] if cause in models else constant_hazard(rows, cause) for cause in CAUSES)


def compare_causes(
    rows: TrainingRows,
    roles: Roles,
    scored: ScoredColumns,
    settings: Training,
    threads: int,
    report: Callable[[float], None] = lambda share: None,
) -> tuple[dict[str, tuple[PositionModel, np.ndarray]], list[Compared]]:
    """Return cause -> stage 1 with its cross-fitted log-odds, (n, K), and the models compared for each cause.

    `scored`: as `scored_features` returns it. Causes without enough churners are left out.
    """
    modelled = [cause for cause in CAUSES if rows.churners(cause) >= TOO_FEW_CHURNERS]
    begun: dict[str, tuple[PositionModel, np.ndarray]] = {}
    compared = []
    for number, cause in enumerate(modelled):
        step = _part_of(report, number / len(modelled), 1 / len(modelled))
        begun[cause] = _begin(rows, cause, roles, settings, threads)
        step(0.3)
        offset, rest = begun[cause][1], _part_of(step, 0.3, 0.7)
        compared.append(compare_models(rows, cause, roles, offset, scored, settings, threads, rest))
    return begun, compared


def _begin(
    rows: TrainingRows, cause: str, roles: Roles, settings: Training, threads: int
) -> tuple[PositionModel, np.ndarray]:
    """Return stage 1 of a cause, and its cross-fitted log-odds, (n, K)."""
    position = fit_position(rows, cause, roles.position, threads, factors_of(settings))
    return position, position.cross_fitted(rows)


def _part_of(report: Callable[[float], None], begun: float, size: float) -> Callable[[float], None]:
    """Return a function that reports a share, 0 to 1, of one part as that of the whole."""
    return lambda share: report(begun + size * share)


def refit_hazards(
    rows: TrainingRows,
    draws: Sequence[np.ndarray],
    roles: Roles,
    models: tuple[CauseModel, ...],
    settings: Training,
    threads: int,
) -> list[tuple[CauseModel, ...]]:
    """Fit the hazards again, each by its recipe and on its contract position; return those of each draw.

    `rows`: those that `models` were fitted on. `draws`: numbers of `rows`; one that occurs twice is learned from twice.
    `threads` draws are fitted at once, each on one core.
    """
    scored = scored_features(rows, roles)
    offsets = [model.position.cross_fitted(rows) if model.position else None for model in models]

    def refitted(drawn: np.ndarray) -> tuple[CauseModel, ...]:
        again, scored_again = rows.take(drawn), scored.take(drawn)
        return tuple(one(again, scored_again, drawn, *each) for each in zip(models, offsets, strict=True))

    def one(
        again: TrainingRows, scored_again: ScoredColumns, drawn: np.ndarray, model: CauseModel,
        offset: np.ndarray | None,
    ) -> CauseModel:  # fmt: skip
        if model.recipe is None or again.churners(model.cause) < TOO_FEW_CHURNERS:
            return constant_hazard(again, model.cause)
        position = None if model.position is None or offset is None else (model.position, offset[drawn])
        return fit_stages(again, model.cause, roles, model.recipe, position, scored_again, settings, 1)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(refitted, draws))


def fit_stages(
    rows: TrainingRows,
    cause: str,
    roles: Roles,
    recipe: Recipe,
    position: tuple[PositionModel, np.ndarray] | None,
    scored: ScoredColumns,
    settings: Training,
    threads: int,
) -> CauseModel:
    """Fit the hazard of one cause by a chosen recipe.

    `position`: stage 1 and its cross-fitted log-odds, (n, K); free trees do without. `scored`: as `scored_features`
    returns it.
    """
    nothing = tuple(0.0 for _ in rows.inputs.ends)
    if not recipe.structured or position is None:
        plan = free_trees(roles, recipe.wide, settings.trees, cause)
        trees = fit_trees(rows, cause, plan, None, settings, threads)
        season = fit_season(rows, cause, trees.log_odds(rows.inputs))
        return CauseModel(cause, nothing, trees=trees, season=season, recipe=recipe)
    model, offset = position
    linear = regression(rows, cause, roles, scored, recipe.wide, recipe.ridge, offset)
    total, by_family = offset + linear.log_odds(rows.inputs), None
    if recipe.trees:
        plan = family_trees(roles, recipe.wide, recipe.trees, cause)
        by_family = fit_trees(rows, cause, plan, total, settings, threads)
        total = total + by_family.log_odds(rows.inputs)
    return CauseModel(cause, nothing, model, linear, by_family, fit_season(rows, cause, total), recipe)


def constant_hazard(rows: TrainingRows, cause: str) -> CauseModel:
    """Return a hazard that is the same for all: the share that left for this cause in each period."""
    events, there, weight = rows.events[cause], rows.entered, rows.weight
    return CauseModel(cause, tuple(
        _log_odds(events[there[:, k], k], None if weight is None else weight[there[:, k]])
        for k in range(len(rows.inputs.ends))
    ))  # fmt: skip


def _log_odds(events: np.ndarray, weight: np.ndarray | None) -> float:
    if not events.any():
        return IMPOSSIBLE
    rate = np.average(events, weights=weight)
    return float(np.log(rate / (1 - rate))) if rate < 1 else -IMPOSSIBLE
