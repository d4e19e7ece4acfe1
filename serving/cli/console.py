"""How the command line says things: tables, progress, and numbers as people read them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from undertow.features.errors import did_you_mean
from undertow.features.tables import EVENT_KINDS, TABLES
from undertow.serving.published.spreadsheet import spreadsheet_text
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS, SAID, Result
from undertow.training.leakage.auroc import Area, bands_of

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.features.build import FeatureTable
    from undertow.features.replay.replay import Comparison
    from undertow.features.simulator import Summary
    from undertow.features.sources.loaded import Progress as Tell
    from undertow.features.sources.loaded import Tables
    from undertow.serving.jobs.bulk import BulkReport
    from undertow.serving.jobs.score import ScoreReport
    from undertow.training.business_metrics.metrics import Metric, Unit
    from undertow.training.business_metrics.monthly import Business, Number
    from undertow.training.evaluation.report import TrainReport
    from undertow.training.leakage.audit import AuditReport

MOST_COLUMNS = 10  # of those that differ, shown of a comparison
ROOM = 124  # characters in which every metric fits; assumed where nobody looks at a terminal
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else ROOM)
err = Console(stderr=True)


@contextmanager
def progress() -> Iterator[Tell]:
    """Yield tell(what, share done 0..1), shown as a bar with the time left, on standard error."""
    columns = (
        TextColumn("  {task.description:<10}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=err, transient=not err.is_terminal) as bars:

        def tell(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield tell


def print_json(content: object) -> None:
    """Print plain JSON to standard output."""
    out.print_json(json.dumps(content, allow_nan=False, default=str))


def print_check(tables: Tables) -> None:
    """Print rows read and kept a table, each reason of the quarantine, and the project's own checks."""
    overview = _table("Table", "Rows read", "Kept", "Refused", "Repeated", right=(1, 2, 3, 4))
    for report in tables.reports:
        repeated = report.read - report.kept - report.refused
        overview.add_row(report.table, f"{report.read:,}", f"{report.kept:,}",
                         f"{report.refused:,} ({report.refused_share:.1%})", f"{repeated:,}")  # fmt: skip
    show(overview)
    reasons = _table("Table", "Why rows were not kept", "Rows", "Example", right=(2,))
    for report in tables.reports:
        for reason in report.reasons:
            reasons.add_row(report.table, reason.reason, f"{reason.rows:,}", escape(_short(reason.example)))
    if reasons.row_count:
        show(reasons)
    if tables.findings:
        findings = _table("Your checks", "Rows", "Of", "Example", right=(1, 2))
        for found in tables.findings:
            of = f"{found.of:,}" if found.of else "-"
            findings.add_row(found.check.replace("_", " "), f"{found.rows:,}", of, escape(_short(found.example)))
        show(findings)
    for kind, count in tables.unknown_kinds.items():
        hint = did_you_mean(kind, EVENT_KINDS)
        out.print(f"! {count:,} events of the kind '{kind}' are kept, but no feature knows it.{hint}", markup=False,
                  soft_wrap=True)  # fmt: skip
    for name in tables.unused:
        out.print(f"! [files] {name} is read by no SELECT.{did_you_mean(name, TABLES)}", markup=False, soft_wrap=True)
    out.print(f"Recorded from {tables.since:%Y-%m-%d} until {tables.until:%Y-%m-%d}.")
    out.print(f"Quarantined rows lie in {tables.folder / 'quarantine'}.", soft_wrap=True)


def print_simulated(summary: Summary, folder: Path, truth: Path | None) -> None:
    """Print what a simulated world holds, where it lies and how to go on."""
    table = _table("Table", "Rows", right=(1,))
    for name, rows in summary.rows.items():
        table.add_row(name, f"{rows:,}")
    show(table)
    out.print(
        f"World {summary.world}, seed {summary.seed}: {summary.accounts:,} accounts over {summary.days} days, "
        f"in {folder}.",
        soft_wrap=True,
    )
    if truth is not None:
        out.print(f"What is true of it lies in {truth}; nothing that learns may read it.", soft_wrap=True)
    out.print(f"Next: undertow init --connector demo --data {folder} --project my-world", soft_wrap=True)


def print_features(built: FeatureTable) -> None:
    """Print what was built, and what could not be for want of a table."""
    rows = built.read()
    out.print(
        f"{rows.num_rows:,} snapshots of {len(set(rows['account_id'].to_pylist())):,} accounts at "
        f"{len(built.as_ofs)} moments, {built.as_ofs[0]:%Y-%m-%d} to {built.as_ofs[-1]:%Y-%m-%d}; "
        f"{len(built.catalogue.features)} features in {len(built.catalogue.columns)} columns.",
        soft_wrap=True,
    )
    _print_dropped(built)
    out.print(f"They lie in {built.folder}.", soft_wrap=True)


