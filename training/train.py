"""The training job, step by step: from tables to a registered model with its held-out results."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.replay.replay import Finding
from undertow.features.settings import Settings, Value
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import NO_INTERVALS, Bundle
from undertow.training.bundle.like import like_accounts
from undertow.training.churn.baselines import Baseline, fit_baselines
from undertow.training.churn.hazard import fit_hazards, served_ends
from undertow.training.churn.roles import roles_of
from undertow.training.churn.training_rows import training_rows
from undertow.training.evaluation.gate import Verdict, decide, first_champion
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.performance import FEW_CHURNERS, Result, evaluate
from undertow.training.evaluation.plots import calibration_plot, lift_plot
from undertow.training.evaluation.report import (
    MODEL,
    THIN,
    TrainReport,
    caveats,
    count,
    named_metrics,
    notices_said,
    value_caveats,
    value_metrics,
)
from undertow.training.evaluation.retraining import retrain
from undertow.training.evaluation.value import ValueForecast, judge_value, value_forecast
from undertow.training.examples.cohort_columns import cohort_columns
from undertow.training.examples.encoding import ModelColumn, encode, fit_columns, with_unknown
from undertow.training.examples.notices import IS_NOTICE, Notices, count_notices, split_notices
from undertow.training.examples.person_periods import period_inputs
from undertow.training.examples.split import Dates, Examples, choose_dates, make_examples, segments
from undertow.training.leakage.audit import quick_audit
from undertow.training.registry.tracking import Record, Registry, log_record, open_registry
from undertow.training.value.growth import MONTHS, learn_growth


@dataclass(frozen=True)
class HeldOutPredictions:
    """The held-out test snapshots and the model's probabilities for them, shape (n, len(ends))."""

    examples: Examples
    ends: tuple[int, ...]
    probability: np.ndarray

    def matured(self, horizon: int) -> tuple[Examples, np.ndarray]:
        """Return the snapshots whose window was fully observed, and their probabilities."""
        mask = self.examples.outcomes.matured(horizon)
        return self.examples.take(mask), self.probability[mask, self.ends.index(horizon)]


def train(settings: Settings, now: datetime, progress: Progress | None = None) -> TrainReport:
    """Train on the past, evaluate on a held-out later as_of, and record everything in MLflow.

    A model is not made champion where one column predicts churn as only leakage does. Raises ModelRefusal, naming what
    is missing, where no usable model follows from the data.
    """
    report_progress = progress or (lambda what, share: None)
    registry = open_registry(settings)
    tables = load_tables(settings, now, progress)
    dates = choose_dates(settings, tables)
    features = build_features(settings, tables, dates.every, progress)
    examples = _split_by_time(settings, tables, features, dates)
    learn, held_out, notices = _leave_out_notices(*examples)
    _refuse_thin(learn, settings.training.min_churners)
    findings = quick_audit(settings, features, learn)
    columns, cohorts = _columns(features, learn)
    ends = served_ends(learn, settings.training.horizons)
    baselines = fit_baselines(learn, columns, _matured_ends(held_out, ends))
    with registry.start_run() as run_id:
        value = settings.value.model_copy(update={"currency": tables.currency})
        bundle, worth = _fit(
            settings, value, dates, learn, held_out, columns, ends, notices, run_id[:8], report_progress
        )
        predicted = HeldOutPredictions(held_out, bundle.ends, bundle.probability(held_out.rows))
        resamples = settings.training.bootstrap
        results = _evaluate_all(predicted, baselines, resamples, report_progress)
        verdict = _unless_leaky(_against_champion(registry, features, bundle, predicted, resamples), findings)
        by_segment = _evaluate_segments(predicted, bundle.headline, resamples)
        values = () if worth is None else judge_value(worth, MODEL, resamples)
        notes = (*tables.warnings, *cohorts, *caveats(settings.training.horizons, learn, held_out, results, bundle),
                 *value_caveats(bundle, values), *notices_said(*notices))  # fmt: skip
        report_progress("recording", 0.0)
        number = registry.register(bundle)
        counts = count(learn, held_out, *notices)
        report = TrainReport(
            run_id, bundle.version, number, verdict, dates, counts, results, by_segment, notes, tuple(findings),
            values
        )
        _record(settings.public(), tables, features, bundle, baselines, predicted, report)
    if verdict.promoted:
        registry.set_champion(number)
    report_progress("recording", 1.0)
    return report


