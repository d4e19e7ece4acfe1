"""The training job, as a story: from tables to a judged, registered model."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.build import FeatureTable, build_features
from features.errors import ModelRefusal
from features.settings import Settings
from features.sources import Progress, Tables, load_tables
from training import tracking
from training.baselines import Baseline, fit_baselines
from training.bundle import Bundle
from training.churn import column_names, fit_hazards, knows_seasons, person_periods, served_ends
from training.encoding import ModelColumn, encode, fit_columns
from training.examples import Dates, Examples, choose_dates, make_examples
from training.gate import Verdict, decide, first_champion
from training.metrics import FEW_CHURNERS, METRICS, Judged, Result, judge
from training.plots import calibration_plot, lift_plot

MODEL = "undertow hazard"
THIN = 100  # churners below which results are called thin
FEW_IN_SEGMENT = 50  # accounts below which a segment's typical values are not told


@dataclass(frozen=True)
class TrainReport:
    """What a training run found: the same facts that the command line prints."""

    run_id: str
    version: str
    number: int
    verdict: Verdict
    dates: Dates
    learned: dict[str, int]
    results: tuple[Result, ...]
    by_segment: dict[str, Result]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values; numbers that cannot be told become null."""
        return {
            "run_id": self.run_id,
            "version": self.version,
            "registered_version": self.number,
            "champion": self.verdict.promoted,
            "verdict": self.verdict.said,
            "train_as_ofs": [f"{day:%Y-%m-%d}" for day in self.dates.train],
            "test_as_ofs": [f"{day:%Y-%m-%d}" for day in self.dates.test],
            "learned": self.learned,
            "results": [_plain(result) for result in self.results],
            "by_segment": {name: _plain(result) for name, result in self.by_segment.items()},
            "notes": self.notes,
        }


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
            run_id, bundle.version, number, verdict, dates, _counts(learn, judge_on), results,
            _judge_segments(settings, bundle, judge_on), _notes(settings, learn, judge_on, ends, results, bundle),
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


def typical_values(rows: pa.Table, columns: tuple[ModelColumn, ...]) -> dict[str, dict[str, float]]:
    """Return segment ("" for all accounts) -> column -> median of the known values."""
    numbers = tuple(column for column in columns if not column.is_text)
    matrix = encode(numbers, rows)
    groups = {"": np.ones(rows.num_rows, dtype=bool)}
    for name, mask in _segments(rows).items():
        if mask.sum() >= FEW_IN_SEGMENT:
            groups[name] = mask
    return {name: _medians(matrix[mask], numbers) for name, mask in groups.items()}


def _medians(matrix: np.ndarray, columns: tuple[ModelColumn, ...]) -> dict[str, float]:
    found = {}
    for position, column in enumerate(columns):
        known = matrix[:, position][~np.isnan(matrix[:, position])]
        if len(known):
            found[column.name] = float(np.median(known))
    return found


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
    for name, mask in _segments(matured.rows).items():
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


def _segments(rows: pa.Table) -> dict[str, np.ndarray]:
    names = [name for name in pc.unique(rows["segment"]).to_pylist() if name is not None]
    return {name: np.asarray(pc.fill_null(pc.equal(rows["segment"], name), False)) for name in sorted(names)}


# --- what is said and kept -------------------------------------------------------------------


def _counts(learn: Examples, judge_on: Examples) -> dict[str, int]:
    return {
        "train_snapshots": len(learn),
        "train_accounts": len(np.unique(learn.accounts)),
        "train_churners": learn.churners(),
        "test_snapshots": len(judge_on),
        "test_churners": judge_on.churners(),
    }


def _notes(
    settings: Settings,
    learn: Examples,
    judge_on: Examples,
    ends: tuple[int, ...],
    results: tuple[Result, ...],
    bundle: Bundle,
) -> tuple[str, ...]:
    """Return what a reader must know before trusting the numbers."""
    notes = []
    if learn.churners() < THIN:
        notes.append(f"Thin data: {learn.churners()} churners to learn from; below {THIN} results are unsteady.")
    for horizon in settings.training.horizons:
        if horizon not in ends:
            notes.append(f"{horizon} days: not enough followed history to learn from, so it is not served.")
        elif not judge_on.outcomes.matured(horizon).any():
            notes.append(f"{horizon} days: not judged, the window after the test has not matured.")
    for model in bundle.causes:
        if not model.boosters:
            notes.append(f"{model.cause.capitalize()} churn: too few events for a model, a constant rate is used.")
    by_model = {result.model: result for result in results if result.horizon == bundle.headline}
    if MODEL in by_model:
        notes += _warnings(by_model)
    return tuple(notes)


def _warnings(by_model: dict[str, Result]) -> list[str]:
    mine = by_model[MODEL]
    warnings = []
    if mine.churners < FEW_CHURNERS:
        warnings.append(f"Only {mine.churners} churners in the test: the intervals say little.")
    loss = mine.metrics["log_loss"].value
    beaten_by = [name for name, other in by_model.items() if other.metrics["log_loss"].value < loss]
    if beaten_by:
        warnings.append(
            f"At {mine.horizon} days the model does not beat the {' or the '.join(beaten_by)} by log loss: "
            "use its list with care."
        )
    if mine.metrics["auroc"].value > 0.9:
        warnings.append("AUROC above 0.9 is rarely honest: look for a column that knows the future.")
    return warnings


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
                metrics=_metrics(report),
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


def _metrics(report: TrainReport) -> dict[str, float]:
    named = {}
    for result in report.results:
        prefix = "" if result.model == MODEL else f"{result.model.replace(' ', '_')}."
        for name in METRICS:
            estimate = result.metrics[name]
            for part, value in asdict(estimate).items():
                suffix = "" if part == "value" else f"_{part}"
                if np.isfinite(value):
                    named[f"{prefix}{name}_{result.horizon}{suffix}"] = value
    return named


def _flat(nested: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _plain(result: Result) -> dict[str, object]:
    metrics = {
        name: {part: (value if np.isfinite(value) else None) for part, value in asdict(estimate).items()}
        for name, estimate in result.metrics.items()
    }
    return {
        "model": result.model,
        "horizon": result.horizon,
        "rows": result.rows,
        "churners": result.churners,
        "metrics": metrics,
    }
