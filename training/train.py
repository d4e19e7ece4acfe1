"""The training job, step by step: from tables to a registered model with its held-out results."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from undertow.features.build.feature_table import FeatureTable
from undertow.features.errors import ModelRefusal
from undertow.features.replay.replay import Finding
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle, with_content_version
from undertow.training.evaluation.gate import NOT_JUDGED, Verdict, decide, first_champion
from undertow.training.evaluation.health_report import HealthReport
from undertow.training.evaluation.held_out import (
    MODEL,
    Baselines,
    HeldOutPredictions,
    evaluate_horizons,
    evaluate_segments,
    labels_of,
)
from undertow.training.evaluation.plots import calibration_plot, lift_plot
from undertow.training.evaluation.report import (
    TrainReport,
    caveats,
    count,
    named_metrics,
    notices_said,
    value_caveats,
    value_metrics,
)
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.evaluation.tuning.search import require_optuna
from undertow.training.evaluation.tuning.tune import tune
from undertow.training.evaluation.value import judge_value
from undertow.training.examples.training_data import training_data
from undertow.training.fit.fit import TrainingSet, fit_bundle, purchase_values, training_set
from undertow.training.fit.refit import refit
from undertow.training.health_score.judge import judge_health
from undertow.training.health_score.rule import rule_of
from undertow.training.health_score.snapshots import health_snapshots
from undertow.training.leakage.audit import quick_audit
from undertow.training.registry.model_card import FILE as MODEL_CARD
from undertow.training.registry.model_card import model_card
from undertow.training.registry.provenance import provenance
from undertow.training.registry.tracking import Record, Registry, log_record, open_registry
from undertow.training.registry.versions import register_judged
from undertow.training.value.purchases.hybrid import PurchaseModel


def train(
    settings: Settings,
    now: datetime,
    progress: Progress | None = None,
    examples: Path | None = None,
    trials: int = 0,
) -> TrainReport:
    """Train on the past, evaluate on a held-out later as_of, and record everything in MLflow.

    `examples`: a file of feature rows with their outcomes, used instead of the project's tables. `trials`: of tuning
    before; 0: the defaults. A model is not made champion where one column predicts churn as only leakage does. Raises
    ModelRefusal, naming what is missing, where no usable model follows from the data, and SettingsError where `trials`
    need Optuna and it is not installed.
    """
    if trials:
        require_optuna()
    report_progress = progress or (lambda what, share: None)
    registry = open_registry(settings)
    data = training_data(settings, now, examples, progress)
    settings, tables, dates, features = data.settings, data.tables, data.dates, data.features
    given = training_set(settings, tables, features, dates, data.seen)
    learn, held_out, baselines = given.learn, given.held_out, given.baselines
    findings = quick_audit(settings, features, learn.uniform())
    with registry.start_run() as run_id:
        worth = purchase_values(settings, tables)
        settings, tuning = _tuned(settings, tables.currency, given, trials, report_progress, worth.purchases)
        fitted, followed = fit_bundle(settings, tables.currency, given, "", report_progress, worth.purchases)
        bundle = with_content_version(fitted)
        predicted = HeldOutPredictions(held_out, bundle.ends, bundle.probability(held_out.rows))
        resamples = settings.training.bootstrap
        results = evaluate_horizons(predicted, baselines, resamples, report_progress)
        values = worth.results(resamples) if followed is None else judge_value(followed, MODEL, resamples)
        health = _judge_health(settings, given, bundle, predicted)
        served = refit(settings, data, bundle, given, results, findings, report_progress)
        notes = (
            *tables.warnings,
            *data.notes,
            *given.left_out,
            *((tuning.note,) if tuning else ()),
            *caveats(settings.training.horizons, learn, held_out, results, bundle),
            *worth.notes,
            *(value_caveats(bundle, values) if data.seen is None else ()),
            *notices_said(*given.notices),
            *(health.notes if health else ()),
            served.note,
        )
        report_progress("recording", 0.0)
        report = TrainReport(
            run_id=run_id,
            version=served.bundle.version,
            number=0,
            verdict=NOT_JUDGED,
            dates=dates,
            learned=count(learn, held_out, *given.notices),
            results=results,
            by_segment=evaluate_segments(predicted, bundle.headline, resamples),
            notes=notes,
            findings=tuple(findings),
            values=values,
            health=health,
            tuning=tuning,
        )
        _record(settings, tables, features, bundle, served.bundle, baselines, predicted, report)
        number, verdict = register_judged(
            registry,
            served.bundle,
            lambda: _unless_leaky(_against_champion(registry, features, bundle, predicted, resamples), findings),
            now,
            bundle,
        )
    report_progress("recording", 1.0)
    return replace(report, number=number, verdict=verdict)


# --- the steps -------------------------------------------------------------------------------


def _tuned(
    settings: Settings, currency: str, given: TrainingSet, trials: int, report_progress: Progress,
    purchases: PurchaseModel | None,
) -> tuple[Settings, TuningReport | None]:  # fmt: skip
    """Return the settings to train with, and what tuning found; without trials, the settings as they are."""
    if not trials:
        return settings, None

    def judged(changed: Settings) -> Verdict | None:
        return against_defaults(changed, settings, currency, given, purchases)

    return tune(settings, given.learn, given.columns, given.ends, trials, judged, report_progress)


def against_defaults(
    changed: Settings, defaults: Settings, currency: str, given: TrainingSet, purchases: PurchaseModel | None
) -> Verdict | None:
    """Compare models with changed and with default settings on the held-out test; None where none has matured."""
    challenger, champion = (
        fit_bundle(each, currency, given, "", lambda what, share: None, purchases)[0] for each in (changed, defaults)
    )
    headline, held_out = champion.headline, given.held_out
    matured = held_out.take(held_out.outcomes.matured(headline))
    if not len(matured):
        return None
    ours, theirs = (each.probability(matured.rows)[:, each.ends.index(headline)] for each in (challenger, champion))
    stability = challenger.stability, champion.stability
    return decide(ours, theirs, labels_of(matured, headline), defaults.training.bootstrap, stability)


def _judge_health(
    settings: Settings, given: TrainingSet, bundle: Bundle, predicted: HeldOutPredictions
) -> HealthReport | None:
    """Judge the project's health score on the held-out test; None without one, or where no window has matured."""
    matured, p = predicted.matured(bundle.headline)
    if given.health is None or not len(matured):
        return None
    rule = rule_of(given.baselines, bundle.headline)
    by_rule = None if rule is None else rule.probability(matured.rows, bundle.headline)
    judged = health_snapshots(matured, bundle, given.health, p, by_rule)
    days, resamples = settings.scores.max_age_days, settings.training.bootstrap
    return judge_health(judged, given.health, rule, bundle.columns, bundle.headline, days, resamples)


