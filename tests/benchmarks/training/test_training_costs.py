"""What the benchmark of training states: costs by size, and an extrapolation that says that it is one."""

from __future__ import annotations

import pytest

from tests.benchmarks.training.__main__ import Cost, churn_text
from tests.benchmarks.training.copies import copy_accounts
from tests.trained_world import NOW
from undertow.features.build.feature_table import build_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables


def cost(accounts: int, minutes: float, labels: float, fit: float) -> Cost:
    steps = {"labels": minutes / 4, "fit": 3 * minutes / 4}
    return Cost(accounts, 24 * accounts, 50_000, steps, {"labels": labels, "fit": fit}, 1.02)


def test_the_goal_is_extrapolated_from_the_two_largest_sizes() -> None:
    costs = [cost(2_000, 9.0, 0.5, 7.0), cost(100_000, 4.0, 2.0, 2.1), cost(200_000, 5.0, 2.5, 2.5)]
    text = churn_text(costs)
    assert "not measured: 10 minutes (goal 30), 7.0 GB (goal 8); 6.5 GB of labels" in text
    assert "200,000   4,800,000       50,000       1.25       3.75    5.0             2.50 2.50        1.020" in text
    assert "6.5 GB (goal 8)" in churn_text(costs[1:])


@pytest.mark.parametrize("copies", [1, 3])
def test_copies_have_the_features_and_tables_of_the_accounts(
    world: Settings, tmp_path_factory: pytest.TempPathFactory, copies: int
) -> None:
    tables = load_tables(world, NOW)
    features = build_features(world, tables, [tables.until])
    to_tables, to_features = copy_accounts(tables, features, copies, tmp_path_factory.mktemp("copies"))
    original, found = features.read(), to_features.read()
    assert found.num_rows == copies * original.num_rows
    mine = [row for row in found.to_pylist() if row["account_id"].endswith(f"-{copies - 1}")]
    assert [row["account_id"].rsplit("-", 1)[0] for row in mine] == original["account_id"].to_pylist()
    assert [row["mrr"] for row in mine] == original["mrr"].to_pylist()
    assert to_tables.path("events").exists()
