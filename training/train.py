"""The training job, as a story: from tables to a judged, registered model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from undertow.features.build import FeatureTable, build_features
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.typical import typical_values
from undertow.training.churn.baselines import Baseline, fit_baselines
from undertow.training.churn.hazard import column_names, fit_hazards, knows_seasons, person_periods, served_ends
from undertow.training.evaluation.gate import Verdict, decide, first_champion
from undertow.training.evaluation.intervals import Judged
from undertow.training.evaluation.performance import FEW_CHURNERS, Result, judge
from undertow.training.evaluation.plots import calibration_plot, lift_plot
from undertow.training.evaluation.report import MODEL, THIN, TrainReport, caveats, count, named_metrics
from undertow.training.examples.encoding import ModelColumn, fit_columns
from undertow.training.examples.split import Dates, Examples, choose_dates, make_examples, segments
from undertow.training.registry import tracking


@dataclass(frozen=True)
class HeldOutPredictions:
    """The test snapshots and what the model says of them: `probability`, shape (n, len(ends))."""

    examples: Examples
    ends: tuple[int, ...]
    probability: np.ndarray

    def matured(self, horizon: int) -> tuple[Examples, np.ndarray]:
        """Return the snapshots whose window was fully observed, and their probabilities."""
        mask = self.examples.outcomes.matured(horizon)
        return self.examples.take(mask), self.probability[mask, self.ends.index(horizon)]


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
        judged = HeldOutPredictions(judge_on, bundle.ends, bundle.probability(judge_on.rows))
        results = _judge_all(settings, judged, baselines, tell)
        verdict = _against_champion(settings, features, bundle, judged)
        by_segment = _judge_segments(settings, bundle.headline, judged)
        notes = caveats(settings, learn, judge_on, results, bundle)
        tell("recording", 0.0)
        number = tracking.register(settings, bundle)
        learned = count(learn, judge_on)
        report = TrainReport(
            run_id, bundle.version, number, verdict, dates, learned, results, by_segment, notes
        )
        _record(settings, tables, features, bundle, baselines, judged, report)
    if verdict.promoted:
        tracking.set_champion(settings, number)
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
    settings: Settings, judged: HeldOutPredictions, baselines: dict[int, tuple[Baseline, ...]], tell: Progress
) -> tuple[Result, ...]:
    """Judge the model and its baselines at every horizon that matured in the test."""
    results = []
    for position, horizon in enumerate(judged.ends):
        matured, p = judged.matured(horizon)
        if len(matured):
            on = _judged(matured, horizon)
            results.append(judge(MODEL, horizon, p, on, settings.training.bootstrap))
            for baseline in baselines.get(horizon, ()):
                p = baseline.probability(matured.rows, horizon)
                results.append(judge(baseline.name, horizon, p, on, settings.training.bootstrap))
        tell("judging", (position + 1) / len(judged.ends))
    return tuple(results)


def _judge_segments(settings: Settings, headline: int, judged: HeldOutPredictions) -> dict[str, Result]:
    """Judge the model inside each segment, at the headline horizon, where it has churners enough."""
    matured, p = judged.matured(headline)
    found = {}
    for name, mask in segments(matured.rows).items():
        on = _judged(matured.take(mask), headline)
        if on.churned.sum() >= FEW_CHURNERS and not on.churned.all():
            found[name] = judge(MODEL, headline, p[mask], on, settings.training.bootstrap)
    return found


def _against_champion(settings: Settings, features: FeatureTable, bundle: Bundle, judged: HeldOutPredictions) -> Verdict:
    """Compare with the champion; one that can no longer serve is replaced without a contest."""
    try:
        champion = tracking.champion(settings)
    except ModelRefusal as unreadable:
        return Verdict(True, f"It replaces a champion that cannot be read: {unreadable}")
    if champion is None:
        return first_champion()
    rival = champion.bundle
    if rival.changed(features.catalogue.columns) or rival.headline != bundle.headline:
        return Verdict(True, "It replaces a champion made for other features or another horizon.")
    matured, p = judged.matured(bundle.headline)
    if not len(matured):
        return Verdict(False, "The champion stays: nothing in this test can tell the two apart.")
    theirs = rival.probability(matured.rows)[:, rival.ends.index(rival.headline)]
    return decide(p, theirs, _judged(matured, bundle.headline), settings.training.bootstrap)


def _judged(examples: Examples, horizon: int) -> Judged:
    return Judged(examples.outcomes.churned(horizon), examples.accounts)


# --- what is kept ----------------------------------------------------------------------------


def _record(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    bundle: Bundle,
    baselines: dict[int, tuple[Baseline, ...]],
    judged: HeldOutPredictions,
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
                    "verdict": report.verdict.text,
                },
                metrics=named_metrics(report.results),
                files=_plots(Path(folder), bundle.headline, baselines, judged),
            )
        )


def _plots(
    folder: Path, horizon: int, baselines: dict[int, tuple[Baseline, ...]], judged: HeldOutPredictions
) -> tuple[Path, ...]:
    matured, p = judged.matured(horizon)
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
