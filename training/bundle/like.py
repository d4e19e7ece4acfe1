"""Like accounts: groups of accounts in the same contract position, against which reasons and typical values are stated.

A regression tree divides the training snapshots by contract position (plan, term, price, size, tenure, days to the
renewal, profile), so that within a group the reason families add about the same to the score. A group's mean
contributions are what its accounts have in common; what an account deviates from them is its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.attribution import contributions_of, used_columns
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.roles import Roles
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import PeriodInputs

MOST_GROUPS = 32
FEWEST = 150  # snapshots of a group
SNAPSHOTS = 5_000  # of training, the newest, that are grouped
UNKNOWN = -1e12  # in place of NaN, which the tree does not compare


@dataclass(frozen=True)
class LikeAccounts:
    """The groups, as a binary tree, with the mean contributions and the median feature values of each.

    `columns`: numbers of the columns it divides by. Per node: `column` (its place in `columns`, -1 at a group),
    `threshold` (left: at or below), `left`, `right` (node numbers), `group` (-1 inside). `means`: (groups, U, K, C),
    log-odds of the U used columns in the periods up to the headline horizon. `medians`: per group, feature -> median
    of the known values.
    """

    columns: tuple[int, ...]
    column: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    group: np.ndarray
    means: np.ndarray
    medians: tuple[dict[str, float], ...]

    def groups_of(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the group of each account, whole numbers, shape (n,)."""
        values = _position(inputs, self.columns)
        node = np.zeros(len(values), dtype=int)
        for _ in range(len(self.column)):
            inside = self.column[node] >= 0
            if not inside.any():
                break
            below = values[np.arange(len(values)), np.maximum(self.column[node], 0)] <= self.threshold[node]
            node = np.where(inside, np.where(below, self.left[node], self.right[node]), node)
        return np.asarray(self.group[node])

    def with_means(self, inputs: PeriodInputs, contributions: np.ndarray) -> LikeAccounts:
        """Return the same groups with the means of other contributions; both: of the same snapshots, n of them."""
        mine, shape = self.groups_of(inputs), contributions.shape[1:]
        count = int(self.group.max()) + 1
        means = np.stack([_mean(contributions[mine == each], shape) for each in range(count)])
        return replace(self, means=means)

    def as_json(self) -> dict[str, Any]:
        """Return the groups as plain JSON values."""
        arrays = ("column", "threshold", "left", "right", "group", "means")
        plain = {name: getattr(self, name).tolist() for name in arrays}
        return {"columns": self.columns, **plain, "shape": self.means.shape, "medians": self.medians}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> LikeAccounts:
        """Read the groups back from what `as_json` returned."""
        whole = {name: np.array(read[name], dtype=int) for name in ("column", "left", "right", "group")}
        exact = {name: np.array(read[name], dtype=float) for name in ("threshold", "means")}
        exact["means"] = exact["means"].reshape(read["shape"])  # where no column is used, the lists are empty
        return cls(tuple(read["columns"]), **whole, **exact, medians=tuple(read["medians"]))


def like_accounts(
    inputs: PeriodInputs, roles: Roles, causes: tuple[CauseModel, ...], columns: tuple[ModelColumn, ...]
) -> LikeAccounts:
    """Group the newest training snapshots by contract position.

    `inputs`: of the training snapshots, in the K periods up to the headline horizon. `columns`: of the features, in
    their order.
    """
    newest = inputs.take(newest_snapshots(inputs, SNAPSHOTS))
    used = used_columns(causes, roles.families)
    parts = contributions_of(causes, used, newest)
    families = [roles.families[number] for number in used]
    grouped = [parts[:, [of == family for of in families]].sum(axis=1) for family in REASON_FAMILIES]
    by_family = np.stack(grouped, axis=1).reshape(len(parts), -1)
    numbers = {
        column.name: newest.features[:, place] for place, column in enumerate(columns) if not column.is_text
    }
    return fit_like_accounts(newest, roles.position, by_family, parts, numbers)


def newest_snapshots(inputs: PeriodInputs, most: int) -> np.ndarray:
    """Return the numbers of the newest snapshots, at most so many."""
    return np.argsort(-inputs.day, kind="stable")[:most]


def fit_like_accounts(
    inputs: PeriodInputs,
    columns: tuple[int, ...],
    by_family: np.ndarray,
    contributions: np.ndarray,
    features: dict[str, np.ndarray],
) -> LikeAccounts:
    """Divide training snapshots by their contract position, so that `by_family` differs least within a group.

    `columns`: numbers of the columns of the contract position. `by_family`: (n, outputs), log-odds. `contributions`:
    (n, U, K, C). `features`: name -> values, (n,), of which the medians are kept.
    """
    n = len(by_family)
    tree = DecisionTreeRegressor(
        max_leaf_nodes=MOST_GROUPS, min_samples_leaf=min(FEWEST, max(1, n // 4)), random_state=0
    )
    tree.fit(_position(inputs, columns).astype(np.float32), by_family)
    nodes = tree.tree_
    group = np.full(nodes.node_count, -1)
    group[nodes.feature < 0] = np.arange((nodes.feature < 0).sum())
    bare = LikeAccounts(
        columns, np.where(nodes.feature < 0, -1, nodes.feature), nodes.threshold, nodes.children_left,
        nodes.children_right, group, np.zeros(0), (),
    )  # fmt: skip
    mine = bare.groups_of(inputs)
    medians = tuple(
        _medians({name: values[mine == each] for name, values in features.items()})
        for each in range(int(group.max()) + 1)
    )
    return replace(bare.with_means(inputs, contributions), medians=medians)


def _position(inputs: PeriodInputs, columns: tuple[int, ...]) -> np.ndarray:
    """Return the contract position at as_of, shape (n, len(columns)): covariates are those of the first period."""
    return np.nan_to_num(inputs.first(1).matrix(columns), nan=UNKNOWN)


def _mean(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(values.mean(axis=0)) if len(values) else np.zeros(shape)


def _medians(features: dict[str, np.ndarray]) -> dict[str, float]:
    known = {name: values[~np.isnan(values)] for name, values in features.items()}
    return {name: float(np.median(values)) for name, values in known.items() if len(values)}
