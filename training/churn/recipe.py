"""Chooses how the hazards are modelled, by cross-validation over accounts and forward in time.

Candidates learn from the earlier as_ofs and are compared on other accounts at the later ones, as they will be used.

Structured: contract position, then a ridge regression, then trees that each read one family; its parts add up by
family. Free: trees on all columns. The structured one is chosen, for all causes, unless the free one's held-out log
loss over all causes is better by more than half a standard error: reasons that add up are worth that much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.linear import (
    LinearModel,
    Penalty,
    ScoredColumns,
    directions,
    fit_linear,
    score_columns,
    strength,
)
from undertow.training.churn.position import FOLDS
from undertow.training.churn.roles import Roles
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import TreeModel, TreePlan, fit_trees
from undertow.training.examples.outcomes import INVOLUNTARY
from undertow.training.examples.split import THIN

RIDGES = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
FIRST_RIDGE = 3
OTHER_FAMILIES = 10.0  # times the penalty, of columns that are not billing where a payment failed
ONE_SIDED = 0.3  # times the penalty, of a deviation whose effect may only have one sign: that restrains it already
TESTED = 3  # of the folds of accounts, on which trees are compared; regressions are, on all of them
WIDEST = 100  # columns of a wide regression: those with the strongest effects of their own
LATER = 1 / 3  # of the as_ofs, at which candidates are compared
STAGES = (0, 25, 50, 75, 100, 150)  # numbers of trees tried; at twice the learning rate, so half as many
LATER_BAG = 1.5  # times the trees of a single booster: a bag overfits later
TOLERANCE = 0.5  # standard errors that a stronger penalty, or parts that add up, may be worse than what they replace
WIDE_GAIN = 1.0  # standard errors by which all columns must be better than those that feed


@dataclass(frozen=True)
class Recipe:
    """How the hazard of one cause is modelled, and why it is in parts that add up or not.

    `structured`: position, regression and trees by family; else free trees. `wide`: all columns of the reason
    families rather than those that feed. `trees`: their number. `why`: a sentence with the losses compared.
    """

    structured: bool
    wide: bool
    ridge: float
    trees: int
    why: str


@dataclass(frozen=True)
class _Candidates:
    """The training rows of one cause, with the fold of each snapshot and the log-odds of the contract position."""

    rows: TrainingRows
    cause: str
    roles: Roles
    offset: np.ndarray
    scored: ScoredColumns
    settings: Training
    threads: int
    regressions: dict[tuple[int, bool], dict[float, LinearModel]] = field(default_factory=dict)  # by fold and width

    @cached_property
    def fold(self) -> np.ndarray:
        """Return the fold of each snapshot, (n,)."""
        return self.rows.folds(FOLDS)

    @cached_property
    def is_later(self) -> np.ndarray:
        """Return which snapshots lie at the later as_ofs, bool, (n,); all of them where there are under three."""
        as_ofs = np.unique(self.rows.inputs.day)
        if len(as_ofs) < 3:
            return np.ones(len(self.fold), dtype=bool)
        return np.asarray(self.rows.inputs.day >= as_ofs[-max(1, round(LATER * len(as_ofs)))])

    def judged(self, folds: int) -> np.ndarray:
        """Return the snapshots of the first folds on which candidates are compared, bool, (n,)."""
        return np.asarray(self.is_later & (self.fold < folds))

    @property
    def more_rows(self) -> float:
        """Return by how much more rows the final model learns from; the best number of trees grows with them."""
        learned = [self.rows.entered[learn].sum() for learn, _ in self.splits(TESTED)]
        return float(self.rows.entered.sum() / np.mean(learned))

    def splits(self, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the snapshots to learn from and those to be judged on, as masks (n,), of each of the first folds."""
        earlier = ~self.is_later if not self.is_later.all() else self.is_later
        mine = (self.fold == number for number in range(folds))
        return [(~each & earlier, each & self.is_later) for each in mine]

    def linear(self, wide: bool, ridge: float) -> np.ndarray:
        """Return the held-out log-odds with the regression, (n, K); those of the later as_ofs are filled."""
        found = self.offset.copy()
        for number, (learn, judge) in enumerate(self.splits(FOLDS)):
            model = self._regression(number, learn, wide, ridge)
            found[judge] += model.log_odds(self.rows.inputs.take(judge))
        return found

    def staged_trees(self, wide: bool, ridge: float) -> dict[int, np.ndarray]:
        """Return number of trees -> held-out log-odds with regression and trees by family, (n, K)."""
        plan = family_trees(self.roles, wide, max(STAGES), self.cause)
        models = [self._regression(number, learn, wide, ridge) for number, (learn, _) in enumerate(self.splits(TESTED))]
        start = [self.offset + model.log_odds(self.rows.inputs) for model in models]
        found = {stage: self.offset.copy() for stage in STAGES}
        for trees, (_, judge), base in zip(self._trees(plan, start), self.splits(TESTED), start, strict=True):
            judged = self.rows.inputs.take(judge)
            matrix, shape = judged.matrix(plan.columns), judged.covariates.shape[:2]
            for stage in STAGES:
                added = _raw(trees.boosters[0], matrix, stage).reshape(shape) if stage else 0.0
                found[stage][judge] = base[judge] + added
        return found

    def free(self, wide: bool) -> np.ndarray:
        """Return the held-out log-odds of free trees, (n, K)."""
        plan = free_trees(self.roles, wide, self.settings.trees // 2, self.cause)
        found = np.zeros(self.offset.shape)
        for trees, (_, judge) in zip(self._trees(plan, [None] * TESTED), self.splits(TESTED), strict=True):
            found[judge] = trees.log_odds(self.rows.inputs.take(judge))
        return found

    def _trees(self, plan: TreePlan, start: Sequence[np.ndarray | None]) -> list[TreeModel]:
        """Return the trees of each fold; `start`: per fold, the log-odds before them, (n, K). One core fits a fold."""

        def fitted(learn: np.ndarray, before: np.ndarray | None) -> TreeModel:
            offset = None if before is None else before[learn]
            return fit_trees(self.rows.take(learn), self.cause, plan, offset, _faster(self.settings), threads=1)

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(fitted, [learn for learn, _ in self.splits(TESTED)], start))

    def _regression(self, number: int, learn: np.ndarray, wide: bool, ridge: float) -> LinearModel:
        """Return the regression of a fold, fitted from the one of another penalty where there is one."""
        fitted = self.regressions.setdefault((number, wide), {})
        if ridge not in fitted:
            rows, scored, offset = self.rows.take(learn), self.scored.take(learn), self.offset[learn]
            start = fitted[min(fitted, key=lambda other: abs(np.log(other / ridge)))] if fitted else None
            fitted[ridge] = regression(rows, self.cause, self.roles, scored, wide, ridge, offset, start)
        return fitted[ridge]

    def loss(self, log_odds: np.ndarray, folds: int) -> np.ndarray:
        """Return the log loss summed over the judged person-period rows of each account, shape (accounts,)."""
        tested = self.judged(folds)[:, None] * self.rows.counts
        each = (np.logaddexp(0.0, log_odds) - self.rows.events[self.cause] * log_odds) * tested
        return np.bincount(self.rows.account, each.sum(axis=1))


