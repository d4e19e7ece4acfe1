"""Keeps the checked rows of a file in the store: features in the form of our own feature table, outcomes, accounts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from undertow.features.build.feature_table import FeatureTable
from undertow.features.build.given.checked_rows import (
    FileColumns,
    broken_lines,
    find_texts,
    judge,
    refuse_missing,
    report_of,
    stage,
)
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.catalogue.choose import Catalogue
from undertow.features.catalogue.given import FACTS, IDS, OUTCOMES, families_of, given_features, ignored_columns
from undertow.features.engines.duckdb import Connection, InDuckDB, literal, open_duckdb, quoted, rows, run
from undertow.features.errors import ContractError, SettingsError
from undertow.features.publishing.versions import publish
from undertow.features.settings import Settings
from undertow.features.sources.loaded import NOT_REFUSED, Tables
from undertow.features.sources.rows.casting import Reading
from undertow.features.sources.rows.contract import REASON

NAME = "examples"
MOST_REASONS = 5  # of refused rows, named in an error
ENDED_AT_CHURN = 0.5  # share of the rows that churned whose followed days end with the churn; above it, all are refused


@dataclass(frozen=True)
class GivenExamples:
    """A file of feature rows as our own tables: `tables` holds the accounts and the report of the file.

    `outcomes`: account_id, as_of, followed_days, churn_days and cause of the rows of `features`, in the same order;
    None where they were not asked for. `is_headline_only`: they state who churned within [training] headline days, and
    no other day. `notes`: what is said beside results.
    """

    tables: Tables
    features: FeatureTable
    outcomes: FeatureTable | None
    is_headline_only: bool
    notes: tuple[str, ...]


def load_examples(
    settings: Settings, file: Path, now: datetime, with_outcomes: bool, texts: Mapping[str, bool] | None = None
) -> GivenExamples:
    """Read, check and keep a file of feature rows, one per account and as_of.

    `with_outcomes`: the outcomes are needed and checked too, else they are not read. `texts`: column -> whether a model
    reads it as a text, where one is given. Raises SettingsError where [examples] does not fit the file, SourceError or
    ContractError where it cannot be read, lacks a column, or too many of its rows are wrong.
    """
    if settings.churn.kind == "inactivity":
        raise SettingsError(
            '[churn] kind = "inactivity" computes from tables who stays away; the rows of --examples state themselves '
            "who left. Remove that line from undertow.toml."
        )
    latest = now + timedelta(hours=settings.data.future_hours)
    reading = Reading(latest=latest, missing=settings.data.missing)
    spill = settings.store_path("spill")
    with open_duckdb(settings.engine, spill) as connection, TemporaryDirectory(dir=spill) as copies:
        columns = stage(connection, file, Path(copies))
        described = settings.examples
        ignored = ignored_columns(described, columns.kinds)
        refuse_missing(columns, with_outcomes, ignored)
        families = families_of(described, list(columns.kinds))
        if not families:
            raise ContractError(f"{file} holds no feature: expected columns beside {', '.join(columns.kinds)}.")
        stated = {name: unit == "text" for name, unit in described.units.items()} | dict(texts or {})
        found = find_texts(connection, columns, list(families), stated, reading)
        catalogue = Catalogue(given_features(described, families, found), {})
        read = _fixed_columns(columns, ignored, with_outcomes)
        judge(connection, columns, {name: name in found for name in families}, read, reading)
        return _kept(settings, connection, columns, catalogue, read, with_outcomes)


def _fixed_columns(columns: FileColumns, ignored: frozenset[str], with_outcomes: bool) -> list[str]:
    wanted = (*IDS, *(OUTCOMES if with_outcomes else ()), *FACTS)
    return [name for name in wanted if name in columns.kinds and name not in ignored]


def _kept(
    settings: Settings, connection: Connection, columns: FileColumns, catalogue: Catalogue, read: list[str],
    with_outcomes: bool,
) -> GivenExamples:  # fmt: skip
    """Write the rows that passed into the store, unless they are there already, and return them as tables."""
    report = report_of(connection, columns)
    tables = Tables(
        folder=settings.store_path(NAME), fingerprint="", since=datetime.max, until=datetime.min, reports=(report,),
        currency=settings.value.currency or "EUR", broken=broken_lines(connection, columns.file, report.read),
        derived=("accounts",),
    )  # fmt: skip
    _refuse_dirt(tables, columns.file, settings.data.max_quarantine_share)
    is_headline_only = with_outcomes and "churned" in read
    if with_outcomes:
        _make_outcomes(connection, settings.training.headline if is_headline_only else None, read)
        _refuse_ended_at_churn(connection, columns.file, is_headline_only)
    names = [column.name for column in catalogue.columns]
    present = {*read, *names} - {name for name in FACTS if name not in read}
    filled = ", ".join(quoted(name) if name in present else f"CAST(NULL AS VARCHAR) AS {quoted(name)}"
                       for name in dict.fromkeys([*IDS, *FACTS, *names]))  # fmt: skip
    run(connection, f"CREATE TABLE kept AS SELECT {filled} FROM judged WHERE {REASON} IS NULL", NAME)
    parts = ["kept", "outcomes"] if with_outcomes else ["kept"]
    fingerprint = _fingerprint(connection, parts)
    root = settings.store_path(NAME)
    if not (root / fingerprint).is_dir():
        publish(root, fingerprint, lambda folder: _write(connection, folder, names, parts), make_current=False)
    folder = root / fingerprint
    _write_refused(connection, settings.store_path(NAME, "refused.parquet"))
    as_ofs = _as_ofs(connection)
    tables = replace(
        tables,
        folder=folder,
        fingerprint=fingerprint,
        since=as_ofs[0],
        until=_until(connection, settings.churn.grace_days) if with_outcomes else as_ofs[-1],
        cautions=() if "mrr" in names else (NO_MRR,),
        why_refused=_why(tables, settings.store / NAME / "refused.parquet"),
    )
    outcomes = FeatureTable(folder / "outcomes", Catalogue((), {}), as_ofs) if with_outcomes else None
    features = FeatureTable(folder / "features", catalogue, as_ofs)
    return GivenExamples(tables, features, outcomes, is_headline_only, _notes(settings, columns.file, catalogue))


# --- what is refused -------------------------------------------------------------------------------


def _refuse_dirt(tables: Tables, file: Path, limit: float) -> None:
    """Raise ContractError where no row is left, or where the share of refused rows or lines is above the limit."""
    [report] = tables.reports
    if not report.read:
        raise ContractError(f"{file} has no rows; expected one per account and as_of.")
    if report.refused_share > limit or any(each.share > limit for each in tables.broken):
        raise ContractError(
            f"{file}: too many rows are wrong (limit: max_quarantine_share = {limit:g} under [data]). "
            f"{tables.refused_text}\n" + "\n".join(_reasons(tables)) + "\nCorrect the file, or raise the limit."
        )
    if not report.kept:
        raise ContractError(f"{file}: no row can be used.\n" + "\n".join(_reasons(tables)))


def _reasons(tables: Tables) -> list[str]:
    faults = [reason for reason in tables.reports[0].reasons if reason.reason not in NOT_REFUSED]
    lines = [f"  {fault.rows:,} rows: {fault.reason}, such as {fault.example}" for fault in faults[:MOST_REASONS]]
    return lines + [f"  {each.lines:,} lines could not be read, such as {each.example}" for each in tables.broken]


def _why(tables: Tables, quarantine: Path) -> str:
    lines = "; ".join(line.strip() for line in _reasons(tables))
    return f"{lines}. They are in {quarantine}." if lines else ""


def _refuse_ended_at_churn(connection: Connection, file: Path, is_headline_only: bool) -> None:
    """Raise ContractError where rows were followed only up to their churn, as durations of survival analysis are.

    A period would then be learned from, and judged on, those who stayed alone.
    """
    [found] = rows(connection, "SELECT count(*) AS churned, count(*) FILTER (followed_days <= churn_days + 1) AS ended "
                               "FROM outcomes WHERE churn_days IS NOT NULL", NAME)  # fmt: skip
    churned, ended = int(str(found["churned"])), int(str(found["ended"]))
    if not is_headline_only and ended > ENDED_AT_CHURN * churned:
        raise ContractError(
            f"{file}: followed_days of {ended:,} of the {churned:,} rows that churned end within a day of the churn. "
            "Expected the days from as_of to the end of the record, for those who left as for those who stayed: else "
            "late periods hold stayers alone."
        )


# --- what is kept ----------------------------------------------------------------------------------


def _make_outcomes(connection: Connection, headline: int | None, read: list[str]) -> None:
    """Create the table `outcomes`; `headline`: days within which `churned` says who left, the day being unknown.

    Such a churn counts as seen on the last day of the window, no sooner than that the others stayed.
    """
    followed, churned = "followed_days", "churn_days"
    if headline is not None:
        followed = f"CASE WHEN churned IS NULL THEN 0.0 ELSE {headline}.0 END"
        churned = f"CASE WHEN churned THEN {headline - 1}.0 END"
    cause = "cause" if "cause" in read else "CAST(NULL AS VARCHAR)"
    sql = f"""SELECT account_id, as_of, {followed} AS followed_days, {churned} AS churn_days,
                     CASE WHEN {churned} IS NOT NULL THEN coalesce({cause}, 'voluntary') ELSE '' END AS cause
              FROM judged WHERE {REASON} IS NULL"""
    run(connection, f"CREATE TABLE outcomes AS {sql}", NAME)


def _fingerprint(connection: Connection, parts: list[str]) -> str:
    """Return a hash, 16 hex digits, of all kept rows and their column names, independent of the order of rows."""
    found = []
    for part in parts:
        names = rows(connection, f"SELECT column_name, column_type FROM (DESCRIBE {part})", NAME)
        counted = rows(connection, f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)) FROM {part} AS t", NAME)
        found.append(f"{part}:{names}:{counted}")
    return hashlib.sha256("|".join(found).encode()).hexdigest()[:16]


def _as_ofs(connection: Connection) -> tuple[datetime, ...]:
    found = rows(connection, "SELECT DISTINCT as_of FROM kept ORDER BY as_of", NAME)
    return tuple(row["as_of"] for row in found)  # type: ignore[misc]  # a TIMESTAMP is a datetime


def _until(connection: Connection, grace_days: int) -> datetime:
    """Return the end of the record: the last day followed, and the days of grace after which a churn is certain."""
    sql = f"""SELECT greatest(max(as_of), max(as_of + to_days(CAST(floor(followed_days) AS INTEGER) + {grace_days}))
                              FILTER (followed_days > 0)) AS last FROM outcomes"""
    [row] = rows(connection, sql, NAME)
    last = row["last"]
    assert isinstance(last, datetime)
    return last


def _write(connection: Connection, folder: Path, features: list[str], parts: list[str]) -> None:
    database = InDuckDB(connection)
    newest = ", ".join(f"max_by({name}, as_of) FILTER ({name} IS NOT NULL) AS {name}" for name in FACTS)
    _copy(connection, f"SELECT account_id, {newest} FROM kept GROUP BY account_id", folder / "accounts.parquet")
    listed = ", ".join(quoted(name) for name in features)
    database.write(f"SELECT account_id, as_of, {listed} FROM kept", folder / "features", NAME)
    if "outcomes" in parts:
        database.write("SELECT * FROM outcomes", folder / "outcomes", NAME)


def _write_refused(connection: Connection, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    no_fault = ", ".join(literal(reason) for reason in NOT_REFUSED)
    _copy(connection, f"SELECT * FROM judged WHERE {REASON} NOT IN ({no_fault})", target)


def _copy(connection: Connection, sql: str, target: Path) -> None:
    run(connection, f"COPY ({sql}) TO {literal(str(target))} (FORMAT parquet)", NAME)


# --- what is said ----------------------------------------------------------------------------------

NO_MRR = "The file has no column mrr: values are unknown, and the list is ranked by the probability of leaving."


def _notes(settings: Settings, file: Path, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the notes printed beside results that were learned from a file."""
    return (
        f"Features and outcomes come from {file.name} and were computed elsewhere: whether each feature was known at "
        "its as_of cannot be replayed here. The checks of single columns were made.",
        f"A churn counts as known {settings.churn.grace_days} days after it ([churn] grace_days; 0 where it is final "
        "at once): training uses no outcome that was known later than the test as_of.",
        *_without_good(catalogue),
        "What accounts paid later is not in the file: growth of MRR is taken as 0, and values have no interval and are "
        "not judged.",
    )


def _without_good(catalogue: Catalogue) -> list[str]:
    """Return a note where columns have no good side, so that they never are the evidence of a reason."""
    numbers = [card for card in catalogue.features if card.family in REASON_FAMILIES and card.unit != "text"]
    silent = [card.name for card in numbers if card.good is None]
    if not silent:
        return []
    more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
    return [f"[examples.good] does not say which values are better of {', '.join(silent[:5])}{more}: these columns "
            "move scores, and are never evidence of a reason."]  # fmt: skip
