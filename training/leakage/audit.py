"""The leak audit, as a story: replay the past, ask the record, ask the statistics, name the culprits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from undertow.features.build import FeatureTable, build_features
from undertow.features.errors import LeakFound, ModelRefusal
from undertow.features.replay.older_export import OlderRecord, against, exported_record, kept_records
from undertow.features.replay.recorded_at import Recording, recording_findings, recordings
from undertow.features.replay.replay import Comparison, Finding, apart, replay, replay_findings, sample_as_ofs
from undertow.features.settings import Settings
from undertow.features.snapshots import calendar
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.examples.split import Examples, make_examples
from undertow.training.leakage.columns import ColumnSignal, column_signals, signal_findings
from undertow.training.leakage.end_states import end_states, standing_columns, standing_findings
from undertow.training.leakage.model_gain import ModelAlarm, fit_small, look_at_bundle, model_findings
from undertow.training.registry import tracking

LEVELS = ("failure", "warning", "note")


@dataclass(frozen=True)
class AuditReport:
    """What the audit compared, what it found (failures first), and the numbers behind it."""

    headline: int
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    recordings: tuple[Recording, ...]
    column_signals: tuple[ColumnSignal, ...]
    model: ModelAlarm | None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return what fails the audit."""
        return tuple(found for found in self.findings if found.severity == "failure")

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "clean": not self.failures,
            "findings": [found.as_json() for found in self.findings],
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
    """Look for features that know the future, in our code and in the user's data.

    `folder`: the same export files, taken earlier. `snapshots`: how many old moments are replayed,
    the earliest and others drawn by `seed`.
    """
    tables = load_tables(settings, now, progress)
    as_ofs = calendar(settings, tables)
    features = build_features(settings, tables, as_ofs, progress)
    past = [as_of for as_of in as_ofs if as_of < tables.until] or as_ofs
    replayed = replay(settings, tables, features, sample_as_ofs(past, snapshots, seed), progress)
    compared, changed = _older_records(settings, tables, features, folder, now, progress)
    examples = make_examples(settings, tables, features, as_ofs, tables.until)
    told, model, alarms = _statistics(settings, features, examples)
    findings = [*replay_findings(replayed), *changed, *recording_findings(settings, tables), *alarms]
    return AuditReport(
        headline=settings.training.headline,
        comparisons=(replayed, *compared),
        findings=tuple(sorted(findings, key=lambda found: LEVELS.index(found.severity))),
        recordings=tuple(recordings(settings, tables)),
        column_signals=tuple(told),
        model=model,
    )


def refuse_leaks(report: AuditReport) -> None:
    """Raise LeakFound, naming every culprit once, where something failed."""
    culprits = list(dict.fromkeys(found.culprit for found in report.failures))
    if culprits:
        raise LeakFound(
            f"The audit failed: {', '.join(culprits)}. Mend the SELECT or leave the column out, and train again; "
            "what a model learned from these will not hold."
        )


def _older_records(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    folder: Path | None,
    now: datetime,
    progress: Progress | None,
) -> tuple[list[Comparison], list[Finding]]:
    """Compare with every older record that covers a snapshot; say so where there is none."""
    compared: list[Comparison] = []
    findings: list[Finding] = []
    with apart(settings) as elsewhere:
        older = kept_records(settings, tables)
        if folder is not None:
            older.append(exported_record(settings, elsewhere, folder, tables, now))
        for record in older:
            if any(as_of <= record.until for as_of in features.as_ofs) and _can_be_built(record):
                comparison, changed = against(settings, elsewhere, tables, features, record, progress)
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
    settings: Settings, features: FeatureTable, examples: Examples
) -> tuple[list[ColumnSignal], ModelAlarm | None, list[Finding]]:
    headline, columns = settings.training.headline, features.catalogue.columns
    told = column_signals(examples, columns, headline)
    model, notes = _model(settings, features, examples)
    standing = [one for one in standing_columns(columns) if examples.rows[one.name].null_count < len(examples)]
    findings = [
        *signal_findings(told, headline),
        *end_states(examples, standing),
        *model_findings(model, columns, headline),
        *notes,
        *standing_findings(standing),
    ]
    return told, model, findings


def _model(
    settings: Settings, features: FeatureTable, examples: Examples
) -> tuple[ModelAlarm | None, list[Finding]]:
    """Look at the champion; without one that fits these features, at a small model fitted for this."""
    headline, columns = settings.training.headline, features.catalogue.columns
    notes = []
    try:
        champion = tracking.champion(settings)
        if champion and not champion.bundle.changed(columns):
            return look_at_bundle(champion.bundle, examples, headline), []
        if champion:
            notes.append(Finding("note", "gain", "the champion", "made for other features, so it is not looked at."))
    except ModelRefusal as refusal:
        notes.append(Finding("note", "gain", "the champion", f"cannot be read: {refusal}"))
    return fit_small(examples, columns, headline, settings.training), notes