@dataclass(frozen=True)
class Compared:
    """The structured model and the free trees of one cause, compared on held-out rows.

    `recipe`: of the structured model. `structured`, `free`: log loss of each summed per account, shape (accounts,).
    `judged`: person-period rows that they were judged on, by weight.
    """

    recipe: Recipe
    structured: np.ndarray
    free: np.ndarray
    judged: int


def compare_models(
    rows: TrainingRows,
    cause: str,
    roles: Roles,
    offset: np.ndarray,
    scored: ScoredColumns,
    settings: Training,
    threads: int,
    report: Callable[[float], None] = lambda share: None,
) -> Compared:
    """Return the best structured model of one cause beside free trees.

    `offset`: (n, K), the cross-fitted log-odds of the contract position. `scored`: as `scored_features` returns it.
    """
    candidates = _Candidates(rows, cause, roles, offset, scored, _one_booster(settings), threads)
    ridge, narrow = _best_ridge(candidates, False, RIDGES[FIRST_RIDGE]) if roles.narrow else (RIDGES[FIRST_RIDGE], None)
    report(0.3)
    wide_ridge, wide = _best_ridge(candidates, True, ridge)
    report(0.5)
    is_wide = narrow is None or _worse(narrow, wide) > WIDE_GAIN
    ridge = wide_ridge if is_wide else ridge
    ridge, stage, structured = _best_stages(candidates, is_wide, ridge)
    report(0.8)
    free = candidates.loss(candidates.free(is_wide), TESTED)
    report(1.0)
    later = LATER_BAG if settings.seeds > 1 else 1.0
    recipe = Recipe(True, is_wide, ridge, round(2 * stage * candidates.more_rows * later), "")
    return Compared(recipe, structured, free, round(rows.counts[candidates.judged(TESTED)].sum()))


