"""The loaded input tables: kept rows as Parquet, and a report per table of the quarantined rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from undertow.features.sources.record_span import Span
from undertow.features.sources.rows.contract import VISITOR
from undertow.features.sources.rows.repeats import EARLIER, OVERLAP, REPEATED

FORMAT = 7  # of the stored tables; those of another format are loaded again
SUMMARY = "summary.json"
NOT_REFUSED = (REPEATED, EARLIER, OVERLAP, VISITOR)  # reasons that are no fault of a row


@dataclass(frozen=True)
class QuarantineReason:
    """One reason why rows of a table were quarantined: the number of rows, and one of them as JSON text."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True)
class TableReport:
    """What the data contract did to one table: rows read, rows kept, and the quarantine reasons of the rest.

    `refused_accounts`: accounts named in the quarantined rows. `refused_mrr`: MRR of the quarantined subscriptions
    that still run, as far as it could be read, and `kept_mrr`: that of the kept ones; in the currency of the tables.
    """

    table: str
    read: int
    kept: int
    reasons: tuple[QuarantineReason, ...]
    refused_accounts: int = 0
    refused_mrr: float = 0.0
    kept_mrr: float = 0.0

    @property
    def refused(self) -> int:
        """Return the number of quarantined rows; retries, earlier states and visitors are not counted."""
        return sum(reason.rows for reason in self.reasons if reason.reason not in NOT_REFUSED)

    @property
    def refused_share(self) -> float:
        """Return the quarantined rows as a share of the rows read, 0 to 1."""
        return self.refused / self.read if self.read else 0.0

    @property
    def refused_mrr_share(self) -> float:
        """Return the MRR of the quarantined subscriptions as a share of all running ones, 0 to 1."""
        total = self.refused_mrr + self.kept_mrr
        return self.refused_mrr / total if total else 0.0


@dataclass(frozen=True)
class Earlier:
    """What the last run did to the rows that were not read again: the file of the quarantined ones, and its report."""

    quarantine: Path
    report: TableReport


@dataclass(frozen=True)
class BrokenLines:
    """Lines of a source file that could not be read: the entry of [files], rows read beside them, and one of them."""

    file: str
    lines: int
    rows: int
    example: str

    @property
    def share(self) -> float:
        """Return the broken lines as a share of all, 0 to 1."""
        return self.lines / (self.lines + self.rows)


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
    `unused`: names in [files] that no SELECT reads. `unknown_words`: (column, word, rows) of words that no feature
    reads; they are kept. `fingerprint`: hash of the kept rows, independent of their order. `currency`: of all amounts.
    `spans`: table -> the days it records. `notes`: what `undertow check` says about the rows; `cautions`: what every
    command says. `refusals`: why the tables cannot be used at all. `derived`: tables that loading computed.
    `stale`: the tables that end long before the others -> the first midnight after their last row. `why_refused`: where
    or why rows were refused, as the sentence after their number.
    """

    folder: Path
    fingerprint: str
    since: datetime
    until: datetime
    reports: tuple[TableReport, ...]
    findings: tuple[CheckResult, ...] = ()
    unused: tuple[str, ...] = ()
    unknown_words: tuple[tuple[str, str, int], ...] = ()
    currency: str = "EUR"
    spans: Mapping[str, Span] = field(default_factory=dict)
    broken: tuple[BrokenLines, ...] = ()
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    stale: Mapping[str, datetime] = field(default_factory=dict)
    why_refused: str = "`undertow check` shows why."

    @property
    def present(self) -> tuple[str, ...]:
        """Return the names of the tables that have a source, and of those that loading computed from them."""
        return (*(report.table for report in self.reports), *self.derived)

    @property
    def refused_text(self) -> str:
        """Return one line: how many rows of which table were refused, and what they were worth; "" without any."""
        parts = [_refused(report, self.currency) for report in self.reports if report.refused]
        parts += [
            f"{counted(each.lines, 'line')} of the file {each.file} that could not be read" for each in self.broken
        ]
        return f"Refused: {'; '.join(parts)}." if parts else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about the rows that every command prints beside its numbers."""
        stale = tuple(_stale(name, end, self.until) for name, end in self.stale.items())
        refused = [f"{self.refused_text} {self.why_refused}"] if self.refused_text else []
        return (*refused, *stale, *self.cautions)

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
            "currency": self.currency,
            "fingerprint": self.fingerprint,
            "tables": [
                asdict(report)
                | {"refused": report.refused, "refused_share": report.refused_share}
                | ({"span": _span_json(self.spans[report.table])} if report.table in self.spans else {})
                for report in self.reports
            ],
            "broken_lines": [asdict(each) for each in self.broken],
            "checks": [asdict(result) for result in self.findings],
            "unused_files": self.unused,
            "unknown_words": [{"column": c, "word": word, "rows": n} for c, word, n in self.unknown_words],
            "warnings": self.warnings,
            "notes": self.notes,
            "refusals": self.refusals,
            "quarantine": str(self.folder / "quarantine"),
        }


