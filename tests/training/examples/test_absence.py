"""Labels where nobody cancels: no activity in the whole of a window, which must have been observed to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.tables_by_hand import Row, write_tables
from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.choose import Catalogue
from undertow.features.engines.database import open_database
from undertow.features.settings import make_settings
from undertow.features.snapshots.activity import activity_of
from undertow.features.snapshots.population import open_tables, take_population
from undertow.training.examples.outcomes import INVOLUNTARY, VOLUNTARY, Outcomes, observe_outcomes

AS_OF = datetime(2024, 3, 1)
ENDS = (30, 60, 90, 180)


def bought(account: str, *days: float, **more: object) -> list[Row]:
    """Return purchases so many days after AS_OF."""
    usual = {"account_id": account, "succeeded": True, "kind": "attempt"}
    return [{**usual, "attempted_at": AS_OF + timedelta(days=day), **more} for day in days]


@pytest.fixture
def seen(tmp_path: Path) -> Callable[..., dict[str, Outcomes]]:
    def observe(payments: Sequence[Row], days: int = 120) -> dict[str, Outcomes]:
        """Return the outcomes of each account, known so many days after AS_OF."""
        settings = make_settings(tmp_path, {"churn": {"kind": "inactivity"}, "engine": {"threads": 1}})
        tables = write_tables(tmp_path, {"payments": payments}, datetime(2023, 1, 1), datetime(2025, 1, 1))
        activity = activity_of(settings, tables.present)
        features = FeatureTable(tmp_path / "features", Catalogue((), {}), (AS_OF,))
        with open_database(settings) as database:
            open_tables(database, tables)
            take_population(database, [AS_OF], activity)
            database.write("FROM snapshots", tmp_path / "features", "population")
        with open_database(settings) as database:
            known_at = AS_OF + timedelta(days=days)
            found = observe_outcomes(database, settings.churn, tables, features, [AS_OF], known_at, activity)
        names = features.read()["account_id"].to_pylist()
        return {name: found.take(np.array([number])) for number, name in enumerate(names)}

    return observe


def left(outcomes: Outcomes, cause: str | None = None) -> list[bool]:
    return [bool(outcomes.churned(horizon, cause)[0]) for horizon in ENDS]


def test_an_account_has_left_while_it_is_not_seen_again(seen: Callable[..., dict[str, Outcomes]]) -> None:
    found = seen([*bought("stays", -5, 10), *bought("back on day 60", -5, 60), *bought("gone", -89)])
    assert left(found["stays"]) == [False, False, False, False]
    assert left(found["back on day 60"]) == [True, True, False, False]  # [as_of, as_of + 60) is without it
    assert left(found["gone"]) == [True, True, True, False]  # 180 days were not observed: no label
    assert [bool(found["gone"].matured(horizon)[0]) for horizon in ENDS] == [True, True, True, False]
    assert left(found["gone"], INVOLUNTARY) == [False] * 4
    assert left(found["gone"], VOLUNTARY) == left(found["gone"])


def test_a_period_is_entered_while_away_and_ends_with_the_return(seen: Callable[..., dict[str, Outcomes]]) -> None:
    found = seen([*bought("back on day 40", -5, 40), *bought("gone", -5)])
    assert found["back on day 40"].entered(ENDS)[0].tolist() == [True, True, False, False]
    assert found["back on day 40"].churned_in(ENDS, VOLUNTARY)[0].tolist() == [True, False, False, False]
    assert found["gone"].entered(ENDS)[0].tolist() == [True, True, True, False]  # the last one was not observed whole
    assert found["gone"].churned_in(ENDS, VOLUNTARY)[0].tolist() == [True, True, True, False]
    assert not found["gone"].churned_in(ENDS, INVOLUNTARY).any()


def test_what_was_recorded_later_is_not_known_yet(seen: Callable[..., dict[str, Outcomes]]) -> None:
    late = AS_OF + timedelta(days=120)
    rows = [*bought("late", -5), *bought("late", 20, recorded_at=late), *bought("in time", -5, 20)]
    found = seen(rows)
    assert left(found["late"]) == [True, True, True, False]
    assert left(found["in time"]) == [False] * 4
    assert found["in time"].active_days is not None and found["in time"].active_days[0] == 20


def test_churners_are_those_away_for_the_days_of_the_definition(seen: Callable[..., dict[str, Outcomes]]) -> None:
    found = seen([*bought("back on day 95", -5, 95), *bought("back on day 85", -5, 85)])
    assert found["back on day 95"].churn_days[0] == 0
    assert np.isnan(found["back on day 85"].churn_days[0])
