"""Typical values: medians of the training snapshots by segment."""

from __future__ import annotations

from undertow.training.bundle.bundle import Bundle


def test_typical_values_are_those_of_the_segment_or_of_all(bundle: Bundle) -> None:
    segment = next(name for name in bundle.typical if name)
    assert bundle.typical_value("mrr", segment) == bundle.typical[segment]["mrr"]
    assert bundle.typical_value("mrr", "martian") == bundle.typical[""]["mrr"]
    assert bundle.typical_value("mrr", None) == bundle.typical[""]["mrr"]
    assert bundle.typical_value("no such column", None) is None
