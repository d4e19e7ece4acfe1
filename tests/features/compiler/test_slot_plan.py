"""Which slot scans share a timeline."""

from __future__ import annotations

from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.slot_plan import slot_scan, timelines

EVENTS = rows_of("events").count()


def test_scans_of_one_reach_share_a_line_that_has_all_their_edges() -> None:
    pages = rows_of("events").where(kind="page_view")
    leaves = [Leaf(EVENTS, 7, 0), Leaf(EVENTS, 30, 30), Leaf(pages.quantile("duration_ms", 0.5), 90, 0)]
    leaves += [Leaf(EVENTS, 180, 0), Leaf(pages.days_since_last(), 365, 0)]
    scans = {scan: {leaf: "x"} for leaf in leaves if (scan := slot_scan(leaf))}
    scans[slot_scan(leaves[0])] = {leaves[0]: "x", leaves[1]: "y"}
    lines = timelines(scans, 2)
    assert {name: line.offsets for name, line in lines.items()} == {
        "90": (0, 7, 30, 60, 90), "365": (0, 180), "whole": (0, 365),
    }  # fmt: skip
    assert {line.as_of_count for line in lines.values()} == {2}
