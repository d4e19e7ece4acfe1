"""The report of a training run: held-out results, the verdict of the gate, and the caveats beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow.compute as pc

from undertow.features.replay.replay import Finding
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict
from undertow.training.evaluation.health_report import HealthReport
from undertow.training.evaluation.held_out import MODEL, not_beaten
from undertow.training.evaluation.performance import FEW_CHURNERS, METRICS, Result
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.evaluation.value import FEW_ACCOUNTS, ValueResult
from undertow.training.examples.notices import FEW_NOTICES, IS_NOTICE, LATE_DAYS, Notices
from undertow.training.examples.outcomes import INVOLUNTARY
from undertow.training.examples.person_periods import DAYS_A_MONTH
from undertow.training.examples.split import THIN, Dates, Examples
from undertow.training.value.growth import FEW as FEW_FOLLOWED
from undertow.training.value.intervals import LEAST_ACCOUNTS


@dataclass(frozen=True)
class TrainReport:
    """The result of a training run, as printed, returned as JSON and recorded in MLflow."""

    run_id: str
    version: str
    number: int
    verdict: Verdict
    dates: Dates
    learned: dict[str, int]
    results: tuple[Result, ...]
    by_segment: dict[str, Result]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    values: tuple[ValueResult, ...] = ()
    health: HealthReport | None = None
    tuning: TuningReport | None = None

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values; a number that cannot be computed is null."""
        return {
            "run_id": self.run_id,
            "version": self.version,
            "registered_version": self.number,
            "champion": self.verdict.promoted,
            "verdict": self.verdict.text,
            "train_as_ofs": [f"{day:%Y-%m-%d}" for day in self.dates.train],
            "test_as_ofs": [f"{day:%Y-%m-%d}" for day in self.dates.test],
            "learned": self.learned,
            "results": [result.as_json() for result in self.results],
            "by_segment": {name: result.as_json() for name, result in self.by_segment.items()},
            "values": [result.as_json() for result in self.values],
            "notes": self.notes,
            **({} if self.health is None else {"health_score": self.health.as_json()}),
            **({} if self.tuning is None else {"tuning": self.tuning.as_json()}),
            "audit": [finding.as_json() for finding in self.findings],
        }


def count(learn: Examples, held_out: Examples, learned: Notices, tested: Notices) -> dict[str, int]:
    """Return the numbers of snapshots, accounts, churners and notices in training and in the held-out test."""
    return {
        "train_snapshots": len(learn),
        "train_accounts": len(np.unique(learn.accounts)),
        "train_churners": learn.churners(),
        "test_snapshots": len(held_out),
        "test_churners": held_out.churners(),
        "train_notices": learned.given,
        "test_notices": tested.given,
        "test_notices_matured": tested.matured,
        "test_notices_left": tested.left,
    }


def caveats(
    horizons: tuple[int, ...], learn: Examples, held_out: Examples, results: tuple[Result, ...], bundle: Bundle
) -> tuple[str, ...]:
    """Return the caveats of the results: thin data, horizons not served or not evaluated, baselines not beaten."""
    notes = []
    if learn.churners() < THIN:
        notes.append(f"Thin data: {learn.churners()} churners to learn from; below {THIN} results are unsteady.")
    if len(pc.unique(learn.rows["as_of"])) == 1:
        notes.append(
            "One as_of to learn from: a season, and whether what was learned holds at a later time, cannot be judged; "
            "models were compared on other accounts of the same as_of. Add earlier as_ofs ([snapshots] dates), or wait."
        )
    notes += [
        f"{what} {_drawn(part)} {part.drawn_from:,} snapshots: [training] max_snapshots sets how many."
        for part, what in ((learn, "Learned from"), (held_out, "Judged on"))
        if part.drawn_from
    ]
    for horizon in horizons:
        if horizon not in bundle.ends:
            notes.append(f"{horizon} days: not enough followed history to learn from, so it is not served.")
        elif not held_out.outcomes.matured(horizon).any():
            notes.append(f"{horizon} days: not judged, the window after the test has not matured.")
    for model in bundle.causes:
        if model.is_constant and not (bundle.kind == "inactivity" and model.cause == INVOLUNTARY):
            notes.append(f"{model.cause.capitalize()} churn: too few churners for a model, a constant rate is used.")
    notes += sorted({model.recipe.why for model in bundle.causes if model.recipe})
    by_model = {result.model: result for result in results if result.horizon == bundle.headline}
    if MODEL in by_model:
        notes += _warnings(by_model)
    return tuple(notes)


