"""Revenue labels by hand: what was paid per month after as_of, until the account left."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tests.tables_by_hand import Row, as_arrow
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.settings import Engine
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.person_periods import DAYS_A_MONTH
from undertow.training.examples.revenue import Revenue, observe_revenue

AS_OF = datetime(2024, 1, 1)
NEVER = np.array([np.nan])


def paid(tmp_path, subscriptions: list[Row], followed: float = 400.0, left: float = np.nan) -> Revenue:  # type: ignore[no-untyped-def]
    """The revenue of account A over three months."""
    outcomes = Outcomes(np.array([followed]), np.array([left]), NEVER, np.array([""]), np.array([False]))
    rows = pa.table({"account_id": ["A"], "as_of": pa.array([AS_OF], pa.timestamp("us"))})
    with open_duckdb(Engine(), tmp_path) as connection:
        connection.register("subscriptions", as_arrow("subscriptions", subscriptions))
        return observe_revenue(InDuckDB(connection), rows, outcomes, AS_OF + timedelta(days=500), 3)


def of(mrr: float, start: float, end: float | None = None, **more: object) -> Row:
    began = AS_OF + timedelta(days=start)
    ended = None if end is None else AS_OF + timedelta(days=end)
    return {"account_id": "A", "subscription_id": f"S{start}", "started_at": began, "recorded_at": began, "mrr": mrr,
            "ended_at": ended, "end_recorded_at": ended, **more}  # fmt: skip


def test_mrr_is_paid_every_month_while_the_subscription_runs(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = paid(tmp_path, [of(100, -50)])
    assert found.paid[0] == pytest.approx([100, 100, 100])
    assert found.followed.all() and found.stayed.all()


def test_a_change_within_a_month_counts_by_days(tmp_path) -> None:  # type: ignore[no-untyped-def]
    change = 1.25 * DAYS_A_MONTH
    found = paid(tmp_path, [of(100, -50, change), of(140, change)])
    assert found.paid[0] == pytest.approx([100, 130, 140], abs=1e-3)


def test_nothing_is_paid_after_the_account_left_even_if_it_returns(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = paid(tmp_path, [of(100, -50, 20), of(100, 60)], left=20.0)
    assert found.paid[0] == pytest.approx([100 * 20 / DAYS_A_MONTH, 0, 0])
    assert found.followed.all() and not found.stayed.any()


def test_whoever_left_is_followed_no_sooner_than_whoever_stayed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    gone = paid(tmp_path, [of(100, -50, 20)], followed=70.0, left=20.0)
    here = paid(tmp_path, [of(100, -50)], followed=70.0)
    assert gone.followed.tolist() == here.followed.tolist() == [[True, True, False]]


def test_a_month_that_is_not_over_is_not_followed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = paid(tmp_path, [of(100, -50)], followed=70.0)
    assert found.followed[0].tolist() == [True, True, False]


def test_other_accounts_and_free_periods_count_nothing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = paid(tmp_path, [of(100, -50, account_id="B"), of(0, -50)])
    assert found.paid[0].tolist() == [0, 0, 0]
