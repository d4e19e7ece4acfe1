"""The backtest job: train at several past moments, judge each on what came after, and pool what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import numpy as np

from undertow.features.build.feature_table import build_features
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.backtest.contacts import Found, best_profit, found_by, profit_curve
from undertow.training.backtest.judged import Judged, pool, pool_values, results_by_segment, results_of
from undertow.training.backtest.moments import choose_moments
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import is_calibrated
from undertow.training.evaluation.health_report import HealthReport
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.performance import Result
from undertow.training.evaluation.value import (
    ValueForecast,
    ValueResult,
    held_out_values,
    judge_spend_forecasts,
    judge_value,
    spend_as_value,
)
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.split import Dates, Examples
from undertow.training.examples.training_data import refuse_present_only
from undertow.training.fit.fit import TrainingSet, fit_bundle, training_set
from undertow.training.health_score.bounds import Bounds
from undertow.training.health_score.judge import judge_health
from undertow.training.health_score.rule import NAME, HealthScoreRule, rule_of
from undertow.training.health_score.snapshots import HealthSnapshots, health_snapshots, pool_health
from undertow.training.value.purchases.fitted import (
    JudgedSpend,
    fit_spend,
    judge_at,
    pool_spend,
    with_expected_spend,
)
from undertow.training.value.purchases.hybrid import PurchaseModel
from undertow.training.value.spend import paid_per_month

PAID = {"subscription": "MRR", "inactivity": "monthly spend"}  # kind of churn -> money per month at as_of
Valued = tuple[tuple[ValueResult, ...], ValueForecast | None]  # results of value forecasts, and the forecasts


@dataclass(frozen=True)
class MomentHealth:
    """The health score at one moment: the snapshots judged, its bounds, its rule, and the columns of the model."""

    judged: HealthSnapshots
    bounds: Bounds
    rule: HealthScoreRule | None
    columns: tuple[ModelColumn, ...]


@dataclass(frozen=True)
class Moment:
    """One moment of the backtest: what was learned from, and how good the forecasts were.

    `learned`: snapshots, `churners`: accounts that left, in training. `results`: per model, at the headline horizon.
    `health`: the snapshots with their health score, where the project has one.
    """

    as_of: datetime
    known_at: datetime
    learned: int
    churners: int
    judged: Judged
    results: tuple[Result, ...]
    health: MomentHealth | None = None


@dataclass(frozen=True)
class BacktestReport:
    """The result of a backtest: per moment and pooled.

    `values`: forecasts of value over all moments whose months have passed. `found`: what the first accounts of each
    order held. `profit`: order -> largest profit per account, under `save_rate` and `cost`. `skipped`: moments at which
    no model could be trained, with the reason.
    """

    project: str
    currency: str
    headline: int
    moments: tuple[Moment, ...]
    pooled: tuple[Result, ...]
    by_segment: dict[str, Result]
    values: tuple[ValueResult, ...]
    forecasts: ValueForecast | None
    found: tuple[Found, ...]
    profit: dict[str, float]
    save_rate: float
    cost: float
    notes: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    health: HealthReport | None = None

    @property
    def judged(self) -> Judged:
        """Return the snapshots of all moments together."""
        return pool([moment.judged for moment in self.moments])

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "project": self.project,
            "headline": self.headline,
            "currency": self.currency,
            "moments": [
                {
                    "as_of": f"{moment.as_of:%Y-%m-%d}",
                    "known_at": f"{moment.known_at:%Y-%m-%d}",
                    "learned": moment.learned,
                    "churners": moment.churners,
                    "results": [result.as_json() for result in moment.results],
                }
                for moment in self.moments
            ],
            "pooled": [result.as_json() for result in self.pooled],
            "by_segment": {name: result.as_json() for name, result in self.by_segment.items()},
            "values": [result.as_json() for result in self.values],
            "found": [each.as_json() for each in self.found],
            "profit": self.profit,
            "assumed": {"save_rate": self.save_rate, "cost": self.cost},
            "notes": self.notes,
            "skipped": self.skipped,
            **({} if self.health is None else {"health_score": self.health.as_json()}),
        }


def backtest(settings: Settings, now: datetime, moments: int, progress: Progress | None = None) -> BacktestReport:
    """Train at up to `moments` past as_ofs and judge each model on the window after it.

    Raises ModelRefusal where the record is too short, or where no model could be trained at two of them.
    """
    report_progress = progress or (lambda what, share: None)
    refuse_present_only(settings)
    tables = load_tables(settings, now, progress)
    chosen = choose_moments(settings, tables, moments)
    features = build_features(settings, tables, sorted({day for dates in chosen for day in dates.every}), progress)
    found: list[Moment] = []
    values: list[tuple[ValueForecast, np.ndarray]] = []
    spent: list[JudgedSpend] = []
    skipped = []
    for number, dates in enumerate(chosen):
        step = _part_of(report_progress, number, len(chosen))
        try:
            given = training_set(settings, tables, features, dates)
        except ModelRefusal as refusal:
            skipped.append(f"{dates.test[0]:%Y-%m-%d}: {refusal}")
            continue
        given, spend = _with_spend(settings, tables, given, dates)
        bundle, _ = fit_bundle(settings, tables.currency, given, f"{dates.test[0]:%Y-%m-%d}", step, spend)
        found.append(_moment(dates, given, bundle, settings.training.bootstrap))
        values += _values(bundle, given.held_out)
        judged = judge_at(settings, tables, spend, dates.test[0])
        spent += [] if judged is None else [judged]
    if len(found) < 2:
        raise ModelRefusal(f"No backtest: a model could be trained at {len(found)} moments. {' '.join(skipped)}")
    valued = _judge_spend(settings, spent) if spent else _judge_values(settings, pool_values(values))
    return _report(settings, tables.currency, found, valued, tables.warnings, tuple(skipped))


def _with_spend(
    settings: Settings, tables: Tables, given: TrainingSet, dates: Dates
) -> tuple[TrainingSet, PurchaseModel | None]:
    """Return the model of spend of a moment, and its forecasts with the held-out rows; where customers subscribe, none.

    It learns from what was known at the first test as_of.
    """
    if settings.churn.kind != "inactivity":
        return given, None
    as_of = dates.test[0]
    model, _ = fit_spend(settings, tables, as_of)
    rows, _ = with_expected_spend(
        given.held_out.rows, model, settings, tables, as_of, settings.training.headline
    )
    return replace(given, held_out=replace(given.held_out, rows=rows)), model


def _moment(dates: Dates, given: TrainingSet, bundle: Bundle, resamples: int) -> Moment:
    judged = _judged(given, bundle)
    results, health = results_of(judged, bundle.headline, resamples), _moment_health(given, bundle, judged)
    return Moment(
        dates.test[0], dates.train_known_at, len(given.learn), given.learn.churners(), judged, results, health
    )


def _moment_health(given: TrainingSet, bundle: Bundle, judged: Judged) -> MomentHealth | None:
    if given.health is None:
        return None
    matured = given.held_out.take(given.held_out.outcomes.matured(bundle.headline))
    of_score = health_snapshots(matured, bundle, given.health, judged.probability[MODEL], judged.probability.get(NAME))
    return MomentHealth(of_score, given.health, rule_of(given.baselines, bundle.headline), bundle.columns)


def _judged(given: TrainingSet, bundle: Bundle) -> Judged:
    """Return the held-out snapshots of a moment whose headline window was observed, with every model's forecast."""
    held_out = given.held_out.take(given.held_out.outcomes.matured(bundle.headline))
    rows, scores = held_out.rows, bundle.score(held_out.rows)
    baselines = given.baselines.get(bundle.headline, ())
    return Judged(
        probability={MODEL: scores.probability[:, bundle.ends.index(bundle.headline)]}
        | {baseline.name: baseline.probability(rows, bundle.headline) for baseline in baselines},
        churned=held_out.outcomes.churned(bundle.headline),
        account=_texts(held_out, "account_id"),
        segment=_texts(held_out, "segment"),
        mrr=paid_per_month(rows),
        value_at_risk=scores.value_at_risk,
        clv_if_kept=scores.clv_if_kept,
        paid=PAID[bundle.kind],
    )


