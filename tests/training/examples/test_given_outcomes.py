"""Outcomes that a file states: cut at the time at which labels are read, and the dates that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.choose import Catalogue
from undertow.features.errors import ModelRefusal, TimeError
from undertow.features.settings import Settings, make_settings
from undertow.training.examples.given_dates import choose_given_dates
from undertow.training.examples.given_outcomes import given_outcomes

Row = tuple[float, float | None]  # followed_days, churn_days


@pytest.fixture
def seen(tmp_path: Path) -> Callable[[dict[datetime, Sequence[Row]]], FeatureTable]:
    """Return a function that stores the outcomes of accounts 0, 1, ... at each as_of."""

    def store(rows: dict[datetime, Sequence[Row]]) -> FeatureTable:
        table = FeatureTable(tmp_path / "outcomes", Catalogue((), {}), tuple(rows))
        for as_of, each in rows.items():
            table.path(as_of).mkdir(parents=True)
            columns = {
                "account_id": [str(number) for number in range(len(each))],
                "followed_days": pa.array([followed for followed, _ in each], pa.float64()),
                "churn_days": pa.array([days for _, days in each], pa.float64()),
                "cause": ["" if days is None else "voluntary" for _, days in each],
            }
            pq.write_table(pa.table(columns), table.path(as_of) / "rows.parquet")
        return table

    return store


Store = Callable[[dict[datetime, Sequence[Row]]], FeatureTable]


def test_a_churn_after_the_labels_are_read_is_not_seen(seen: Store) -> None:
    as_of = datetime(2025, 1, 1)
    table = seen({as_of: [(200, 20), (200, 50), (200, None), (10, None)]})
    found = given_outcomes(table, [as_of], datetime(2025, 2, 10))  # 40 days later
    assert found.followed_days.tolist() == [40, 40, 40, 10]
    assert [None if day != day else day for day in found.churn_days.tolist()] == [20, None, None, None]
    assert found.cause.tolist() == ["voluntary", "", "", ""]
    nothing = given_outcomes(table, [as_of], datetime(2024, 12, 1))
    assert nothing.followed_days.tolist() == [0, 0, 0, 0] and not (nothing.churn_days >= 0).any()


def _settings(folder: Path, **snapshots: object) -> Settings:
    return make_settings(folder, {"snapshots": snapshots})


MONTHS = [datetime(2025, month, 1) for month in (1, 4, 7, 8)]


def test_the_test_is_the_newest_as_of_of_which_half_was_followed(seen: Store, tmp_path: Path) -> None:
    """At the newest, leavers are known already and stayers are not: it would hold leavers alone."""
    table = seen({MONTHS[0]: [(300, None)] * 4, MONTHS[1]: [(200, None)] * 4,
                  MONTHS[2]: [(90, 10), (90, None), (0, None), (0, None)],
                  MONTHS[3]: [(90, 89), (0, None), (0, None), (0, None)]})  # fmt: skip
    dates = choose_given_dates(_settings(tmp_path), table)
    assert dates.test == (MONTHS[2],)
    assert dates.train == (MONTHS[0], MONTHS[1])  # 30 days, and 30 of grace, before July


def test_the_test_of_the_settings_is_respected(seen: Store, tmp_path: Path) -> None:
    table = seen({as_of: [(300, None)] * 2 for as_of in MONTHS})
    assert choose_given_dates(_settings(tmp_path, test=[date(2025, 4, 1)]), table).test == (MONTHS[1],)
    with pytest.raises(TimeError, match=r"no rows of 2025-05-01; it has 4 as_ofs, 2025-01-01 to 2025-08-01"):
        choose_given_dates(_settings(tmp_path, test=[date(2025, 5, 1)]), table)


def test_without_a_followed_window_no_test_is_possible(seen: Store, tmp_path: Path) -> None:
    table = seen({as_of: [(60, None)] * 2 for as_of in MONTHS})
    with pytest.raises(ModelRefusal, match=r"at 2025-08-01: half of its rows were followed for 60 days or less"):
        choose_given_dates(_settings(tmp_path), table)
