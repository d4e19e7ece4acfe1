"""The leakage audit: replay the past, compare with older records, check recorded_at, test columns and the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.catalogue.cards import Column
from undertow.features.engines.database import open_database
from undertow.features.engines.duckdb import Connection, open_duckdb
from undertow.features.errors import LeakFound, ModelRefusal
from undertow.features.replay.older_export import OlderRecord, against, exported_record, kept_records
from undertow.features.replay.recorded_at import Recording, recording_findings, recordings
from undertow.features.replay.replay import (
    Comparison,
    Finding,
    replay,
    replay_findings,
    sample_as_ofs,
    temporary_store,
)
from undertow.features.settings import Settings, Training
from undertow.features.snapshots.activity import activity_of
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables, selects_id
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.examples.notices import split_notices
from undertow.training.examples.split import Examples, make_examples
from undertow.training.examples.training_data import CURE, PRESENT_ONLY
from undertow.training.leakage.columns import ColumnSignal, column_signals, signal_findings
from undertow.training.leakage.end_states import end_states, standing_columns, standing_findings
from undertow.training.leakage.model_gain import ModelAlarm, fit_small, model_findings, with_champion
from undertow.training.registry.tracking import Registry, open_registry

SEVERITIES = ("failure", "warning", "note")


@dataclass(frozen=True)
class AuditReport:
    """What the audit compared, its findings (failures first), and the numbers behind them.

    `warnings`: what every command says about the rows, such as how many were refused.
    """

    headline: int
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    recordings: tuple[Recording, ...]
    column_signals: tuple[ColumnSignal, ...]
    model: ModelAlarm | None
    warnings: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return what fails the audit."""
        return tuple(finding for finding in self.findings if finding.severity == "failure")

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "clean": not self.failures,
            "warnings": self.warnings,
            "findings": [finding.as_json() for finding in self.findings],
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "headline": self.headline,
            "columns": [asdict(signal) for signal in self.column_signals],
            "model": self.model.as_json() if self.model else None,
            "recorded": [asdict(recording) for recording in self.recordings],
        }