def counted(number: int, what: str) -> str:
    """Return a number of things as text.

    >>> counted(1, "row"), counted(2500, "row")
    ('1 row', '2,500 rows')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def _refused(report: TableReport, currency: str) -> str:
    """Return how many rows of a table were refused and what they were worth."""
    worth = f" ({counted(report.refused_accounts, 'account')}" if report.refused_accounts else ""
    if report.refused_mrr:
        worth += f"{', ' if worth else ' ('}{report.refused_mrr:,.0f} {currency} of MRR, {report.refused_mrr_share:.0%}"
    return f"{report.refused:,} of {counted(report.read, 'row')} of {report.table}{worth}{')' if worth else ''}"


def _stale(name: str, end: datetime, until: datetime) -> str:
    return (
        f"{name} end on {end - timedelta(days=1):%Y-%m-%d}, {(until - end).days} days before the record does: what "
        "they measure is unknown after that day, not 0."
    )


def _span_json(span: Span) -> dict[str, object]:
    days = {name: None if day is None else f"{day:%Y-%m-%d}"
            for name, day in (("first", span.first), ("last", span.last), ("lone_at", span.lone_at))}  # fmt: skip
    return days | {"months": span.months, "lone": span.lone}


Progress = Callable[[str, float], None]  # (name of the step, share done 0..1)


def read_version(folder: Path, since: date | None = None, until: date | None = None) -> Tables:
    """Read back the tables that `load` wrote to a folder; `since`, `until`: used in place of the days found."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    found = {name: datetime.fromisoformat(summary[name]) for name in ("since", "until")}
    given = {name: datetime(day.year, day.month, day.day) for name, day in (("since", since), ("until", until)) if day}
    spans = {name: _read_span(span) for name, span in summary["spans"].items()}
    since_at, ends_at = ((found | given)[name] for name in ("since", "until"))
    return Tables(
        folder=folder,
        fingerprint=summary["fingerprint"],
        since=since_at,
        until=ends_at,
        reports=tuple(
            TableReport(**(r | {"reasons": tuple(QuarantineReason(**reason) for reason in r["reasons"])}))
            for r in summary["reports"]
        ),
        findings=tuple(CheckResult(**result) for result in summary["findings"]),
        unused=tuple(summary["unused"]),
        unknown_words=tuple((str(c), str(word), int(n)) for c, word, n in summary["unknown_words"]),
        currency=summary["currency"],
        spans=spans,
        stale={name: span.silent_from for name, span in spans.items() if span.is_stale(name, ends_at)},
        broken=tuple(BrokenLines(**each) for each in summary["broken"]),
        notes=tuple(summary["notes"]),
        cautions=tuple(summary["cautions"]),
        refusals=tuple(summary["refusals"]),
        derived=tuple(summary["derived"]),
    )


def span_as_json(span: Span) -> dict[str, object]:
    """Return a span as `read_version` reads it back."""
    times = {name: value.isoformat() for name, value in vars(span).items() if isinstance(value, datetime)}
    return asdict(span) | times


def _read_span(read: dict[str, Any]) -> Span:
    times = {
        name: None if read[name] is None else datetime.fromisoformat(read[name])
        for name in ("first", "last", "silent_from", "lone_at")
    }
    return Span(**(read | times | {"thin": tuple(read["thin"])}))
