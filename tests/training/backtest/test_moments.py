"""The moments of a backtest: matured, apart, and each with enough as_ofs to learn from."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Tables
from undertow.training.backtest.moments import LEAST_LEARNED, choose_moments

SINCE = datetime(2022, 1, 1)


def tables(until: datetime) -> Tables:
    return Tables(Path(), "", SINCE, until, ())


SETTINGS = Settings.model_validate({"name": "p", "folder": Path()})


def test_four_moments_cover_most_of_a_year_and_the_newest_is_the_newest_matured() -> None:
    chosen = choose_moments(SETTINGS, tables(datetime(2025, 1, 1)), 4)
    assert [dates.test[0] for dates in chosen] == [datetime(2023, 12, 1), *(datetime(2024, m, 1) for m in (3, 6, 9))]


def test_each_learns_only_from_what_was_known_before_it() -> None:
    for dates in choose_moments(SETTINGS, tables(datetime(2025, 1, 1)), 4):
        [moment] = dates.test
        assert dates.train_known_at == moment - timedelta(days=SETTINGS.training.gap_days)
        assert max(dates.train) + timedelta(days=30) <= dates.train_known_at
        assert len(dates.train) >= LEAST_LEARNED


def test_a_short_record_has_moments_closer_together() -> None:
    chosen = choose_moments(SETTINGS, tables(datetime(2023, 6, 1)), 4)
    days = [dates.test[0] for dates in chosen]
    assert len(days) == 4 and max(later - earlier for earlier, later in pairwise(days)).days <= 31


def test_too_short_a_record_is_refused_with_what_is_missing() -> None:
    with pytest.raises(ModelRefusal, match=r"at least 2 moments.*the rows from 2022-01-01 to 2022-12-01 hold \d"):
        choose_moments(SETTINGS, tables(datetime(2022, 12, 1)), 4)
