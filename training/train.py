"""The training job, as a story: from tables to a judged, registered model."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np

from features.build import FeatureTable, build_features
from features.errors import ModelRefusal
from features.settings import Settings
from features.sources import Progress, Tables, load_tables
from training import tracking
from training.baselines import Baseline, fit_baselines
from training.bundle import Bundle
from training.churn import column_names, fit_hazards, knows_seasons, person_periods, served_ends
from training.encoding import ModelColumn, fit_columns
from training.examples import Dates, Examples, choose_dates, make_examples, segments
from training.gate import Verdict, decide, first_champion
from training.metrics import FEW_CHURNERS, Judged, Result, judge
from training.plots import calibration_plot, lift_plot
from training.report import MODEL, THIN, TrainReport, caveats, count, named_metrics
from training.typical import typical_values


def train(settings: Settings, now: datetime, progress: Progress | None = None) -> TrainReport:
    """Train on the past, judge on a later moment, record everything in MLflow.

    Raises ModelRefusal, saying what is missing, where the data carry no honest model.
    """
    tell = progress or (lambda what, share: None)
    tables = load_tables(settings, now, progress)
    dates = choose_dates(settings, tables)
    features = build_features(settings, tables, dates.every, progress)
    learn, judge_on = _split_by_time(settings, tables, features, dates)
    _refuse_thin(learn, settings)
    columns = fit_columns(features.catalogue.columns, learn.rows)
    ends = served_ends(learn, settings.training.horizons)
    baselines = fit_baselines(learn, columns, _judgeable(judge_on, ends))
    with tracking.start_run(settings) as run_id:
        bundle = _fit(settings, dates, learn, columns, ends, run_id[:8], tell)
        results = _judge_all(settings, bundle, baselines, judge_on, tell)
        verdict = _against_champion(settings, bundle, judge_on)
        tell("recording", 0.0)
        number = tracking.register(settings, bundle)
        report = TrainReport(
            run_id, bundle.version, number, verdict, dates, count(learn, judge_on), results,
            _judge_segments(settings, bundle, judge_on), caveats(settings, learn, judge_on, ends, results, bundle),
        )  # fmt: skip
        _record(settings, tables, features, bundle, baselines, judge_on, report)
    if verdict.promoted:
        tracking.crown(settings, number)
    tell("recording", 1.0)
    return report


# --- the steps -------------------------------------------------------------------------------


def _split_by_time(
    settings: Settings, tables: Tables, features: FeatureTable, dates: Dates
) -> tuple[Examples, Examples]:
    chosen = settings.snapshots
    learn = make_examples(settings, tables, features, dates.train, dates.train_known_at, chosen.train_where)
    judge_on = make_examples(settings, tables, features, dates.test, tables.until, chosen.test_where)
    return learn, judge_on


def _refuse_thin(learn: Examples, settings: Settings) -> None:
    churners, needed = learn.churners(), settings.training.min_churners
    if churners < needed:
        raise ModelRefusal(
            f"{churners} accounts were seen to churn before the test, and a model needs at least {needed} "
            f"({THIN} for steady results): {needed - churners} are missing. Add older history, wait, or check "
            "that [churn] describes how customers leave; `undertow check` shows what was kept."
        )


def _judgeable(judge_on: Examples, ends: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(end for end in ends if judge_on.outcomes.matured(end).any())


def _fit(
    settings: Settings,
    dates: Dates,
    learn: Examples,
    columns: tuple[ModelColumn, ...],
    ends: tuple[int, ...],
    version: str,
    tell: Progress,
) -> Bundle:
    season = knows_seasons(learn)
    rows = person_periods(learn, columns, ends, season)
    causes = fit_hazards(
        rows, column_names(columns), ends, settings.training, settings.engine.threads,
        lambda share: tell("training", share),
    )  # fmt: skip
    headline = max(end for end in ends if end <= settings.training.headline or end == ends[0])
    return Bundle(
        version=version,
        trained_until=f"{dates.train_known_at:%Y-%m-%d}",
        ends=ends,
        headline=headline,
        season=season,
        columns=columns,
        causes=causes,
        typical=typical_values(learn.rows, columns),
        value=settings.value,
    )


def _judge_all(
    settings: Settings,
    bundle: Bundle,
    baselines: dict[int, tuple[Baseline, ...]],
    judge_on: Examples,
    tell: Progress,
) -> tuple[Result, ...]:
    """Judge the model and its baselines at every horizon that matured in the test."""
    results = []
    for position, horizon in enumerate(bundle.ends):
        matured = judge_on.take(judge_on.outcomes.matured(horizon))
        if len(matured):
            on = _judged(matured, horizon)
            p = bundle.probability(matured.rows)[:, position]
            results.append(judge(MODEL, horizon, p, on, settings.training.bootstrap))
            for baseline in baselines.get(horizon, ()):
                p = baseline.probability(matured.rows, horizon)
                results.append(judge(baseline.name, horizon, p, on, settings.training.bootstrap))
        tell("judging", (position + 1) / len(bundle.ends))
    return tuple(results)


def _judge_segments(settings: Settings, bundle: Bundle, judge_on: Examples) -> dict[str, Result]:
    """Judge the model inside each segment, at the headline horizon, where it has churners enough."""
    matured = judge_on.take(judge_on.outcomes.matured(bundle.headline))
    found = {}
    for name, mask in segments(matured.rows).items():
        part = matured.take(mask)
        on = _judged(part, bundle.headline)
        if on.churned.sum() >= FEW_CHURNERS and not on.churned.all():
            p = _headline(bundle, part)
            found[name] = judge(MODEL, bundle.headline, p, on, settings.training.bootstrap)
    return found


def _against_champion(settings: Settings, bundle: Bundle, judge_on: Examples) -> Verdict:
    champion = tracking.champion(settings)
    if champion is None:
        return first_champion()
    rival = champion.bundle
    readable = {column.name for column in rival.columns} <= set(judge_on.rows.column_names)
    comparable = readable and rival.headline == bundle.headline
    matured = judge_on.take(judge_on.outcomes.matured(bundle.headline))
    if not comparable or not len(matured):
        return Verdict(False, "The champion stays: the two models cannot be compared on this test.")
    on = _judged(matured, bundle.headline)
    return decide(_headline(bundle, matured), _headline(rival, matured), on, settings.training.bootstrap)


def _headline(bundle: Bundle, examples: Examples) -> np.ndarray:
    return bundle.probability(examples.rows)[:, bundle.ends.index(bundle.headline)]


def _judged(examples: Examples, horizon: int) -> Judged:
    return Judged(examples.outcomes.churned(horizon), examples.accounts)


# --- what is kept ----------------------------------------------------------------------------


def _record(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    bundle: Bundle,
    baselines: dict[int, tuple[Baseline, ...]],
    judge_on: Examples,
    report: TrainReport,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tracking.log_record(
            tracking.Record(
                parameters=_flat(settings.public()) | report.learned,
                tags={
                    "data_fingerprint": tables.fingerprint,
                    "catalogue": features.catalogue.id,
                    "trained_until": bundle.trained_until,
                    "verdict": report.verdict.said,
                },
                metrics=named_metrics(report.results),
                files=_plots(Path(folder), bundle, baselines, judge_on),
            )
        )


def _plots(
    folder: Path, bundle: Bundle, baselines: dict[int, tuple[Baseline, ...]], judge_on: Examples
) -> tuple[Path, ...]:
    horizon = bundle.headline
    matured = judge_on.take(judge_on.outcomes.matured(horizon))
    churned = matured.outcomes.churned(horizon)
    if not churned.any():
        return ()
    scores = {MODEL: _headline(bundle, matured)}
    for baseline in baselines.get(horizon, ()):
        if baseline.name != "base rate":
            scores[baseline.name] = baseline.probability(matured.rows, horizon)
    calibration, lift = folder / "calibration.png", folder / "lift.png"
    calibration_plot(calibration, scores[MODEL], churned, f"Leaving within {horizon} days, predicted and observed")
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
