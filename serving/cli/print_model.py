"""Printed reports of `undertow train`, `backtest` and `audit`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from undertow.features.sources.loaded import counted
from undertow.serving.cli.console import ROOM, new_table, out, show
from undertow.serving.formatting import short
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS, SAID, Result
from undertow.training.leakage.auroc import Auroc, bands_of

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.features.replay.replay import Comparison, Finding
    from undertow.training.backtest.backtest import BacktestReport
    from undertow.training.evaluation.health_report import HealthReport
    from undertow.training.evaluation.report import TrainReport
    from undertow.training.evaluation.value import ValueResult
    from undertow.training.leakage.audit import AuditReport

MOST_COLUMNS = 10  # of those that differ, shown of a comparison


def print_training(report: TrainReport) -> None:
    """Print held-out results beside the baselines, with confidence intervals, and the verdict of the gate."""
    dates, learned = report.dates, report.learned
    out.print(
        f"Learned from {learned['train_snapshots']:,} snapshots ({dates.train[0]:%Y-%m-%d} to "
        f"{dates.train[-1]:%Y-%m-%d}) of {learned['train_accounts']:,} accounts, of which "
        f"{learned['train_churners']:,} left; held-out test at {', '.join(f'{day:%Y-%m-%d}' for day in dates.test)}.",
        soft_wrap=True,
    )
    show(results_table(report.results))
    if report.by_segment:
        show(segments_table(report.by_segment))
    if report.values:
        show(values_table(report.values))
    if report.health:
        _print_health(report.health)
    for note in report.notes:
        out.print(f"! {note}", soft_wrap=True, markup=False)
    _print_findings([finding for finding in report.findings if finding.severity != "note"])
    out.print(f"{report.verdict.text} Registered as version {report.number}, run {report.run_id}.", soft_wrap=True)


def print_mlflow_command(database: Path) -> None:
    """Print the command that opens MLflow on a project's database."""
    out.print(f"See it with: mlflow ui --backend-store-uri sqlite:///{os.path.relpath(database)}", soft_wrap=True)


def results_table(results: Sequence[Result]) -> Table:
    """Return the table of results: one block per horizon, one line per model; all metrics where the width allows."""
    metrics = _metrics_that_fit()
    table = new_table("Days", "Model", *(SAID[name] for name in metrics), "Left / judged", right=range(2, 9))
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
    """Return the results of the model inside each segment with enough churners."""
    metrics = _metrics_that_fit()
    table = new_table("Segment", "Days", *(SAID[name] for name in metrics), "Left / judged", right=range(1, 9))
    for name, result in by_segment.items():
        numbers = [_estimate(result.metrics[metric]) for metric in metrics]
        table.add_row(escape(name), str(result.horizon), *numbers, f"{result.churners:,} / {result.rows:,}")
    return table


def values_table(values: Sequence[ValueResult]) -> Table:
    """Return the table of value forecasts beside two rules, for accounts that the model did not learn from."""
    table = new_table(
        "Months", "Value", "Forecast / realised", "Lowest and highest tenth", "Error",
        "Inside the 80 % interval", "Judged", right=range(2, 7),
    )  # fmt: skip
    for result in values:
        covered = "-"
        if result.coverage is not None:
            by_tenth = (*result.coverage_by_value, *result.coverage_by_risk)
            covered = f"{result.coverage:.0%} ({min(by_tenth):.0%} to {max(by_tenth):.0%} per tenth)"
        table.add_row(
            str(result.months),
            result.model,
            _estimate(result.total),
            f"{result.tenths[0]:.2f} and {result.tenths[-1]:.2f}",
            f"{result.error:.1%}",
            covered,
            f"{result.snapshots:,} of {counted(result.accounts, 'account')}",
        )
    return table


def print_backtest(report: BacktestReport, written: Path) -> None:
    """Print the results pooled and per moment, by segment, of value, and what the first of the list held."""
    _print_backtest_results(report)
    if report.by_segment:
        show(segments_table(report.by_segment))
    _print_found(report)
    if report.values:
        show(values_table(report.values))
    if report.health:
        _print_health(report.health, report.currency)
        _print_mistakes(report.health, report.currency)
    for note in (*report.notes, *(f"No model at {each}" for each in report.skipped)):
        out.print(f"! {note}", soft_wrap=True, markup=False)
    out.print(f"With charts, and every baseline at every moment: {written}", soft_wrap=True)