def _drawn(part: Examples) -> str:
    """Return which part of the snapshots it was drawn from an examples part holds."""
    if part.weight is None:
        return "a random part of"
    return "those that churn followed and a random part of the others, weighted as what they stand for, of"


def value_caveats(bundle: Bundle, values: tuple[ValueResult, ...]) -> tuple[str, ...]:
    """Return what the value forecasts rest on: growth, and whether intervals could be learned and judged."""
    growth, months = bundle.growth, bundle.value.months
    if bundle.kind == "inactivity":
        return _spend_caveats(bundle, values)
    notes = [
        f"Growth of MRR while accounts stay: {growth.mean:+.1%} per year, learned from {growth.accounts:,} accounts."
        if growth.mean
        else f"Growth of MRR is taken as 0: {growth.accounts:,} accounts were followed, from {FEW_FOLLOWED} on it is "
        "learned."
    ]
    if not bundle.intervals.accounts:
        notes.append(
            f"No interval around values: too few accounts were followed over {months} months ({LEAST_ACCOUNTS} are "
            "needed)."
        )
    if not values:
        notes.append(f"Values are not judged: too few accounts were followed over {months} months ({FEW_ACCOUNTS}).")
    return tuple(notes)


def _spend_caveats(bundle: Bundle, values: tuple[ValueResult, ...]) -> tuple[str, ...]:
    model, days = bundle.purchases, round(bundle.value.months * DAYS_A_MONTH)
    notes = []
    if model is not None:
        season = "the same season a year before" if model.season.is_same_season else "the newest finished horizon"
        notes.append(
            f"Expected spend over {days} days: its total is that of the level model times {model.season.factor:.2f}, "
            f"as {season} turned out ({model.season.first}, {model.season.days} days)."
        )
    if not values:
        notes.append(f"Values are not judged: it takes {FEW_ACCOUNTS} customers known {days} days ago.")
    return tuple(notes)


def value_metrics(values: tuple[ValueResult, ...]) -> dict[str, float]:
    """Return the metrics of value forecasts as MLflow logs them."""
    named: dict[str, float] = {}
    for result in values:
        prefix = "value" if result.model == MODEL else f"{result.model.replace(' ', '_')}.value"
        named |= {f"{prefix}_total": result.total.value, f"{prefix}_error": result.error}
        if result.coverage is not None:
            named[f"{prefix}_coverage"] = result.coverage
    return named


def notices_said(learned: Notices, tested: Notices) -> tuple[str, ...]:
    """Return what became of accounts that had given notice, in training and at the test; nothing without any."""
    if not learned.given + tested.given:
        return ()
    share = f"{learned.left} of {learned.matured} notices in training that could be followed"
    if learned.probability < IS_NOTICE:
        return (f"Announced ends are taken for ends of terms, and no account is left out: only {share} left.",)
    probability = f"taken to leave with a probability of {learned.probability:.2f}"
    return (
        f"An account of which all MRR is announced to end is {probability}: {share} left by {LATE_DAYS} days after "
        f"the end{'' if learned.matured >= FEW_NOTICES else f', too few to say otherwise (from {FEW_NOTICES} on)'}.",
        f"{tested.given} accounts had given notice at the test as_of. That they leave is known, so they are not "
        f"judged: {tested.left} of the {tested.matured} that could be followed left as announced.",
    )


def _warnings(by_model: dict[str, Result]) -> list[str]:
    mine = by_model[MODEL]
    warnings = []
    if mine.churners < FEW_CHURNERS:
        warnings.append(f"Only {mine.churners} churners in the test: the intervals say little.")
    if not_beaten(by_model):
        warnings.append(
            f"At {mine.horizon} days the model does not beat the {' or the '.join(not_beaten(by_model))} by log loss: "
            "use its list with care."
        )
    if mine.metrics["auroc"].value > 0.9:
        warnings.append("AUROC above 0.9 is rarely honest: look for leakage with `undertow audit`.")
    return warnings


def named_metrics(results: tuple[Result, ...]) -> dict[str, float]:
    """Return metric_horizon -> value, with _low and _high; a baseline's name goes before."""
    named = {}
    for result in results:
        prefix = "" if result.model == MODEL else f"{result.model.replace(' ', '_')}."
        for name in METRICS:
            estimate = result.metrics[name]
            for part, value in asdict(estimate).items():
                suffix = "" if part == "value" else f"_{part}"
                if np.isfinite(value):
                    named[f"{prefix}{name}_{result.horizon}{suffix}"] = value
    return named
