"""TreeSHAP values of gradient-boosted trees for many rows at once: those that LightGBM's `pred_contrib` returns.

What a tree adds for a column depends on a row only through the direction that the row takes at each split. These
directions are the bits of one word. Many rows share a word, so a tree's values are computed once per distinct word.

At a leaf of value v whose path splits on d distinct columns, let o_i be 1 where the row takes the path at every split
on column i, else 0, and z_i the share of training rows that does. The leaf adds to column i (Lundberg et al. 2020,
https://doi.org/10.1038/s42256-019-0138-9; the sum over subsets as the integral of a polynomial)

    v (o_i - z_i) * integral over t in [0, 1] of the product over j != i of (t o_j + (1 - t) z_j)

which Gauss-Legendre quadrature computes exactly, as the polynomial is of degree d - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import lightgbm as lgb
import numpy as np

MOST_SPLITS = 16  # of a tree: bits of a word
AT_ONCE = 30_000  # rows: more share their words, fewer fit into the processor's cache
MOST_COLUMNS = 8  # on the path to a leaf: a table holds 2^d rows for d of them
ZERO = float(np.float32(1e-35))  # LightGBM reads numbers as small as 0
INFINITE = 1e300  # what `dump_model` states in place of an infinite threshold


@dataclass(frozen=True)
class TreeTable:
    """One tree: its S splits, and the values that each leaf adds, per way in which a row meets the leaf's path.

    `split_column`, `threshold`, `unknown`: (S,), the column compared, its threshold (left: at or below) and what is
    compared in place of NaN. `columns`: (F,), the distinct columns. Per leaf and column of its path, uint16, shape
    (D, L, 1), padded with 0: `asked`, the bits of the splits on that column, `taken`, the bits of those at which the
    path goes left, and `weight`, the step in `values` where they agree. `first`: (L, 1), where a leaf's rows of
    `values` begin. `values`: (rows, F), log-odds.
    """

    split_column: np.ndarray
    threshold: np.ndarray
    unknown: np.ndarray
    columns: np.ndarray
    asked: np.ndarray
    taken: np.ndarray
    weight: np.ndarray
    first: np.ndarray
    values: np.ndarray

    def words(self, matrix: np.ndarray) -> np.ndarray:
        """Return the word of each row, uint16, shape (n,); `matrix`: (columns, n), NaN where unknown."""
        words = np.zeros(matrix.shape[1], dtype=np.uint16)
        for bit, (column, threshold, unknown) in enumerate(
            zip(self.split_column, self.threshold, self.unknown, strict=True)
        ):
            goes_left = matrix[column] <= threshold
            if unknown <= threshold:
                goes_left |= np.isnan(matrix[column])
            words |= goes_left.astype(np.uint16) << np.uint16(bit)
        return words

    def values_of(self, words: np.ndarray) -> np.ndarray:
        """Return what the tree adds to each of `columns`, shape (n, F), for rows of these words."""
        agrees = (words & self.asked) == self.taken
        rows = self.first + (agrees * self.weight).sum(axis=0, dtype=np.uint16)
        return np.asarray(self.values[rows].sum(axis=0))

    def add_to(self, total: np.ndarray, matrix: np.ndarray) -> None:
        """Add the tree's values to `total`, shape (columns, n); `matrix`: the rows, of the same shape."""
        words = self.words(matrix)
        distinct = np.flatnonzero(np.bincount(words, minlength=1 << len(self.threshold)))
        place = np.zeros(1 << len(self.threshold), dtype=np.intp)
        place[distinct] = np.arange(len(distinct))
        values, row = self.values_of(distinct.astype(np.uint16)), place[words]
        for position, column in enumerate(self.columns):
            total[column] += values[:, position][row]


def tree_tables(booster: lgb.Booster) -> tuple[TreeTable, ...] | None:
    """Return the tables of a booster's trees that split at all, or None where one has a form they do not cover.

    Covered: numerical splits, at most 16 per tree and on at most 8 columns per path, NaN as the only unknown.
    """
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    split = [tree for tree in trees if "split_index" in tree]
    return tuple(_table(tree) for tree in split) if all(_is_covered(tree) for tree in split) else None


def tree_shap(tables: Iterable[TreeTable], matrix: np.ndarray) -> np.ndarray:
    """Return the sum of the trees' values, shape (columns, n), log-odds; `matrix`: (columns, n), NaN where unknown."""
    total, rows = np.zeros(matrix.shape), np.array(matrix, order="C")
    rows[np.abs(rows) <= ZERO] = 0.0
    for start in range(0, rows.shape[1], AT_ONCE):
        some = slice(start, start + AT_ONCE)
        for table in tables:
            table.add_to(total[:, some], rows[:, some])
    return total


