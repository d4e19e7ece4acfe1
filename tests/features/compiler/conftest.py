"""One measure computed over rows of one account, by both plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.features.compiler.measures import AS_OF, Row, Value
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Measure, Ratio, measures


@pytest.fixture
def value(features_of: Callable[..., dict[str, dict[str, object]]]) -> Value:
    """Return a function that computes a measure over rows of account "a" at AS_OF.

    `card`: windows, trend, change or lookback; the last column of the card is returned.
    """

    def compute(measure: Measure | Ratio, rows: Sequence[Row], unit: str = "count", **card: object) -> object:
        feature = Feature("x", "X", "ux", "interaction", unit, measure, **card)  # type: ignore[arg-type]
        table = measures(measure)[0].rows.table
        mine = [{"account_id": "a", **row} for row in rows]
        column = feature.columns[-1]
        return features_of([column], {table: mine}, AS_OF)["a"][column.name]

    return compute