def _print_backtest_results(report: BacktestReport) -> None:
    """Print every model over all moments, then ours at each."""
    metrics = _metrics_that_fit()
    table = new_table("As of", "Model", *(SAID[name] for name in metrics), "Left / judged", right=range(2, 9))
    for number, result in enumerate(report.pooled):
        last = number + 1 == len(report.pooled)
        table.add_row(
            f"{len(report.moments)} moments" if number == 0 else "",
            result.model,
            *(_estimate(result.metrics[name]) for name in metrics),
            f"{result.churners:,} / {result.rows:,}" if number == 0 else "",
            end_section=last,
        )
    for moment in report.moments:
        result = moment.results[0]
        numbers = (_estimate(result.metrics[name]) for name in metrics)
        judged = f"{result.churners:,} / {result.rows:,}"
        table.add_row(f"{moment.as_of:%Y-%m-%d}", result.model, *numbers, judged)
    show(table)


def _print_found(report: BacktestReport) -> None:
    shares = sorted({each.share for each in report.found})
    table = new_table(
        "Contacted first by", *(f"{share:.0%}" for share in shares), f"Best profit per account, {report.currency}",
        right=range(1, len(shares) + 2),
    )  # fmt: skip
    for order, profit in report.profit.items():
        lost = [each.lost.value for each in report.found if each.order == order]
        table.add_row(escape(order), *(f"{value:.0%}" for value in lost), f"{profit:,.2f}")
    paid = report.judged.paid
    out.print(f"Share of the {paid} that left within {report.headline} days, among the first accounts of each order:")
    show(table)


