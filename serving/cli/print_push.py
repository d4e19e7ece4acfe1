"""What `undertow push` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from undertow.serving.cli import console

if TYPE_CHECKING:
    from undertow.serving.push.push import PushReport


def print_pushed(reports: Sequence[PushReport], manifest: Mapping[str, Any]) -> None:
    """Print a line of counts per destination, then what each said and refused."""
    what = "Would be pushed" if reports[0].dry_run else "Pushed"
    console.out.print(f"{what}: the list {manifest['run_id']}, as of {manifest['as_of']}\n", markup=False)
    table = console.new_table("Destination", "Kind", "New", "Changed", "Gone", "Unchanged", "Sent", "Failed",
                              right=range(2, 8))  # fmt: skip
    for report in reports:
        counts = (report.new, report.changed, report.gone, report.unchanged, report.sent, report.failed)
        table.add_row(report.destination, report.kind, *(f"{count:,}" for count in counts))
    console.show(table)
    for report in reports:
        for line in _lines(report):
            console.out.print(f"{report.destination}: {line}", soft_wrap=True, markup=False)


def _lines(report: PushReport) -> list[str]:
    lines = list(report.said)
    if report.dry_run and report.error is None:
        before = f"against the push of {report.last_run}" if report.last_run else "nothing was pushed before"
        lines.append(f"nothing is sent: this is a dry run, {before}")
    if report.skipped:
        lines.append(f"{report.skipped:,} accounts without a record there were skipped")
    lines += [f"{account} was refused: {why}" for account, why in report.failures.items()]
    if report.failed > len(report.failures):
        lines.append(f"and {report.failed - len(report.failures):,} more were refused")
    if report.failed:
        lines.append("what was refused is sent again by the next push")
    if report.error:
        lines.append(report.error)
    return lines