def _print_dropped(built: FeatureTable) -> None:
    lacking: dict[str, list[str]] = {}
    for name, table in built.catalogue.dropped.items():
        lacking.setdefault(table, []).append(name)
    for table, names in lacking.items():
        out.print(f"No {table} table, so left out: {', '.join(names)}.", soft_wrap=True)


def print_metrics(found: Business) -> None:
    """Print the business numbers: a row a metric (and group), a column a month, n below every number."""
    months = found.months[-max(1, (out.width - 34 - 14 * (found.by is not None)) // 14) :]
    by = (found.by.capitalize(),) if found.by else ()
    names = [f"{month.starts:%Y-%m}" for month in months]
    table = _table("Metric", *by, *names, right=range(1 + len(by), 1 + len(by) + len(months)))
    table.columns[0].max_width = 32
    for card in found.cards:
        for group in found.groups:
            named = f"{card.name}\n[dim]{escape(_sentence(card, found))}[/dim]" if group == found.groups[0] else ""
            cells = [_number(number, card.unit) for number in found.line(card.name, group)[-len(months) :]]
            table.add_row(named, *((escape(group),) if by else ()), *cells)
    show(table)
    if len(months) < len(found.months):
        shown = f"The newest {len(months)} of {len(found.months)} months are shown"
        out.print(f"{shown}; --format csv and --plot have all.", soft_wrap=True)
    _print_metrics_notes(found)


def print_metrics_plot(found: Business, path: Path) -> None:
    """Print where the picture lies, and what a reader must know."""
    _print_metrics_notes(found)
    out.print(f"Drawn in {path}.", soft_wrap=True)


def metrics_csv(found: Business) -> str:
    """Return the numbers as CSV text, a row a metric, month and group; safe in a spreadsheet."""
    text = io.StringIO()
    columns = ("metric", "month", "group", "value", "low", "high", "n", "accounts", "status")
    writer = csv.DictWriter(text, (*columns, "unit"))
    writer.writeheader()
    units = {card.name: card.unit for card in found.cards}
    for number in found.numbers:
        group = spreadsheet_text(number.group)
        writer.writerow(number.as_json() | {"group": group, "unit": units[number.metric]})
    return text.getvalue()


def _print_metrics_notes(found: Business) -> None:
    lacking: dict[str, list[str]] = {}
    for name, why in found.left_out.items():
        lacking.setdefault(why, []).append(name)
    for why, names in lacking.items():
        out.print(f"Left out: {', '.join(names)} ({why}).", markup=False, soft_wrap=True)
    for note in found.notes:
        out.print(f"! {note}", markup=False, soft_wrap=True)


def _sentence(card: Metric, found: Business) -> str:
    unit = found.currency if card.unit == "money" else card.unit
    return card.sentence if unit in ("share", "points", "score", "per visit") else f"{card.sentence}, {unit}"


def _number(number: Number, unit: Unit) -> str:
    """A number in up to three lines: the value, its 95 % interval, n; or why it is not shown."""
    if number.value is None:
        first, _, last = number.status.rpartition(" ")
        return f"[dim]{first}\n{last},\nn {number.n:,}[/dim]"
    lines = [_in_unit(number.value, unit) + (" ~" if number.status == "wide" else "")]
    if number.low is not None and number.high is not None:
        lines.append(f"[dim]{_in_unit(number.low, unit).rstrip('%')}..{_in_unit(number.high, unit)}[/dim]")
    return "\n".join([*lines, f"[dim]n {number.n:,}[/dim]"])


def _in_unit(value: float, unit: Unit) -> str:
    match unit:
        case "share":
            return f"{value:.1%}"
        case "money" | "ms":
            return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.2f}"
        case "points":
            return f"{round(value):+d}" if round(value) else "0"
        case "hours" | "days":
            return f"{value:,.1f}"
        case "score" | "per visit":
            return f"{value:.2f}"


def print_training(report: TrainReport) -> None:
    """Print the results beside their baselines, with intervals, and the verdict."""
    dates, learned = report.dates, report.learned
    out.print(
        f"Learned from {learned['train_snapshots']:,} snapshots ({dates.train[0]:%Y-%m-%d} to "
        f"{dates.train[-1]:%Y-%m-%d}) of {learned['train_accounts']:,} accounts, of which "
        f"{learned['train_churners']:,} left; judged at {', '.join(f'{day:%Y-%m-%d}' for day in dates.test)}.",
        soft_wrap=True,
    )
    show(results_table(report.results))
    if report.by_segment:
        show(segments_table(report.by_segment))
    for note in report.notes:
        out.print(f"! {note}", soft_wrap=True)
    out.print(f"{report.verdict.said} Registered as version {report.number}, run {report.run_id}.", soft_wrap=True)


def results_table(results: Sequence[Result]) -> Table:
    """Return the table of results: a block a horizon, a line a model; all metrics where there is room."""
    metrics = _metrics_that_fit()
    table = _table("Days", "Model", *(SAID[name] for name in metrics), "Left / judged", right=range(2, 9))
    for position, result in enumerate(results):
        first = position == 0 or results[position - 1].horizon != result.horizon
        last = position + 1 == len(results) or results[position + 1].horizon != result.horizon
        table.add_row(
            str(result.horizon) if first else "",
            result.model,
            *(_estimate(result.metrics[name]) for name in metrics),
            f"{result.churners:,} / {result.rows:,}" if first else "",
            end_section=last,
        )
    return table


def segments_table(by_segment: dict[str, Result]) -> Table:
    """Return the model's results inside each segment that has churners enough."""
    metrics = _metrics_that_fit()
    table = _table("Segment", "Days", *(SAID[name] for name in metrics), "Left / judged", right=range(1, 9))
    for name, result in by_segment.items():
        numbers = [_estimate(result.metrics[metric]) for metric in metrics]
        table.add_row(escape(name), str(result.horizon), *numbers, f"{result.churners:,} / {result.rows:,}")
    return table


def print_bulk(report: BulkReport) -> None:
    """Say how many probabilities were written where."""
    folder = report.folder / f"as_of={report.as_of:%Y-%m-%d}"
    out.print(f"Wrote the probabilities of {report.accounts:,} accounts by {report.model_version} to {folder}.",
              soft_wrap=True)  # fmt: skip


def print_score(report: ScoreReport, currency: str) -> None:
    """Print what was published."""
    out.print(
        f"{report.accounts:,} accounts scored as of {report.as_of:%Y-%m-%d} by {report.model_version}; "
        f"{report.value_at_risk:,.0f} {currency} at risk over 12 months.",
        soft_wrap=True,
    )
    for note in report.notes:
        out.print(f"! {note}", soft_wrap=True)
    out.print(f"Published in {report.folder}.", soft_wrap=True)


def print_at_risk(rows: pa.Table, manifest: dict[str, Any], total: int) -> None:
    """Print the list, by value at risk: a line of numbers an account, and its reasons below."""
    headline, currency = manifest["headline"], manifest["currency"]
    names = [_name(row) for row in rows.to_pylist()]
    wide = min(max([len(name) for name in names] + [len("Account")]), 40)
    leaves = f"Leaves in {headline} d"
    out.print(f"[bold]{'Account':<{wide}}{'MRR ' + currency:>12}{leaves:>17}{'At risk':>11}  Renews[/]")
    for name, row in zip(names, rows.to_pylist(), strict=True):
        renews = f"{row['renews_at']:%Y-%m-%d}" if row["renews_at"] else "-"
        numbers = f"{row['mrr']:>12,.0f}{row[f'p_{headline}']:>17.0%}{row['value_at_risk']:>11,.0f}  {renews}"
        out.print(f"[bold]{escape(f'{name[:wide]:<{wide}}')}[/]{numbers}", highlight=False)
        beside = (row["account_id"], row["owner"], row["segment"], f"the likelier cause is {row['cause']}")
        _below(" · ".join(text for text in beside if text), "dim")
        for reason in row["reasons"]:
            _below(_reason(reason))
    out.print()
    out.print(f"{rows.num_rows} of {total:,} accounts, as of {manifest['as_of']}, ranked by {currency} at risk over "
              f"{manifest['value_months']} months ({manifest['model_version']}).", soft_wrap=True)  # fmt: skip


def _name(row: dict[str, Any]) -> str:
    return str(row["name"] or row["account_id"])


def _below(text: str, style: str = "") -> None:
    out.print(Padding(Text(text, style=style), (0, 0, 0, 2)))


def print_drivers(found: dict[str, Any]) -> None:
    """Print the drivers over all accounts, then by segment, with their grade."""
    table = _table("Family", "Moves a score by", "Pushes up or down", "First for", "Mostly through", right=(1, 2, 3))
    for family in found["families"]:
        first = family["share_of_accounts_first"]
        through = "; ".join(feature["sentence"] for feature in family["top_features"][:2])
        table.add_row(
            family["family"],
            _points(family["mean_absolute_contribution"], signed=False),
            _points(family["mean_contribution"]),
            "-" if first is None else f"{first:.0%}",
            escape(through),
        )
    show(table)
    families = [family["family"] for family in found["families"]]
    segments = _table("Segment", "Accounts", "Leaves", *families, right=range(1, 3 + len(families)))
    for segment in found["segments"]:
        shares = {share["family"]: _points(share["mean_contribution"]) for share in segment["families"]}
        told = [shares[family] for family in families] if shares else ["too few"] + [""] * (len(families) - 1)
        leaves = f"{segment['mean_probability']:.1%}"
        segments.add_row(escape(segment["segment"]), f"{segment['accounts']:,}", leaves, *told)
    show(segments)
    out.print(f"Points are percentage points of the chance of leaving in {found['horizon']} days, as of "
              f"{found['as_of']}. {found['note']}", soft_wrap=True)  # fmt: skip


def print_audit(report: AuditReport) -> None:
    """Print what was compared, how well single columns tell who leaves, and every finding, failures first."""
    for comparison in report.comparisons:
        _print_comparison(comparison)
    if report.tellings:
        show(_tellings_table(report))
    if report.model and report.model.gains:
        told = ", ".join(f"{name} {share:.0%}" for name, share in report.model.gains[:3])
        out.print(f"Split gain of {report.model.model}: {told}.\n", soft_wrap=True, markup=False)
    for found in report.findings:
        level = (f"{found.level:<9}", _LEVEL_STYLE[found.level])
        out.print(Text.assemble(level, (found.culprit, "bold"), f": {found.said}"), soft_wrap=True)
    if not report.failures:
        out.print("Clean: nothing that was looked at knows the future.", soft_wrap=True)


_LEVEL_STYLE = {"failure": "bold red", "warning": "yellow", "note": "dim"}


def _print_comparison(comparison: Comparison) -> None:
    moments = ", ".join(f"{as_of:%Y-%m-%d}" for as_of in comparison.as_ofs[:3])
    if len(comparison.as_ofs) > 3:
        moments = f"{len(comparison.as_ofs)} from {comparison.as_ofs[0]:%Y-%m-%d} to {comparison.as_ofs[-1]:%Y-%m-%d}"
    differ = len(comparison.differing)
    strangers = len(comparison.lost) + len(comparison.gained)
    verdict = f"{differ} columns and {strangers} rows at risk differ." if differ or strangers else "all equal."
    out.print(
        f"Snapshots of {moments} built from {comparison.record}: {comparison.rows:,} rows of "
        f"{len(comparison.columns)} columns compared with those built from everything; {verdict}",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    if differ:
        table = _table("Column", "Rows", "Differ", "Such as", "At", "Then", "Now", right=(1, 2, 5, 6))
        for column in comparison.differing[:MOST_COLUMNS]:
            table.add_row(column.column, f"{column.rows:,}", f"{column.differ:,}", escape(str(column.account)),
                          f"{column.as_of:%Y-%m-%d}", _audited(column.then), _audited(column.now))  # fmt: skip
        show(table)
        if differ > MOST_COLUMNS:
            out.print(f"... and {differ - MOST_COLUMNS} more; --json has them all.\n")


def _tellings_table(report: AuditReport) -> Table:
    """Return the columns that tell best who leaves, alone, and the model, by days to churn."""
    bands = [f"in {start}-{end} d" for start, end in bands_of(report.headline)]
    table = _table("AUROC of one column alone", f"Leave within {report.headline} d", *bands, right=range(1, 5))
    for telling in report.tellings[:3]:
        name = telling.column if telling.view != "filled" else f"{telling.column} is filled"
        table.add_row(name, *(_area(area) for area in (telling.headline, *telling.bands)))
    if report.model and report.model.headline:
        table.add_row(report.model.model, *(_area(area) for area in (report.model.headline, *report.model.bands)))
    return table


def _area(area: Area | None) -> str:
    return "too few" if area is None else f"{area.value:.2f}\n[dim]{area.low:.2f}..{area.high:.2f}[/dim]"


def _audited(value: object) -> str:
    return "null" if value is None else f"{value:.6g}" if isinstance(value, float) else escape(_short(str(value), 30))


def _reason(reason: dict[str, Any]) -> str:
    """A reason in one line: its family and the first fact behind it; the page and the CSV tell all."""
    return f"{reason['family']}: {reason['evidence'][0]['said']}"


def _points(share: float, signed: bool = True) -> str:
    return f"{100 * share:+.1f} pt" if signed else f"{100 * share:.1f} pt"


def _estimate(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.3f}\n[dim]{estimate.low:.2f}..{estimate.high:.2f}[/dim]"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _metrics_that_fit() -> tuple[str, ...]:
    return METRICS if out.width >= ROOM - 8 else ("auroc", "log_loss", "calibration")


def _table(*headers: str, right: Sequence[int] = ()) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_lines=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in right else "left", overflow="fold")
    return table


def show(table: Table) -> None:
    """Print a table and a blank line."""
    out.print(table)
    out.print()
