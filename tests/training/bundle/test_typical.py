"""Typical values: medians of the training snapshots by segment."""

from __future__ import annotations

import pyarrow as pa

from tests.training.bundle.by_hand import bundle_by_hand
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.typical import FEW_IN_SEGMENT, typical_values


def test_typical_values_are_those_of_the_segment_or_of_all(bundle: Bundle) -> None:
    segment = next(name for name in bundle.typical if name)
    assert bundle.typical_value("mrr", segment) == bundle.typical[segment]["mrr"]
    assert bundle.typical_value("mrr", "martian") == bundle.typical[""]["mrr"]
    assert bundle.typical_value("mrr", None) == bundle.typical[""]["mrr"]
    assert bundle.typical_value("no such column", None) is None


def test_a_typical_value_is_the_median_of_what_is_known_and_small_segments_have_none() -> None:
    rows = pa.table({
        "segment": ["business"] * FEW_IN_SEGMENT + ["startup"] * (FEW_IN_SEGMENT - 1),
        "mrr": [1.0, 2.0, 1000.0, None] + [2.0] * (FEW_IN_SEGMENT - 4) + [5.0] * (FEW_IN_SEGMENT - 1),
        "tickets_open": pa.nulls(2 * FEW_IN_SEGMENT - 1, pa.float64()),
    })  # fmt: skip
    columns = tuple(column for column in bundle_by_hand().columns if column.name in rows.column_names)
    assert typical_values(rows, columns) == {"": {"mrr": 5.0}, "business": {"mrr": 2.0}}
