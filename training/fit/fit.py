"""Fits one model on what was known by some date: examples split by time, baselines, hazards, growth and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from undertow.features.build.feature_table import FeatureTable
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.snapshots.activity import activity_of
from undertow.features.sources.loaded import Progress, Tables
from undertow.features.tables import SCORES
from undertow.training.bundle.bundle import NO_INTERVALS, Bundle
from undertow.training.bundle.like import like_accounts
from undertow.training.churn.baselines import fit_baselines
from undertow.training.churn.hazard import fit_hazards, served_ends
from undertow.training.churn.recipe import Recipe
from undertow.training.churn.roles import roles_of
from undertow.training.churn.training_rows import training_rows
from undertow.training.evaluation.held_out import MODEL, Baselines
from undertow.training.evaluation.retraining import retrain
from undertow.training.evaluation.value import (
    ValueForecast,
    ValueResult,
    judge_spend_forecasts,
    value_forecast,
)
from undertow.training.examples.cohort_columns import cohort_columns
from undertow.training.examples.encoding import ModelColumn, encode, fit_columns, with_unknown
from undertow.training.examples.notices import IS_NOTICE, Notices, count_notices, split_notices
from undertow.training.examples.person_periods import period_inputs
from undertow.training.examples.split import THIN, Dates, Examples, make_examples
from undertow.training.health_score.bounds import Bounds, bounds_of
from undertow.training.health_score.known_scores import GIVEN, HEALTH, are_words, with_health_scores
from undertow.training.health_score.rule import reference_of, with_rule
from undertow.training.value.growth import MONTHS, Growth, learn_growth
from undertow.training.value.purchases.fitted import JudgedSpend, fit_spend, judge_spend
from undertow.training.value.purchases.hybrid import PurchaseModel


@dataclass(frozen=True)
class TrainingSet:
    """What a model learns from and is judged on.

    `learn`, `held_out`: without accounts that had given notice; `notices`: what became of those, in each part.
    `columns`: to learn from; `left_out`: a note per column that is not. `ends`: of the periods served, days.
    `health`: the bounds of the health score, where the project has one; it is then among the baselines. `seen`: the
    outcomes that a file of feature rows states.
    """

    dates: Dates
    learn: Examples
    held_out: Examples
    notices: tuple[Notices, Notices]
    columns: tuple[ModelColumn, ...]
    left_out: tuple[str, ...]
    ends: tuple[int, ...]
    baselines: Baselines
    health: Bounds | None = None
    seen: FeatureTable | None = None


def training_set(
    settings: Settings, tables: Tables, features: FeatureTable, dates: Dates, seen: FeatureTable | None = None
) -> TrainingSet:
    """Split the snapshots by time, leave out notices, and fit the baselines.

    `seen`: the outcomes that a file of feature rows states, where the tables do not hold them. Raises ModelRefusal
    where churners are too few to learn from.
    """
    examples = _split_by_time(settings, tables, features, dates, seen)
    learn, held_out, notices = _leave_out_notices(*examples)
    _refuse_thin(learn, settings.training.min_churners)
    columns, left_out = _columns(features, learn)
    ends = served_ends(learn, settings.training.horizons)
    matured = tuple(end for end in ends if held_out.outcomes.matured(end).any())
    baselines, health = _with_health_score(settings, learn, held_out, fit_baselines(learn, columns, matured))
    return TrainingSet(dates, learn, held_out, notices, columns, left_out, ends, baselines, health, seen)


def whole_set(
    settings: Settings, tables: Tables, features: FeatureTable, as_ofs: tuple[datetime, ...], judged: TrainingSet
) -> TrainingSet:
    """Return every snapshot with an outcome known by the end of the rows, to fit a judged model again.

    The held-out test is among them. Periods, baselines and the held-out rows are those of `judged`.
    """
    where, horizons = settings.snapshots.train_where, settings.training.horizons
    every = _examples(settings, tables, features, judged.seen, as_ofs, tables.until, where, horizons)
    learn, _, notices = _leave_out_notices(every, judged.held_out)
    columns, left_out = _columns(features, learn)
    dates = Dates(as_ofs, judged.dates.test, tables.until)
    return replace(judged, dates=dates, learn=learn, notices=notices, columns=columns, left_out=left_out)


def fit_bundle(
    settings: Settings, currency: str, given: TrainingSet, version: str, report_progress: Progress,
    purchases: PurchaseModel | None = None, recipes: Mapping[str, Recipe] | None = None,
) -> tuple[Bundle, ValueForecast | None]:  # fmt: skip
    """Return the model, and its value forecasts of training accounts that it did not learn from, where any followed.

    `purchases`: the model of spend, where nobody subscribes. `recipes`: as `fit_hazards` takes them.
    """
    learn, columns, ends = given.learn, given.columns, given.ends
    features = encode(columns, learn.rows)
    rows = training_rows(learn, with_unknown(features, columns, learn.accounts), ends)
    roles, how = roles_of(columns), (settings.training, settings.engine.threads)
    causes = fit_hazards(rows, roles, *how, lambda share: report_progress("training", 0.8 * share), recipes)
    is_paid = learn.revenue is not None
    headline = max(end for end in ends if end <= settings.training.headline or end == ends[0])
    plain, is_plain = learn.uniform(), learn.is_uniform  # for medians, growth and intervals, which have no weights
    upto_headline = period_inputs(features[is_plain], plain.rows, ends[: ends.index(headline) + 1])
    bundle = Bundle(
        version=version,
        trained_until=f"{given.dates.train_known_at:%Y-%m-%d}",
        ends=ends,
        headline=headline,
        columns=columns,
        causes=causes,
        like=like_accounts(upto_headline, roles, causes, columns),
        value=settings.value.model_copy(update={"currency": currency}),
        notice_probability=given.notices[0].probability,
        growth=learn_growth(plain, features[is_plain], roles, settings.engine.threads) if is_paid else Growth(),
        kind=settings.churn.kind,
        purchases=purchases,
    )
    retrained = retrain(bundle, rows, roles, given.held_out.rows, *how)  # of their features alone, no outcomes
    worth = value_forecast(bundle, plain, features[is_plain], retrained.survival[is_plain]) if is_paid else None
    report_progress("training", 1.0)
    intervals = NO_INTERVALS if worth is None else worth.intervals(min(1.0, learn.churners() / THIN))
    return replace(bundle, stability=retrained.stability, intervals=intervals), worth


@dataclass(frozen=True)
class PurchaseValues:
    """The model of spend, where nobody subscribes, and its forecasts for the last finished horizon.

    Both are None where customers subscribe, or where there is no model; `notes` say why.
    """

    purchases: PurchaseModel | None = None
    judged: JudgedSpend | None = None
    months: int = 0
    notes: tuple[str, ...] = ()

    def results(self, resamples: int) -> tuple[ValueResult, ...]:
        """Return how good the forecasts were, beside two rules; nothing where they could not be judged."""
        if self.judged is None:
            return ()
        return judge_spend_forecasts(self.judged, self.months, MODEL, resamples)


def purchase_values(settings: Settings, tables: Tables) -> PurchaseValues:
    """Return the model of spend as of the end of the rows; nothing where customers subscribe."""
    if settings.churn.kind != "inactivity":
        return PurchaseValues()
    model, why = fit_spend(settings, tables, tables.until)
    judged, why_not = judge_spend(settings, tables)
    return PurchaseValues(model, judged, settings.value.months, tuple(note for note in (why, why_not) if note))


def _split_by_time(
    settings: Settings, tables: Tables, features: FeatureTable, dates: Dates, seen: FeatureTable | None
) -> tuple[Examples, Examples]:
    """Return the training and the held-out examples, each with the labels known at its own time."""
    chosen, horizons = settings.snapshots, settings.training.horizons
    given = settings, tables, features, seen
    learn = _examples(*given, dates.train, dates.train_known_at, chosen.train_where, horizons)
    return learn, _examples(*given, dates.test, tables.until, chosen.test_where)


def _examples(
    settings: Settings, tables: Tables, features: FeatureTable, seen: FeatureTable | None,
    as_ofs: tuple[datetime, ...], known_at: datetime, where: str, cases_within: tuple[int, ...] = (),
) -> Examples:  # fmt: skip
    """Return the snapshots of these as_ofs with their labels, revenue and health score, as `make_examples` does."""
    is_paid = settings.churn.kind == "subscription" and seen is None
    months = max(settings.value.months, MONTHS) if is_paid else 0  # of revenue, which a file does not state
    activity = activity_of(settings, tables.present)
    with open_database(settings) as database:
        found = make_examples(
            database, settings.churn, tables, features, as_ofs, known_at, where, settings.training.max_snapshots,
            months, activity, cases_within, seen,
        )  # fmt: skip
        return with_health_scores(database, settings.scores, found) if SCORES.name in tables.present else found


def _with_health_score(
    settings: Settings, learn: Examples, held_out: Examples, baselines: Baselines
) -> tuple[Baselines, Bounds | None]:
    """Return the baselines with the project's health score among them, and its bounds; None where it has no score."""
    if HEALTH not in learn.rows.column_names:
        return baselines, None
    reference = reference_of(learn, held_out)
    given = [*learn.rows[GIVEN].to_pylist(), *held_out.rows[GIVEN].to_pylist()]
    bounds = bounds_of(settings.scores, reference, are_words(settings.scores, given))
    return with_rule(baselines, learn, reference), bounds


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


def _columns(features: FeatureTable, learn: Examples) -> tuple[tuple[ModelColumn, ...], tuple[str, ...]]:
    """Return the columns to learn from, and a note per column that only names a cohort or a period: it is left out."""
    columns = fit_columns(features.catalogue.columns, learn.rows)
    named = cohort_columns(learn.rows, columns)
    notes = tuple(
        f"{name}: its values only name a {what}, and a new one is always unseen: left out of the model."
        for name, what in named.items()
    )
    return tuple(column for column in columns if column.name not in named), notes