def _values(bundle: Bundle, held_out: Examples) -> list[tuple[ValueForecast, np.ndarray]]:
    if bundle.kind == "inactivity":
        return []
    forecast, judged = held_out_values(bundle, held_out)
    return [] if forecast is None else [(forecast, _texts(held_out, "account_id")[judged])]


def _judge_values(settings: Settings, values: ValueForecast | None) -> Valued:
    return () if values is None else judge_value(values, MODEL, settings.training.bootstrap), values


def _judge_spend(settings: Settings, spent: Sequence[JudgedSpend]) -> Valued:
    """Judge the spend forecasts of all moments whose horizon is over together."""
    pooled, months = pool_spend(spent), settings.value.months
    return judge_spend_forecasts(pooled, months, MODEL, settings.training.bootstrap), spend_as_value(pooled, months)


def _texts(examples: Examples, name: str) -> np.ndarray:
    return np.array([text or "" for text in examples.rows[name].to_pylist()], dtype=object)


def _report(
    settings: Settings, currency: str, found: Sequence[Moment], valued: Valued,
    warnings: Sequence[str], skipped: tuple[str, ...],
) -> BacktestReport:  # fmt: skip
    judged, resamples = pool([moment.judged for moment in found]), settings.training.bootstrap
    headline = found[0].results[0].horizon
    assumed = settings.contact.save_rate, settings.contact.cost
    profits = [profit_curve(order, judged.churned, judged.clv_if_kept, *assumed)[1] for order in judged.orders.values()]
    contacted = found_by(judged.orders, judged.churned, judged.mrr, judged.labels.account, resamples)
    report = BacktestReport(
        project=settings.name,
        currency=currency,
        headline=headline,
        moments=tuple(found),
        pooled=results_of(judged, headline, resamples),
        by_segment=results_by_segment(judged, headline, resamples),
        values=valued[0],
        forecasts=valued[1],
        found=tuple(contacted),
        profit=dict(zip(judged.orders, best_profit(profits), strict=True)),
        save_rate=assumed[0],
        cost=assumed[1],
        notes=tuple(warnings),
        skipped=skipped,
        health=_judge_health(settings, found),
    )
    return replace(report, notes=(*report.notes, *_caveats(report)))


