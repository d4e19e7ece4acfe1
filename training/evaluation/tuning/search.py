"""The hyperparameter search with Optuna: LightGBM's parameters of the hazard's trees, by log loss inside training.

Trial 0 is the defaults. A trial is judged by the log loss by which the recipes are chosen anyway: on later as_ofs and
other accounts of the training data. The held-out test is no argument of anything here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from undertow.features.errors import SettingsError
from undertow.features.settings import Training
from undertow.training.churn.hazard import compare_causes
from undertow.training.churn.recipe import chosen_loss, scored_features
from undertow.training.churn.roles import Roles
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import TreeFactors, TunedTraining

if TYPE_CHECKING:
    from optuna.study import Study

INSTALL = "pip install 'undertow[tune]'"
SEED = 1
RANDOM_TRIALS = 5  # before the sampler learns from the losses
RANGES = {  # lowest and highest factor of each default, searched on a logarithmic scale
    "num_leaves": (0.5, 3.0),
    "min_child_samples": (0.3, 3.0),
    "reg_lambda": (0.1, 10.0),
    "colsample_bytree": (0.4, 2.0),
    "subsample": (0.6, 1.25),
    "learning_rate": (0.5, 2.0),
}


@dataclass(frozen=True)
class Trial:
    """One trial of the search. `loss`: held-out log loss inside the training data, per person-period row."""

    factors: TreeFactors
    loss: float


def require_optuna() -> None:
    """Raise SettingsError, with the command that installs it, where Optuna is missing."""
    try:
        import optuna  # noqa: F401  an extra
    except ImportError as missing:
        raise SettingsError(f"--tune needs Optuna, which is not installed. Type: {INSTALL}") from missing


def tuned(settings: Training, factors: TreeFactors) -> Training:
    """Return the settings with these factors; the settings themselves where they are the defaults."""
    return settings if factors == TreeFactors() else TunedTraining(**settings.model_dump(), factors=factors)


def search(
    rows: TrainingRows,
    roles: Roles,
    settings: Training,
    threads: int,
    trials: int,
    report: Callable[[float], None] = lambda share: None,
) -> tuple[Trial, ...]:
    """Return the trials in order, the first of them the defaults; the same data and settings give the same trials.

    `rows`: of training alone, with at least one cause that has enough churners for a model.
    """
    from optuna.distributions import BaseDistribution, FloatDistribution  # an extra, and slow to import

    space: dict[str, BaseDistribution] = {name: FloatDistribution(*bounds, log=True) for name, bounds in RANGES.items()}
    scored, done = scored_features(rows, roles), []
    study = _study()
    study.enqueue_trial(asdict(TreeFactors()))
    for number in range(trials):
        asked = study.ask(space)
        factors = TreeFactors(**asked.params)
        _, compared = compare_causes(rows, roles, scored, tuned(settings, factors), threads)
        loss = float(chosen_loss(compared).sum() / compared[0].judged)
        study.tell(asked, loss)
        done.append(Trial(factors, loss))
        report((number + 1) / trials)
    return tuple(done)


def best_of(trials: tuple[Trial, ...]) -> Trial:
    """Return the trial with the smallest loss; of equal ones the earliest, so that the defaults win a tie."""
    return min(trials, key=lambda trial: trial.loss)


def _study() -> Study:
    """Return a new study in memory, whose sampler (a multivariate TPE) has a fixed seed."""
    import optuna

    with _quiet():
        sampler = optuna.samplers.TPESampler(seed=SEED, multivariate=True, n_startup_trials=RANDOM_TRIALS)
        return optuna.create_study(direction="minimize", sampler=sampler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from printing and warning: that a study begins, and that multivariate sampling is experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