def _against_champion(
    registry: Registry, features: FeatureTable, bundle: Bundle, predicted: HeldOutPredictions, resamples: int
) -> Verdict:
    """Compare with the champion on the held-out test; a champion that can no longer serve is simply replaced."""
    try:
        champion = registry.champion()
    except ModelRefusal as unreadable:
        return Verdict(True, f"It replaces a champion that cannot be read: {unreadable}")
    if champion is None:
        return first_champion()
    rival = champion.judged
    if rival.changed(features.catalogue.columns) or rival.headline != bundle.headline:
        return Verdict(True, "It replaces a champion made for other features or another horizon.")
    matured, p = predicted.matured(bundle.headline)
    if not len(matured):
        return Verdict(False, "The champion stays: no held-out window has matured to compare the two on.")
    theirs = rival.probability(matured.rows)[:, rival.ends.index(rival.headline)]
    return decide(p, theirs, labels_of(matured, bundle.headline), resamples, (bundle.stability, rival.stability))


def _unless_leaky(verdict: Verdict, findings: Sequence[Finding]) -> Verdict:
    """Return the verdict, or a refusal to promote where the quick part of the audit failed."""
    culprits = list(dict.fromkeys(finding.culprit for finding in findings if finding.severity == "failure"))
    if not culprits:
        return verdict
    names = ", ".join(culprits)
    return Verdict(False, f"It is no champion: {names} alone predicts churn as only leakage does.", verdict.gain)


# --- the record in MLflow --------------------------------------------------------------------


def _record(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    judged: Bundle,
    served: Bundle,
    baselines: Baselines,
    predicted: HeldOutPredictions,
    report: TrainReport,
) -> None:
    tuning = report.tuning
    source = {"data_fingerprint": tables.fingerprint, "catalogue": features.catalogue.id} | provenance()
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / MODEL_CARD
        card.write_text(model_card(settings, served, judged, report, source), encoding="utf-8")
        log_record(
            Record(
                parameters=_flat(settings.public()) | report.learned | (tuning.parameters() if tuning else {}),
                tags=source
                | {
                    "bundle": served.version,
                    "headline": str(served.headline),
                    "trained_until": served.trained_until,
                    "judged_bundle": judged.version,
                    "judged_until": judged.trained_until,
                    "refused": tables.refused_text or "Refused: nothing.",
                    "audit": "; ".join(f"{each.severity}: {each.culprit}" for each in report.findings) or "no finding",
                },
                metrics=named_metrics(report.results)
                | value_metrics(report.values)
                | _refused_metrics(tables)
                | (tuning.metrics() if tuning else {}),
                files=(card, *_plots(Path(folder), judged.headline, baselines, predicted)),
            )
        )


def _refused_metrics(tables: Tables) -> dict[str, float]:
    """Return how many rows were refused, and the MRR of the refused subscriptions that still run."""
    return {
        "refused_rows": float(sum(report.refused for report in tables.reports)),
        "refused_mrr": sum(report.refused_mrr for report in tables.reports),
    }


def _plots(
    folder: Path, horizon: int, baselines: Baselines, predicted: HeldOutPredictions
) -> tuple[Path, ...]:
    matured, p = predicted.matured(horizon)
    churned = matured.outcomes.churned(horizon)
    if not churned.any():
        return ()
    scores = {MODEL: p}
    for baseline in baselines.get(horizon, ()):
        if baseline.name != "base rate":
            scores[baseline.name] = baseline.probability(matured.rows, horizon)
    calibration, lift = folder / "calibration.png", folder / "lift.png"
    calibration_plot(calibration, p, churned, f"Leaving within {horizon} days, predicted and observed")
    lift_plot(lift, scores, churned, f"Leavers found, {horizon} days ahead")
    return calibration, lift


def _flat(nested: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