def _judge_health(settings: Settings, found: Sequence[Moment]) -> HealthReport | None:
    """Judge the health score over all moments; the bounds and the rule named are those of the newest."""
    parts = [moment.health for moment in found if moment.health is not None]
    if not parts:
        return None
    newest, headline = parts[-1], found[0].results[0].horizon
    days, resamples = settings.scores.max_age_days, settings.training.bootstrap
    pooled = pool_health([part.judged for part in parts])
    return judge_health(pooled, newest.bounds, newest.rule, newest.columns, headline, days, resamples)


def _caveats(report: BacktestReport) -> tuple[str, ...]:
    """Return what the numbers do not show."""
    notes = [
        f"Profit rests on assumptions: a contact costs {report.cost:g} {report.currency} and keeps "
        f"{report.save_rate:.0%} of those that would leave ([contact] cost and save_rate). No campaign measured them."
    ]
    if report.health:
        notes += report.health.notes
    if not report.values:
        notes.append("Values are not judged: too few accounts could be followed over all their months.")
    for moment in report.moments:
        total = moment.results[0].metrics["calibration"]
        if not is_calibrated(total):
            notes.append(
                f"{moment.as_of:%Y-%m-%d}: predicted / observed is {total.value:.2f} ({total.low:.2f} to "
                f"{total.high:.2f}), not within a tenth of 1."
            )
    return tuple(notes)


def _part_of(report_progress: Progress, number: int, count: int) -> Progress:
    return lambda what, share: report_progress(f"{what} moment {number + 1} of {count}", share)


def metrics_of(report: BacktestReport) -> dict[str, float]:
    """Return the pooled metrics of the model, and those of each moment, as MLflow logs them."""
    named: dict[str, float] = {}
    parts = [("pooled", report.pooled[0]), *((f"{m.as_of:%Y-%m-%d}", m.results[0]) for m in report.moments)]
    for name, result in parts:
        named |= {
            f"backtest_{metric}_{name}": value
            for metric, estimate in result.metrics.items()
            if np.isfinite(value := asdict(estimate)["value"])
        }
    return named