def audit(
    settings: Settings,
    now: datetime,
    folder: Path | None = None,
    snapshots: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditReport:
    """Check features and source data for leakage: values that were not known at prediction time.

    `folder`: the same export files, exported earlier. `snapshots`: how many past as_ofs are replayed: the earliest
    and others drawn by `seed`.
    """
    tables = load_tables(settings, now, progress)
    as_ofs = calendar(settings.snapshots, tables)
    features = build_features(settings, tables, as_ofs, progress)
    past = [as_of for as_of in as_ofs if as_of < tables.until] or as_ofs
    replayed = replay(settings, tables, features, sample_as_ofs(past, snapshots, seed), progress)
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        compared, changed = _older_records(settings, connection, tables, features, folder, now, progress)
        recorded = recordings(connection, tables)
        early = recording_findings(connection, tables, recorded)
    with open_database(settings) as database:
        most = settings.training.max_snapshots
        activity = activity_of(settings, tables.present)
        every = make_examples(
            database, settings.churn, tables, features, as_ofs, tables.until, most=most, activity=activity
        )
    examples, _ = split_notices(every)  # that an account leaves after its notice is known, and no leak
    signals, model, alarms = _statistics(open_registry(settings), settings.training, features, examples)
    alarms = accept(alarms, settings.audit.accepted, features.catalogue.columns)
    findings = [*_present_only(settings), *replay_findings(replayed), *changed, *early, *alarms]
    return AuditReport(
        headline=settings.training.headline,
        comparisons=(replayed, *compared),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
        recordings=tuple(recorded),
        column_signals=tuple(signals),
        model=model,
        warnings=tables.warnings,
    )


def _present_only(settings: Settings) -> list[Finding]:
    """Return a failure per table that holds today's state alone."""
    return [
        Finding("failure", "present only", table, f"{PRESENT_ONLY.format(tables=table)}. {CURE}.")
        for table in settings.data.present_only
    ]


def quick_audit(settings: Settings, features: FeatureTable, examples: Examples) -> list[Finding]:
    """Return the findings of the statistical checks of single columns alone, failures first.

    This is the part of the audit that training runs: it needs no replay and no model.
    """
    headline, columns = settings.training.headline, features.catalogue.columns
    standing = [column for column in standing_columns(columns) if _is_filled(examples, column)]
    signals = column_signals(examples, columns, headline)
    findings = [*signal_findings(signals, headline), *end_states(examples, standing)]
    findings = accept(findings, settings.audit.accepted, columns)
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def accept(findings: Iterable[Finding], accepted: Iterable[str], columns: Iterable[Column]) -> list[Finding]:
    """Return the findings with failures of accepted columns as notes; a card's name accepts all its columns."""
    names = set(accepted)
    names |= {column.name for column in columns if column.feature.name in names}
    return [
        replace(finding, severity="note", text=f"{finding.text} (accepted under [audit])")
        if finding.severity == "failure" and finding.culprit in names
        else finding
        for finding in findings
    ]


def refuse_leaks(findings: Iterable[Finding]) -> None:
    """Raise LeakFound, naming every culprit once, where one of the findings is a failure."""
    culprits = list(dict.fromkeys(finding.culprit for finding in findings if finding.severity == "failure"))
    if culprits:
        raise LeakFound(
            f"The audit failed: {', '.join(culprits)}. Mend the SELECT or leave the column out, and train again; "
            "what a model learned from these will not hold. A column that may honestly predict so well can be named "
            "under [audit] accepted."
        )


def _older_records(
    settings: Settings,
    connection: Connection,
    tables: Tables,
    features: FeatureTable,
    folder: Path | None,
    now: datetime,
    progress: Progress | None,
) -> tuple[list[Comparison], list[Finding]]:
    """Compare with every older record that covers a snapshot; add a note where there is none."""
    compared: list[Comparison] = []
    findings: list[Finding] = []
    with temporary_store(settings) as elsewhere:
        older = kept_records(settings.store_path("tables"), selects_id(settings), tables)
        if folder is not None:
            older.append(exported_record(settings, elsewhere, folder, tables, now))
        for record in older:
            if any(as_of <= record.until for as_of in features.as_ofs) and _can_be_built(record):
                comparison, changed = against(connection, elsewhere, tables, features, record, progress)
                compared.append(comparison)
                findings += changed
    if not compared:
        findings.append(_nothing_older())
    return compared, findings


def _can_be_built(record: OlderRecord) -> bool:
    return {"accounts", "subscriptions"} <= set(record.tables.present)


def _nothing_older() -> Finding:
    return Finding(
        "note", "older record", "no older record",
        "overwritten end states and back-dated rows can only be seen against one. Copy the folder of your export "
        "aside now, and from the next export on give it with --against FOLDER.",
    )  # fmt: skip


def _statistics(
    registry: Registry, training: Training, features: FeatureTable, examples: Examples
) -> tuple[list[ColumnSignal], ModelAlarm | None, list[Finding]]:
    headline, columns = training.headline, features.catalogue.columns
    signals = column_signals(examples, columns, headline)
    model, notes = _model(registry, training, features, examples)
    standing = [column for column in standing_columns(columns) if _is_filled(examples, column)]
    findings = [
        *signal_findings(signals, headline),
        *end_states(examples, standing),
        *model_findings(model, columns, headline),
        *notes,
        *standing_findings(standing),
    ]
    return signals, model, findings


def _is_filled(examples: Examples, column: Column) -> bool:
    return bool(examples.rows[column.name].null_count < len(examples))


def _model(
    registry: Registry, training: Training, features: FeatureTable, examples: Examples
) -> tuple[ModelAlarm | None, list[Finding]]:
    """Return a small model fitted for the check, and the champion where it was made for these features."""
    columns = features.catalogue.columns
    small = fit_small(examples, columns, training.headline, training)
    notes = []
    try:
        champion = registry.champion()
        if champion and not champion.judged.changed(columns):
            return with_champion(small, champion.judged, examples, training.headline), []
        if champion:
            notes.append(Finding("note", "gain", "the champion", "made for other features, so it is not looked at."))
    except ModelRefusal as refusal:
        notes.append(Finding("note", "gain", "the champion", f"cannot be read: {refusal}"))
    return small, notes
