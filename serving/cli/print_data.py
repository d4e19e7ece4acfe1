"""Printed reports of `undertow check`, `features` and `simulate`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from undertow.features.errors import did_you_mean
from undertow.features.tables import EVENT_KINDS, PRIORITIES, SURVEY_KINDS, TABLES, VITALS
from undertow.serving.cli.console import new_table, out, show
from undertow.serving.formatting import month_names, short, sparkline

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.features.build.feature_table import FeatureTable
    from undertow.features.simulator import Summary
    from undertow.features.sources.loaded import Tables

SPARKLINE_MONTHS = 24
WORDS = {
    "events.kind": EVENT_KINDS,
    "events.name": VITALS,
    "surveys.kind": SURVEY_KINDS,
    "tickets.priority": PRIORITIES,
}


def print_check(tables: Tables, own_kinds: Sequence[str] = ()) -> None:
    """Print rows read and kept per table, each quarantine reason, and the project's own checks.

    `own_kinds`: the project's own kinds of events.
    """
    overview = new_table("Table", "Rows read", "Kept", "Refused", "Repeated", right=(1, 2, 3, 4))
    for report in tables.reports:
        repeated = report.read - report.kept - report.refused
        overview.add_row(report.table, f"{report.read:,}", f"{report.kept:,}",
                         f"{report.refused:,} ({report.refused_share:.1%})", f"{repeated:,}")  # fmt: skip
    show(overview)
    reasons = new_table("Table", "Why rows were not kept", "Rows", "Example", right=(2,))
    for report in tables.reports:
        for reason in report.reasons:
            reasons.add_row(report.table, reason.reason, f"{reason.rows:,}", escape(short(reason.example, 90)))
    if reasons.row_count:
        show(reasons)
    if tables.findings:
        findings = new_table("Your checks", "Rows", "Of", "Example", right=(1, 2))
        for result in tables.findings:
            of = f"{result.of:,}" if result.of else "-"
            findings.add_row(result.check.replace("_", " "), f"{result.rows:,}", of, escape(short(result.example, 90)))
        show(findings)
    for column, word, count in tables.unknown_words:
        own = own_kinds if column == "events.kind" else ()
        hint = did_you_mean(word, (*WORDS.get(column, ()), *own))
        _say(f"! {count:,} rows with the word '{word}' in {column} are kept, but no feature uses it.{hint}")
    for name in tables.unused:
        _say(f"! [files] {name} is read by no SELECT.{did_you_mean(name, TABLES)}")
    _print_spans(tables)
    for text in tables.notes:
        _say(f"- {text}")
    for text in tables.warnings:
        _say(f"! {text}")
    out.print(f"Recorded from {tables.since:%Y-%m-%d} until {tables.until:%Y-%m-%d}; amounts in {tables.currency}.")
    out.print(f"Quarantined rows are in {tables.folder / 'quarantine'}.", soft_wrap=True)


def _print_spans(tables: Tables) -> None:
    """Print the first and last day of each table, and its rows per month as a sparkline of the newest months."""
    if not tables.spans:
        return
    newest = month_names(max(max(span.months) for span in tables.spans.values()), SPARKLINE_MONTHS)
    table = new_table("Table", "First day", "Last day", f"Rows per month, {newest[0]} to {newest[-1]}")
    for name, span in tables.spans.items():
        line = sparkline([span.months.get(month, 0) for month in newest])
        table.add_row(name, f"{span.first:%Y-%m-%d}", f"{span.last:%Y-%m-%d}", line)
    show(table)


def _say(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)


def print_simulated(summary: Summary, folder: Path, truth: Path | None) -> None:
    """Print the row counts of a simulated world, its folder and the next command."""
    table = new_table("Table", "Rows", right=(1,))
    for name, rows in summary.rows.items():
        table.add_row(name, f"{rows:,}")
    show(table)
    out.print(
        f"World {summary.world}, seed {summary.seed}: {summary.accounts:,} accounts over {summary.days} days, "
        f"in {folder}.",
        soft_wrap=True,
    )
    if truth is not None:
        out.print(f"Its ground truth is in {truth}; training must never read it.", soft_wrap=True)
    out.print(f"Next: undertow init --connector demo --data {folder} --project my-world", soft_wrap=True)


def print_features(built: FeatureTable, own: Sequence[str] = ()) -> None:
    """Print the number of snapshots and features built, one's `own`, and those left out for lack of a table."""
    rows = built.snapshots()
    out.print(
        f"{rows.num_rows:,} snapshots of {len(set(rows['account_id'].to_pylist())):,} accounts at "
        f"{len(built.as_ofs)} as_ofs, {built.as_ofs[0]:%Y-%m-%d} to {built.as_ofs[-1]:%Y-%m-%d}; "
        f"{len(built.catalogue.features)} features in {len(built.catalogue.columns)} columns.",
        soft_wrap=True,
    )
    mine = [feature for feature in built.catalogue.features if feature.name in own]
    if mine:
        described = [f"{each.name} ({', '.join(column.name for column in each.columns)})" for each in mine]
        _say(f"Your own: {'; '.join(described)}.")
    _print_dropped(built)
    out.print(f"They are stored in {built.folder}.", soft_wrap=True)


def _print_dropped(built: FeatureTable) -> None:
    lacking: dict[str, list[str]] = {}
    for name, table in built.catalogue.dropped.items():
        lacking.setdefault(table, []).append(name)
    for table, names in lacking.items():
        out.print(f"No {table} table, so left out: {', '.join(names)}.", soft_wrap=True)


def print_files(store: Path, project: Path) -> None:
    """Print where a project keeps its files, and the command that serves it."""
    out.rule("[bold]Files", align="left")
    for what, where in (
        ("Settings", project / "undertow.toml"),
        ("Features", store / "features"),
        ("MLflow", store / "mlflow.db"),
        ("Scores", store / "scores"),
        ("Refused rows", store / "tables"),
    ):
        out.print(f"  {what:<13}{where}", soft_wrap=True)
    program = Path(os.path.relpath(sys.argv[0]))
    out.print(f"\nNext: {program} serve --project {project}", soft_wrap=True)
