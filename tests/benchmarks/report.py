"""Benchmark results in `tests/benchmarks/README.md`: replace one section atomically, the text between its markers.

    <!-- scoring: begin -->
    what the benchmark measured, rewritten by a full run of it
    <!-- scoring: end -->

Text outside the markers is written by hand and stays. Goals and claims are printed with whether they hold.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from undertow.features.publishing.versions import replace_text
from undertow.serving.cli.console import ROOM

RESULTS = Path(__file__).with_name("README.md")
SHOWN = "tests/benchmarks/README.md"


@dataclass(frozen=True)
class Claim:
    """One claim, the numbers that were measured for it, and whether it holds; None where it is not judged."""

    text: str
    measured: str
    holds: bool | None


def replace_section(name: str, text: str, file: Path = RESULTS) -> None:
    """Replace the text between a section's markers atomically: a reader, or a killed writer, sees old or new text.

    Raises ValueError where the file does not contain each marker once, the begin before the end.
    """
    begin, end = markers(name)
    content = file.read_bytes().decode("utf-8")
    counts = content.count(begin), content.count(end)
    if counts != (1, 1) or content.index(begin) > content.index(end):
        raise ValueError(
            f"{file.name}: expected the markers '{begin}' and '{end}' once each, in this order; "
            f"got {counts[0]} and {counts[1]}. Put them around the section '{name}' and run the benchmark again."
        )
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    replace_text(file, f"{before}{begin}\n{text.strip()}\n{end}{after}")


def markers(name: str) -> tuple[str, str]:
    """Return the comments that begin and end a section."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def finish(name: str, results: str, partial: str = "", file: Path = RESULTS) -> str:
    """Write the results of a full run to their section; return a sentence that reports what was written.

    `partial`: why the run is not a full one, for example "--no-ceiling"; the file is left as it is then.
    """
    if partial:
        return f"{SHOWN} is left as it is: only a full run rewrites it, and this one was partial ({partial})."
    replace_section(name, section(results, date.today()), file)
    return f"Wrote section '{name}' of {SHOWN}."


def section(results: str, measured: date) -> str:
    """Return the text of a section: the day and the release of the measurement, and the printed results."""
    printed = results.strip("\n")
    return f"Measured on {measured:%Y-%m-%d} with release {version('undertow')}.\n```\n{printed}\n```"


def plain_text(*printed: Table | str) -> str:
    """Return tables and lines as plain text, wide enough for every column whatever the terminal."""
    console = Console(file=io.StringIO(), width=ROOM, color_system=None)
    for each in printed:
        console.print(each)
        console.print()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def claims_table(title: str, claims: list[Claim]) -> Table:
    """Return one line per claim: whether it holds, the claim, and what was measured."""
    table = Table(title=title, box=None, title_justify="left")
    for header in ("", "Claim", "Found"):
        table.add_column(header, overflow="fold")
    for claim in claims:
        mark = "-" if claim.holds is None else "holds" if claim.holds else "[red]FAILS[/]"
        table.add_row(mark, claim.text, claim.measured)
    return table
