"""The contract position: values in training come from trees that were fitted without the account."""

from __future__ import annotations

import numpy as np

from tests.training.churn.made_rows import SIZE, made_rows, roles
from undertow.training.churn.position import FOLDS, fit_position
from undertow.training.churn.trees import TreeFactors


def test_it_ranks_by_contract_and_reads_nothing_else() -> None:
    rows = made_rows(6000, pain=0.0, size=-1.0)
    model = fit_position(rows, "voluntary", roles().position, 2)
    assert len(model.boosters) == FOLDS and SIZE in model.columns
    size = rows.inputs.features[:, SIZE]
    assert np.corrcoef(model.log_odds(rows.inputs)[:, 0], size)[0, 1] < -0.9
    assert np.corrcoef(model.cross_fitted(rows)[:, 0], size)[0, 1] < -0.85


def test_the_values_of_an_account_do_not_depend_on_its_own_outcome() -> None:
    rows = made_rows(2000)
    offset = fit_position(rows, "voluntary", roles().position, 1).cross_fitted(rows)
    mine = rows.folds(FOLDS) == 2
    rows.events["voluntary"][mine] = ~rows.events["voluntary"][mine] & rows.entered[mine]
    changed = fit_position(rows, "voluntary", roles().position, 1).cross_fitted(rows)
    assert np.array_equal(offset[mine], changed[mine])
    assert not np.array_equal(offset[~mine], changed[~mine])


def test_factors_change_its_trees_and_those_of_1_do_not() -> None:
    rows = made_rows(1000)
    plain, same, other = (
        fit_position(rows, "voluntary", roles().position, 1, *factors).log_odds(rows.inputs)
        for factors in ((), (TreeFactors(),), (TreeFactors(learning_rate=0.5),))
    )
    assert np.array_equal(plain, same)
    assert np.ptp(other) < np.ptp(plain)
