"""How much of a fall of engagement the records tell: what bounds the rise that any model of these records can see."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingRegressor

from tests.benchmarks.yardsticks.trained import TrainedWorld, account_numbers
from undertow.features.build.feature_table import build_features
from undertow.features.simulator import World
from undertow.features.simulator.truth import moment
from undertow.training.examples.encoding import encode, fit_columns

FOLDS = 3  # of accounts; each is judged by a regression that was fitted without it


def share_told(trained: TrainedWorld, fallen: World, rows: pa.Table, rows_without: pa.Table) -> float:
    """Return the mean fall of engagement that all features tell, over the true one.

    Regresses the true engagement (never recorded) on every feature at the as_ofs of training, and compares the fitted
    values of the same accounts at the end with and without the fall, `rows` and `rows_without`.
    """
    features = build_features(trained.settings, trained.tables, trained.report.dates.train)
    learn = features.read(trained.report.dates.train)
    columns = fit_columns(features.catalogue.columns, learn)
    matrix, account, state = encode(columns, learn), account_numbers(learn), _engagement(trained.world, learn)
    judged = account_numbers(rows)
    told = np.zeros(len(judged))
    for fold in range(FOLDS):
        mine = judged % FOLDS == fold
        others = account % FOLDS != fold
        known = ~np.isnan(matrix[others]).all(axis=0)
        fitted = HistGradientBoostingRegressor(random_state=0).fit(matrix[others][:, known], state[others])
        after, before = (encode(columns, each.filter(pa.array(mine)))[:, known] for each in (rows, rows_without))
        told[mine] = fitted.predict(after) - fitted.predict(before)
    end = trained.world.parameters.days
    true = fallen.frozen[end].engagement[judged] - trained.world.frozen[end].engagement[judged]
    return float(told.mean() / true.mean())


def _engagement(world: World, rows: pa.Table) -> np.ndarray:
    """Return the true engagement of each row's account at its as_of, shape (n,)."""
    account, as_ofs = account_numbers(rows), np.array(rows["as_of"].to_pylist())
    found = np.empty(len(account))
    for as_of in np.unique(as_ofs):
        mine = as_ofs == as_of
        found[mine] = world.state_at(moment(world, as_of.date()).day).engagement[account[mine]]
    return found
