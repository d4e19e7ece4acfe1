"""Console output shared by the commands: tables, the progress bar, JSON and errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.features.sources.loaded import Progress as ProgressCallback

ROOM = 124  # characters in which every metric fits; assumed where nobody looks at a terminal
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else ROOM)
err = Console(stderr=True)


@contextmanager
def progress() -> Iterator[ProgressCallback]:
    """Yield a function (step, share done 0 to 1) that updates a progress bar on standard error."""
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

        def report_progress(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield report_progress


def print_json(content: object) -> None:
    """Print JSON to standard output: coloured on a terminal, plain for a program, also where FORCE_COLOR is set."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    if sys.stdout.isatty():
        out.print_json(text)
    else:
        sys.stdout.write(f"{text}\n")


def new_table(*headers: str, right: Sequence[int] = ()) -> Table:
    """Return an empty table with these headers; `right`: positions of right-aligned columns."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_lines=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in right else "left", overflow="fold")
    return table


def show(table: Table) -> None:
    """Print a table and a blank line."""
    out.print(table)
    out.print()


def print_warnings(warnings: Iterable[str], aside: bool = False) -> None:
    """Print a line per warning about the rows behind the numbers; `aside`: on standard error, beside CSV or JSON."""
    for text in warnings:
        (err if aside else out).print(f"! {text}", soft_wrap=True, markup=False)
