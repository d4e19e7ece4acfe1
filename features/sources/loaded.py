"""The loaded input tables: kept rows as Parquet, and a report per table of the quarantined rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from undertow.features.sources.contract import REPEATED

SUMMARY = "summary.json"


@dataclass(frozen=True)
class QuarantineReason:
    """One reason why rows of a table were quarantined: the number of rows, and one of them as JSON text."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True)
class TableReport:
    """What the data contract did to one table: rows read, rows kept, and the quarantine reasons of the rest."""

    table: str
    read: int
    kept: int
    reasons: tuple[QuarantineReason, ...]

    @property
    def refused(self) -> int:
        """Return the number of quarantined rows; duplicates (a client's retry) are not counted."""
        return sum(reason.rows for reason in self.reasons if reason.reason != REPEATED)

    @property
    def refused_share(self) -> float:
        """Return the quarantined rows as a share of the rows read, 0 to 1."""
        return self.refused / self.read if self.read else 0.0


@dataclass(frozen=True)
class CheckResult:
    """The result of one of the project's own data checks (`[checks]`).

    `rows`: suspect rows. `of`: rows checked. `example`: one suspect row as JSON text, or "".
    """

    check: str
    rows: int
    of: int
    example: str


@dataclass(frozen=True)
class Tables:
    """The loaded input tables: the kept rows of every table that has a source, as Parquet under `folder`.

    `since`: the first time that is fully recorded; accounts that left before it may be missing.
    `until`: the first time that is not fully recorded; labels are observed up to it.
    `unused`: names in [files] that no SELECT reads. `unknown_kinds`: event kind -> rows, of the kinds that
    no feature reads; they are kept. `fingerprint`: hash of the kept rows, independent of their order.
    """

    folder: Path
    fingerprint: str
    since: datetime
    until: datetime
    reports: tuple[TableReport, ...]
    findings: tuple[CheckResult, ...]
    unused: tuple[str, ...]
    unknown_kinds: dict[str, int]

    @property
    def present(self) -> tuple[str, ...]:
        """Return the names of the tables that have a source."""
        return tuple(report.table for report in self.reports)

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table, or the folder of its monthly files."""
        by_month = self.folder / table
        return by_month if by_month.is_dir() else self.folder / f"{table}.parquet"

    def files(self, table: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
        """Return the Parquet files that hold a table's rows of `[since, until)`; by default all its files.

        For a period without rows one file is returned all the same, so that the columns can be read.
        """
        path = self.path(table)
        if path.is_file():
            return [path]
        months = sorted(path.glob("month=*"))
        first = f"month={since:%Y-%m}" if since else ""
        last = f"month={until - timedelta(microseconds=1):%Y-%m}" if until else "month=~"
        kept = [month for month in months if first <= month.name <= last] or months[:1]
        return [file for month in kept for file in sorted(month.glob("*.parquet"))]

    def report(self, table: str) -> TableReport:
        """Return the report of a table that is present."""
        return next(report for report in self.reports if report.table == table)

    def as_json(self) -> dict[str, object]:
        """Return the reports as plain JSON values."""
        return {
            "since": f"{self.since:%Y-%m-%d}",
            "until": f"{self.until:%Y-%m-%d}",
            "fingerprint": self.fingerprint,
            "tables": [
                asdict(report) | {"refused": report.refused, "refused_share": report.refused_share}
                for report in self.reports
            ],
            "checks": [asdict(result) for result in self.findings],
            "unused_files": self.unused,
            "unknown_event_kinds": self.unknown_kinds,
            "quarantine": str(self.folder / "quarantine"),
        }


Progress = Callable[[str, float], None]  # (name of the step, share done 0..1)


def read_version(folder: Path) -> Tables:
    """Read back the tables that `load` wrote to a folder."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    reports = tuple(
        TableReport(r["table"], r["read"], r["kept"], tuple(QuarantineReason(**reason) for reason in r["reasons"]))
        for r in summary["reports"]
    )
    findings = tuple(CheckResult(**result) for result in summary["findings"])
    since, until = (datetime.fromisoformat(summary[key]) for key in ("since", "until"))
    unused = tuple(summary["unused"])
    return Tables(folder, summary["fingerprint"], since, until, reports, findings, unused, summary["unknown_kinds"])