# --- the steps -------------------------------------------------------------------------------


def _split_by_time(
    settings: Settings, tables: Tables, features: FeatureTable, dates: Dates
) -> tuple[Examples, Examples]:
    """Return the training and the held-out examples, each with the labels known at its own time."""
    chosen, most = settings.snapshots, settings.training.max_snapshots
    with open_database(settings) as database:
        given = database, settings.churn, tables, features
        months = max(settings.value.months, MONTHS)
        learn = make_examples(*given, dates.train, dates.train_known_at, chosen.train_where, most, months)
        held_out = make_examples(*given, dates.test, tables.until, chosen.test_where, most)
    return learn, held_out


def _leave_out_notices(learn: Examples, held_out: Examples) -> tuple[Examples, Examples, tuple[Notices, Notices]]:
    """Return the examples of accounts that had not given notice, and what became of the notices in each part.

    Where few accounts leave when all of their MRR is announced to end, it is the end of a term: nothing is left out.
    """
    (to_learn, given), (to_judge, given_at_test) = split_notices(learn), split_notices(held_out)
    notices = count_notices(given), count_notices(given_at_test)
    if notices[0].probability < IS_NOTICE:
        return learn, held_out, notices
    return to_learn, to_judge, notices


def _refuse_thin(learn: Examples, needed: int) -> None:
    churners = learn.churners()
    if churners < needed:
        raise ModelRefusal(
            f"{churners} accounts were seen to churn before the test, and a model needs at least {needed} "
            f"({THIN} for steady results): {needed - churners} are missing. Add older history, wait, or check "
            "that [churn] describes how customers leave; `undertow check` shows what was kept."
        )


