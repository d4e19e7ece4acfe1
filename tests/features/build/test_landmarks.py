"""Features at moments of each account's own: any time of day, and at midnight what a build yields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from undertow.features.build.feature_table import build_features, landmark_features
from undertow.features.errors import TimeError
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 6, 15, 12)
APRIL = datetime(2024, 4, 1)
MOMENT = timedelta(microseconds=1)
World = dict[str, list[Mapping[str, object]]]
Tiny = tuple[Settings, Tables]


def looks(*moments: tuple[str, datetime]) -> pa.Table:
    accounts, as_ofs = zip(*moments, strict=True)
    return pa.table({"account_id": list(accounts), "as_of": pa.array(as_ofs, pa.timestamp("us"))})


def test_at_a_midnight_they_are_what_a_build_yields(tiny: Tiny) -> None:
    built = build_features(*tiny, [APRIL]).read()
    found = landmark_features(*tiny, built.select(["account_id", "as_of"]))
    assert found.schema.names == built.schema.names
    assert found.num_rows == 4
    for one, other in zip(found.to_pylist(), built.to_pylist(), strict=True):
        assert {name: value for name, value in one.items() if value != _nearly(other[name])} == {}


def _nearly(value: object) -> object:
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


def test_each_account_is_looked_at_from_a_moment_of_its_own(tiny: Tiny) -> None:
    """Ada viewed a page on 10 March at 9:00 and met an error at 9:05; Bo viewed a page on 28 March at 14:00."""
    at_error, at_page = datetime(2024, 3, 10, 9, 5), datetime(2024, 3, 28, 14)
    moments = [("bo", at_page + timedelta(hours=6)), ("ada", at_error + MOMENT), ("ada", at_error), ("nobody", APRIL)]
    found = landmark_features(*tiny, looks(*moments)).to_pylist()
    names = ("account_id", "as_of", "page_views_7", "errors_7", "days_since_last_activity", "tenure_days")
    ada, bo = datetime(2024, 1, 1), datetime(2024, 1, 10)
    assert [tuple(row[name] for name in names) for row in found] == [
        ("ada", at_error, 1, 0, 5 / (24 * 60), (at_error - ada) / timedelta(days=1)),
        ("ada", at_error + MOMENT, 1, 1, pytest.approx(1e-6 / 86_400), (at_error + MOMENT - ada) / timedelta(days=1)),
        ("bo", at_page + timedelta(hours=6), 1, 0, 0.25, (at_page + timedelta(hours=6) - bo) / timedelta(days=1)),
        ("nobody", APRIL, 0, 0, None, None),
    ]


def test_a_moment_after_the_record_is_refused(tiny: Tiny) -> None:
    late = tiny[1].until + MOMENT
    with pytest.raises(TimeError, match=r"as_of 2024-06-15 lies after the rows end \(2024-06-15\)"):
        landmark_features(*tiny, looks(("ada", APRIL), ("bo", late)))
