"""The report of the loaded tables: rows read, kept and quarantined."""

from __future__ import annotations

from tests.features.sources.files_by_hand import ACCOUNTS, NOW, Project
from tests.features.sources.rows_by_hand import GOOD
from undertow.features.sources.contract import REPEATED
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables


def test_repeats_are_counted_but_are_not_dirt(project: Project) -> None:
    files = {"accounts.csv": ACCOUNTS, "tickets.csv": [GOOD["tickets"]] * 4}
    tables: Tables = load_tables(project(files, "[data]\nmax_quarantine_share = 0"), NOW)
    report = tables.report("tickets")
    assert (report.read, report.kept, report.refused, report.refused_share) == (4, 1, 0, 0.0)
    assert [(found.reason, found.rows) for found in report.reasons] == [(REPEATED, 3)]