def _matured_ends(held_out: Examples, ends: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(end for end in ends if held_out.outcomes.matured(end).any())


def _fit(
    settings: Settings,
    value: Value,
    dates: Dates,
    learn: Examples,
    held_out: Examples,
    columns: tuple[ModelColumn, ...],
    ends: tuple[int, ...],
    notices: tuple[Notices, Notices],
    version: str,
    report_progress: Progress,
) -> tuple[Bundle, ValueForecast | None]:
    """Return the model, and its value forecasts of training accounts that it did not learn from, where any followed."""
    features = encode(columns, learn.rows)
    rows = training_rows(learn, with_unknown(features, columns, learn.accounts), ends)
    roles, how = roles_of(columns), (settings.training, settings.engine.threads)
    causes = fit_hazards(rows, roles, *how, lambda share: report_progress("training", 0.8 * share))
    headline = max(end for end in ends if end <= settings.training.headline or end == ends[0])
    upto_headline = period_inputs(features, learn.rows, ends[: ends.index(headline) + 1])
    bundle = Bundle(
        version=version,
        trained_until=f"{dates.train_known_at:%Y-%m-%d}",
        ends=ends,
        headline=headline,
        columns=columns,
        causes=causes,
        like=like_accounts(upto_headline, roles, causes, columns),
        value=value,
        notice_probability=notices[0].probability,
        growth=learn_growth(learn, features, roles, settings.engine.threads),
    )
    retrained = retrain(bundle, rows, roles, held_out.rows, *how)  # of their features alone, no outcomes
    worth = value_forecast(bundle, learn, features, retrained.survival)
    report_progress("training", 1.0)
    intervals = NO_INTERVALS if worth is None else worth.intervals()
    return replace(bundle, stability=retrained.stability, intervals=intervals), worth


def _columns(features: FeatureTable, learn: Examples) -> tuple[tuple[ModelColumn, ...], tuple[str, ...]]:
    """Return the columns to learn from, and a note per column that only names a cohort or a period: it is left out."""
    columns = fit_columns(features.catalogue.columns, learn.rows)
    named = cohort_columns(learn.rows, columns)
    notes = tuple(
        f"{name}: its values only name a {what}, and a new one is always unseen: left out of the model."
        for name, what in named.items()
    )
    return tuple(column for column in columns if column.name not in named), notes


def _evaluate_all(
    predicted: HeldOutPredictions,
    baselines: dict[int, tuple[Baseline, ...]],
    resamples: int,
    report_progress: Progress,
) -> tuple[Result, ...]:
    """Evaluate the model and its baselines at every horizon that has matured in the held-out test."""
    results = []
    for position, horizon in enumerate(predicted.ends):
        matured, p = predicted.matured(horizon)
        if len(matured):
            labels = _labels(matured, horizon)
            results.append(evaluate(MODEL, horizon, p, labels, resamples))
            for baseline in baselines.get(horizon, ()):
                p = baseline.probability(matured.rows, horizon)
                results.append(evaluate(baseline.name, horizon, p, labels, resamples))
        report_progress("evaluating", (position + 1) / len(predicted.ends))
    return tuple(results)


def _evaluate_segments(predicted: HeldOutPredictions, headline: int, resamples: int) -> dict[str, Result]:
    """Evaluate the model inside each segment that has enough churners, at the headline horizon."""
    matured, p = predicted.matured(headline)
    results = {}
    for name, mask in segments(matured.rows).items():
        labels = _labels(matured.take(mask), headline)
        if labels.churned.sum() >= FEW_CHURNERS and not labels.churned.all():
            results[name] = evaluate(MODEL, headline, p[mask], labels, resamples)
    return results


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
    rival = champion.bundle
    if rival.changed(features.catalogue.columns) or rival.headline != bundle.headline:
        return Verdict(True, "It replaces a champion made for other features or another horizon.")
    matured, p = predicted.matured(bundle.headline)
    if not len(matured):
        return Verdict(False, "The champion stays: no held-out window has matured to compare the two on.")
    theirs = rival.probability(matured.rows)[:, rival.ends.index(rival.headline)]
    return decide(p, theirs, _labels(matured, bundle.headline), resamples)


def _unless_leaky(verdict: Verdict, findings: Sequence[Finding]) -> Verdict:
    """Return the verdict, or a refusal to promote where the quick part of the audit failed."""
    culprits = list(dict.fromkeys(finding.culprit for finding in findings if finding.severity == "failure"))
    if not culprits:
        return verdict
    names = ", ".join(culprits)
    return Verdict(False, f"It is no champion: {names} alone predicts churn as only leakage does.", verdict.gain)


def _labels(examples: Examples, horizon: int) -> HeldOutLabels:
    return HeldOutLabels(examples.outcomes.churned(horizon), examples.accounts)


# --- the record in MLflow --------------------------------------------------------------------


def _record(
    settings: dict[str, object],
    tables: Tables,
    features: FeatureTable,
    bundle: Bundle,
    baselines: dict[int, tuple[Baseline, ...]],
    predicted: HeldOutPredictions,
    report: TrainReport,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log_record(
            Record(
                parameters=_flat(settings) | report.learned,
                tags={
                    "data_fingerprint": tables.fingerprint,
                    "catalogue": features.catalogue.id,
                    "trained_until": bundle.trained_until,
                    "verdict": report.verdict.text,
                    "refused": tables.refused_text or "Refused: nothing.",
                    "audit": "; ".join(f"{each.severity}: {each.culprit}" for each in report.findings) or "no finding",
                },
                metrics=named_metrics(report.results) | value_metrics(report.values) | _refused_metrics(tables),
                files=_plots(Path(folder), bundle.headline, baselines, predicted),
            )
        )


def _refused_metrics(tables: Tables) -> dict[str, float]:
    """Return how many rows were refused, and the MRR of the refused subscriptions that still run."""
    return {
        "refused_rows": float(sum(report.refused for report in tables.reports)),
        "refused_mrr": sum(report.refused_mrr for report in tables.reports),
    }


def _plots(
    folder: Path, horizon: int, baselines: dict[int, tuple[Baseline, ...]], predicted: HeldOutPredictions
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
