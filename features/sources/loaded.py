"""The loaded tables: kept rows as Parquet, with a report per table of what was refused and why."""

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
    """Why rows of a table went to quarantine: how many, and one of them as JSON text."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True)
class TableReport:
    """One table after its contract: rows read, rows kept, and the reasons for the rest."""

    table: str
    read: int
    kept: int
    reasons: tuple[QuarantineReason, ...]

    @property
    def refused(self) -> int:
        """Rows in quarantine, repeats not counted (a retry is not dirt)."""
        return sum(reason.rows for reason in self.reasons if reason.reason != REPEATED)

    @property
    def refused_share(self) -> float:
        """Refused rows as a share of the rows read, 0 to 1."""
        return self.refused / self.read if self.read else 0.0


@dataclass(frozen=True)
class CheckResult:
    """The answer to one question of the project's own `[checks]`."""

    check: str
    rows: int
    of: int
    example: str


@dataclass(frozen=True)
class Tables:
    """The kept rows of every table that has a source, as Parquet under `folder`.

    `since`: the first moment that is fully recorded; before it, whoever left was not written down.
    `until`: the first moment that is not fully recorded; outcomes end there.
    `unused`: names in [files] that no SELECT reads. `unknown_kinds`: event kind -> rows, of kinds that
    no feature knows; they are kept. `fingerprint`: of the kept rows, whatever their order.
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
        """The tables that have a source."""
        return tuple(report.table for report in self.reports)

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table, or the folder of its months."""
        by_month = self.folder / table
        return by_month if by_month.is_dir() else self.folder / f"{table}.parquet"

    def files(self, table: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
        """Return the Parquet files that hold a table's rows of `[since, until)`; all rows, unless given.

        A table without rows of that time is still one file, so that its columns can be read.
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
            "checks": [asdict(found) for found in self.findings],
            "unused_files": self.unused,
            "unknown_event_kinds": self.unknown_kinds,
            "quarantine": str(self.folder / "quarantine"),
        }


Progress = Callable[[str, float], None]  # (what, share done 0..1)


def read_version(folder: Path) -> Tables:
    """Return the tables that were written to a folder."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    reports = tuple(
        TableReport(r["table"], r["read"], r["kept"], tuple(QuarantineReason(**reason) for reason in r["reasons"]))
        for r in summary["reports"]
    )
    findings = tuple(CheckResult(**found) for found in summary["findings"])
    since, until = (datetime.fromisoformat(summary[moment]) for moment in ("since", "until"))
    unused = tuple(summary["unused"])
    return Tables(folder, summary["fingerprint"], since, until, reports, findings, unused, summary["unknown_kinds"])