def choose_recipes(compared: Sequence[Compared]) -> list[Recipe]:
    """Return the recipe of each cause: the structured ones, or free trees for all of them.

    The causes are judged together, since a score is the sum of theirs: the few events of one would decide by chance.
    """
    if not compared:
        return []
    structured, free, is_structured = _chosen(compared)
    ours, theirs = structured.sum() / compared[0].judged, free.sum() / compared[0].judged
    why = f"Free trees: held-out log loss {theirs:.5f}, {ours:.5f} with parts that add up by family."
    if is_structured:
        why = f"Parts that add up by family: held-out log loss {ours:.5f}, {theirs:.5f} with free trees."
    return [replace(each.recipe, structured=is_structured, why=why) for each in compared]


def chosen_loss(compared: Sequence[Compared]) -> np.ndarray:
    """Return the held-out log loss of the models that `choose_recipes` takes, over all causes, shape (accounts,).

    It is summed over the judged person-period rows of each account, of which there are `compared[0].judged`.
    """
    structured, free, is_structured = _chosen(compared)
    return structured if is_structured else free


def _chosen(compared: Sequence[Compared]) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the losses of structured models and of free trees over all causes, and whether the former are taken."""
    structured = np.sum([each.structured for each in compared], axis=0)
    free = np.sum([each.free for each in compared], axis=0)
    return structured, free, _worse(structured, free) <= TOLERANCE


def cautious(recipe: Recipe, churners: int) -> Recipe:
    """Return the recipe for thin data: no trees of families, and the next stronger penalty than the best.

    `churners`: accounts that left, for any cause. Under THIN, held-out losses can hardly tell candidates apart, and the
    least flexible one errs least.
    """
    if churners >= THIN:
        return recipe
    penalty = min((ridge for ridge in RIDGES if ridge > recipe.ridge), default=recipe.ridge)
    why = f"Thin data: {churners} churners, under {THIN}: a regression without trees, with a penalty of {penalty:,.0f}."
    return replace(recipe, structured=True, ridge=penalty, trees=0, why=why)


def _one_booster(settings: Training) -> Training:
    """Return the settings with one booster in place of a bag."""
    return settings.model_copy(update={"seeds": 1})


def _best_ridge(candidates: _Candidates, wide: bool, first: float) -> tuple[float, np.ndarray]:
    """Return the penalty with the smallest held-out loss, searched from `first` upward and downward, and its losses."""
    losses: dict[int, np.ndarray] = {}

    def total(place: int) -> float:
        if place not in losses:
            losses[place] = candidates.loss(candidates.linear(wide, RIDGES[place]), FOLDS)
        return float(losses[place].sum())

    place = RIDGES.index(first)
    for step in (1, -1):
        while 0 <= place + step < len(RIDGES) and total(place + step) < total(place):
            place += step
    return RIDGES[place], losses[place]


def _best_stages(candidates: _Candidates, wide: bool, ridge: float) -> tuple[float, int, np.ndarray]:
    """Return the penalty, from `ridge` upward, the stage of trees on top of it, and their held-out losses.

    Trees may need less of a regression than is best without them. Held-out data can hardly tell neighbouring penalties
    apart: of those within half a standard error of the best, the strongest is taken, whose reasons are the steadiest.
    """
    tried: list[tuple[float, int, np.ndarray]] = []
    for penalty in RIDGES[RIDGES.index(ridge) :]:
        staged = candidates.staged_trees(wide, penalty).items()
        losses = {stage: candidates.loss(found, TESTED) for stage, found in staged}
        stage = min(losses, key=lambda stage: float(losses[stage].sum()))
        tried.append((penalty, stage, losses[stage]))
        best = min((losses for _, _, losses in tried), key=lambda losses: float(losses.sum()))
        if _worse(tried[-1][2], best) > TOLERANCE:
            break
    return [each for each in tried if _worse(each[2], best) <= TOLERANCE][-1]


def _worse(one: np.ndarray, other: np.ndarray) -> float:
    """Return by how many standard errors the losses of `one` are larger; both: per account, shape (accounts,)."""
    difference = one - other
    error = np.sqrt(len(difference)) * difference.std()
    return float(difference.sum() / error) if error > 0 else 0.0


# --- the parts of a recipe -------------------------------------------------------------------


def scored_features(rows: TrainingRows, roles: Roles) -> ScoredColumns:
    """Return the features of the reason families, without texts, with their scores."""
    columns = tuple(number for number in roles.wide if number not in roles.texts)
    return score_columns(rows, columns, roles.direction[list(columns)] != 0)


def regression(
    rows: TrainingRows, cause: str, roles: Roles, scored: ScoredColumns, wide: bool, ridge: float, offset: np.ndarray,
    start: LinearModel | None = None,
) -> LinearModel:  # fmt: skip
    """Fit stage 2 of a recipe; a wide one reads the columns with the strongest effects of their own.

    `start`: the regression of the same rows with another penalty, from which fewer steps are needed.
    """
    if not wide:
        scored = scored.only(tuple(number for number in roles.narrow if number not in roles.texts))
    tests = strength(rows, cause, scored.z, offset)
    if len(tests) > WIDEST:
        strongest = np.sort(np.argsort(-np.abs(tests), kind="stable")[:WIDEST])
        scored, tests = scored.only(tuple(scored.columns[place] for place in strongest)), tests[strongest]
    direction = directions(tests, roles.direction[list(scored.columns)])
    penalty = np.where(direction == 0, ridge, ONE_SIDED * ridge)
    if cause == INVOLUNTARY:
        penalty[[roles.families[number] != "billing" for number in scored.columns]] *= OTHER_FAMILIES
    return fit_linear(rows, cause, scored, roles.covariates, offset, Penalty(penalty, direction), start)


def family_trees(roles: Roles, wide: bool, number: int, cause: str) -> TreePlan:
    """Return the plan of stage 3: trees that each read one family and the period."""
    columns = (*(roles.wide if wide else roles.narrow), *roles.covariates, roles.period)
    return TreePlan(tuple(sorted(columns)), number, roles.groups(columns), light=cause == INVOLUNTARY)


def free_trees(roles: Roles, wide: bool, number: int, cause: str) -> TreePlan:
    """Return the plan of free trees: contract position, measures of the reason families and covariates together."""
    columns = {*(roles.wide if wide else roles.narrow), *roles.covariates, *roles.position, roles.period}
    return TreePlan(tuple(sorted(columns)), number, None, light=cause == INVOLUNTARY)


def _faster(settings: Training) -> Training:
    return settings.model_copy(update={"learning_rate": 2 * settings.learning_rate, "trees": settings.trees // 2})


def _raw(booster: lgb.Booster, matrix: np.ndarray, number: int) -> np.ndarray:
    return np.asarray(booster.predict(matrix, raw_score=True, num_iteration=number))