@dataclass(frozen=True)
class _Leaf:
    """A leaf's value, and per column of its path: the bits of its splits, those going left, the share of rows."""

    value: float
    path: dict[int, tuple[int, int, float]]


def _table(tree: dict[str, Any]) -> TreeTable:
    splits, leaves = list(_splits(tree)), list(_leaves(tree, {}))
    columns = np.unique([split["split_feature"] for split in splits])
    widest = max(len(leaf.path) for leaf in leaves)
    asked, taken, weight = np.zeros((3, widest, len(leaves), 1), dtype=np.uint16)
    first = np.zeros((len(leaves), 1), dtype=np.uint16)
    values: list[np.ndarray] = []
    for number, leaf in enumerate(leaves):
        on_path = np.array([leaf.path[column][:2] for column in leaf.path])
        depth = len(on_path)
        asked[:depth, number, 0], taken[:depth, number, 0] = on_path.T
        weight[:depth, number, 0] = 1 << np.arange(depth)
        first[number] = sum(len(each) for each in values)
        of_leaf = np.zeros((1 << depth, len(columns)))
        of_leaf[:, np.searchsorted(columns, list(leaf.path))] = _leaf_values(leaf)
        values.append(of_leaf)
    return TreeTable(
        split_column=np.array([split["split_feature"] for split in splits]),
        threshold=np.array([split["threshold"] if split["threshold"] < INFINITE else np.inf for split in splits]),
        unknown=np.array([_unknown(split) for split in splits]),
        columns=columns, asked=asked, taken=taken, weight=weight, first=first, values=np.concatenate(values),
    )  # fmt: skip


def _leaf_values(leaf: _Leaf) -> np.ndarray:
    """Return what a leaf adds to the d columns of its path, shape (2^d, d), per set of columns that agree with it."""
    share = np.array([share for _, _, share in leaf.path.values()])
    agrees = np.array(list(product((0.0, 1.0), repeat=len(share))))[:, ::-1]  # column i is bit i of the row number
    nodes, weights = _quadrature()
    integral = np.zeros(agrees.shape)
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        factors = t * agrees + (1 - t) * share
        integral += weight * factors.prod(axis=1, keepdims=True) / factors
    return np.asarray(leaf.value * (agrees - share) * integral)


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and weights of Gauss-Legendre quadrature, exact for the longest path that is covered."""
    return np.polynomial.legendre.leggauss(MOST_COLUMNS // 2)


def _splits(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the splits of a tree, numbered in this order; the number is kept in the node as `bit`."""
    waiting, bit = [node], 0
    while waiting:
        node = waiting.pop()
        if "split_index" in node:
            node["bit"] = 1 << bit
            bit += 1
            waiting += [node["right_child"], node["left_child"]]
            yield node


def _leaves(node: dict[str, Any], path: dict[int, tuple[int, int, float]]) -> Iterator[_Leaf]:
    if "split_index" not in node:
        yield _Leaf(node["leaf_value"], path)
        return
    asked, taken, share = path.get(node["split_feature"], (0, 0, 1.0))
    for side, bit in (("left_child", node["bit"]), ("right_child", 0)):
        part = _rows(node[side]) / node["internal_count"]
        step = (asked | node["bit"], taken | bit, share * part)
        yield from _leaves(node[side], path | {node["split_feature"]: step})


def _rows(node: dict[str, Any]) -> int:
    return int(node["internal_count"] if "split_index" in node else node["leaf_count"])


def _unknown(split: dict[str, Any]) -> float:
    """Return what LightGBM compares in place of NaN: 0 where training had no NaN, else what goes the default way."""
    if split["missing_type"] == "None":
        return 0.0
    return -np.inf if split["default_left"] else np.nan


def _is_covered(tree: dict[str, Any]) -> bool:
    splits = list(_splits(tree))
    is_plain = all(s["decision_type"] == "<=" and s["missing_type"] in ("None", "NaN") for s in splits)
    if not is_plain or len(splits) > MOST_SPLITS:
        return False
    return all(len(leaf.path) <= MOST_COLUMNS and _all_seen(leaf) for leaf in _leaves(tree, {}))


def _all_seen(leaf: _Leaf) -> bool:
    return all(share > 0 for _, _, share in leaf.path.values())