def _print_health(health: HealthReport, currency: str = "") -> None:
    """Print how often the health score was wrong, and how it compares with the model where not all have one."""
    if health.on_scored:
        out.print(f"The same at {health.horizon} days on the snapshots with a health score alone:")
        show(results_table(health.on_scored))
    missed, alarms = health.misses, health.false_alarms
    out.print(
        f"Missed by the health score: {counted(missed.snapshots, 'healthy snapshot')} ({health.healthy}) of "
        f"{counted(missed.accounts, 'account')} left within {health.horizon} days: {_share(missed.share)} of the "
        f"{missed.of:,} that left, {_share(missed.rate)} of the {missed.among:,} healthy; MRR {missed.mrr:,.0f}"
        f"{' ' * bool(currency)}{currency}, {_percent(missed.mrr_share)} of what left.",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    out.print(
        f"Its false alarms: {counted(alarms.snapshots, 'snapshot')} in alarm ({health.alarm}) of "
        f"{counted(alarms.accounts, 'account')} stayed: {_share(alarms.share)} of the {alarms.of:,} in alarm, "
        f"{_share(alarms.rate)} of the {alarms.among:,} that stayed; MRR {alarms.mrr:,.0f}"
        f"{' ' * bool(currency)}{currency}, {_percent(alarms.mrr_share)} of that in alarm.\n",
        soft_wrap=True, markup=False,
    )  # fmt: skip


def _print_mistakes(health: HealthReport, currency: str) -> None:
    """Print the largest mistakes of the health score, and what the accounts that it missed had in common."""
    for said, mistakes in (("Missed: healthy, and left", health.misses), ("False alarm", health.false_alarms)):
        if mistakes.listed:
            table = new_table(said, "As of", "Score", f"MRR {currency}", "Model then", "First reason", right=(3, 4))
            for each in mistakes.listed:
                table.add_row(escape(each.account_id), each.as_of, escape(each.score), f"{each.mrr:,.0f}",
                              f"{each.probability:.0%}", each.first_reason or "-")  # fmt: skip
            show(table)
    common = health.in_common
    out.print(common.said, soft_wrap=True, markup=False)
    if common.differences:
        table = new_table("What the missed had in common", "Family", "Missed", "Healthy, stayed",
                          "Standardised difference", "Known for", right=range(2, 6))  # fmt: skip
        for found in common.differences:
            values = (f"{value:.0%}" if found.is_share else f"{value:.4g}" for value in (found.gone, found.stayed))
            known = f"{found.known_gone:,} and {found.known_stayed:,}"
            table.add_row(escape(found.feature), found.family, *values, _estimate(found.standardised), known)
        show(table)


def _share(estimate: Estimate) -> str:
    """Return a share with its interval as percentages."""
    if not math.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def _percent(share: float) -> str:
    return f"{share:.0%}" if math.isfinite(share) else "-"


def print_audit(report: AuditReport) -> None:
    """Print the comparisons, how well single columns predict churn, and every finding, failures first."""
    for comparison in report.comparisons:
        _print_comparison(comparison)
    if report.column_signals:
        show(_signals_table(report))
    if report.model and report.model.gains:
        gains = ", ".join(f"{name} {share:.0%}" for name, share in report.model.gains[:3])
        out.print(f"Split gain of {report.model.model}: {gains}.\n", soft_wrap=True, markup=False)
    _print_findings(report.findings)
    out.print(verdict_text(report.findings), soft_wrap=True)


def _print_findings(findings: Iterable[Finding]) -> None:
    """Print each finding of the leakage checks: its severity, its culprit and what was found."""
    for finding in findings:
        severity = (f"{finding.severity:<9}", _SEVERITY_STYLE[finding.severity])
        out.print(Text.assemble(severity, (finding.culprit, "bold"), f": {finding.text}"), soft_wrap=True)


def verdict_text(findings: Sequence[Finding]) -> str:
    """Return the last line of an audit: how many checks failed and how many warn, or that none does."""
    failures = sum(finding.severity == "failure" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    if failures:
        return f"Leakage: {counted(failures, 'finding')} above fail the audit."
    if warnings:
        return f"No check failed; {counted(warnings, 'warning')} above."
    return "No leakage found by the checks that ran."


_SEVERITY_STYLE = {"failure": "bold red", "warning": "yellow", "note": "dim"}


def _print_comparison(comparison: Comparison) -> None:
    dates = ", ".join(f"{as_of:%Y-%m-%d}" for as_of in comparison.as_ofs[:3])
    if len(comparison.as_ofs) > 3:
        dates = f"{len(comparison.as_ofs)} from {comparison.as_ofs[0]:%Y-%m-%d} to {comparison.as_ofs[-1]:%Y-%m-%d}"
    differ = len(comparison.differing)
    strangers = len(comparison.lost) + len(comparison.gained)
    verdict = f"{differ} columns and {strangers} rows at risk differ." if differ or strangers else "all equal."
    out.print(
        f"Snapshots of {dates} built from {comparison.record}: {comparison.rows:,} rows of "
        f"{len(comparison.columns)} columns compared with those built from everything; {verdict}",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    if differ:
        table = new_table("Column", "Rows", "Differ", "Such as", "At", "Then", "Now", right=(1, 2, 5, 6))
        for column in comparison.differing[:MOST_COLUMNS]:
            table.add_row(column.column, f"{column.rows:,}", f"{column.differ:,}", escape(str(column.account)),
                          f"{column.as_of:%Y-%m-%d}", _value(column.then), _value(column.now))  # fmt: skip
        show(table)
        if differ > MOST_COLUMNS:
            out.print(f"... and {differ - MOST_COLUMNS} more; --json has them all.\n")


def _signals_table(report: AuditReport) -> Table:
    """Return the AUROC of the columns that best predict churn alone, and of the model, by days to churn."""
    bands = [f"in {start}-{end} d" for start, end in bands_of(report.headline)]
    table = new_table("AUROC of one column alone", f"Leave within {report.headline} d", *bands, right=range(1, 5))
    for signal in report.column_signals[:3]:
        name = signal.column if signal.view != "filled" else f"{signal.column} is filled"
        table.add_row(name, *(_auroc(auroc) for auroc in (signal.headline, *signal.bands)))
    if report.model and report.model.headline:
        table.add_row(report.model.model, *(_auroc(auroc) for auroc in (report.model.headline, *report.model.bands)))
    return table


def _auroc(auroc: Auroc | None) -> str:
    return "too few" if auroc is None else f"{auroc.value:.2f}\n[dim]{auroc.low:.2f}..{auroc.high:.2f}[/dim]"


def _value(value: object) -> str:
    return "null" if value is None else f"{value:.6g}" if isinstance(value, float) else escape(short(str(value), 30))


def _estimate(estimate: Estimate) -> str:
    """Return a number with its interval below it; "-" where it could not be computed."""
    if not math.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.3f}\n[dim]{estimate.low:.2f}..{estimate.high:.2f}[/dim]"


def _metrics_that_fit() -> tuple[str, ...]:
    """Return the metrics for which the terminal is wide enough."""
    return METRICS if out.width >= ROOM - 8 else ("auroc", "log_loss", "calibration")
