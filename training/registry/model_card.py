"""The model card of a version, as Markdown: what the model is for, what it learned from, how good it is, its limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS, SAID, Result
from undertow.training.evaluation.report import TrainReport
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.evaluation.value import ValueResult
from undertow.training.examples.encoding import ModelColumn

FILE = "model_card.md"
LIMITS = (
    "Contributions are associations. Nothing here predicts what would happen if something were changed.",
    "The model is not recalibrated: a wrong total is shown as predicted / observed and not corrected.",
    "It was judged on the dates above. What changed since (prices, product, customers) is not in these numbers.",
)
OF_SUBSCRIPTIONS = (
    "It serves accounts with MRR above 0; customers who never cancel but stop buying are not modelled.",
)
OF_INACTIVITY = (
    "It serves customers who were active lately: who has stayed away for longer is no customer to it.",
    "Value is expected spend over one horizon; growth of spend is not modelled.",
)
OF_EXAMPLES = (
    "Its features were computed elsewhere: whether each was known at its as_of could not be replayed.",
    "It serves the accounts of a file with the same columns; growth of MRR is taken as 0.",
)


def model_card(
    settings: Settings, bundle: Bundle, judged: Bundle, report: TrainReport, provenance: Mapping[str, str]
) -> str:
    """Return the card of the served bundle.

    `judged`: the bundle that the results are of, which learned from less where the served one was fitted again.
    `provenance`: name -> text of the data, code and lock that the version came from.
    """
    parts = [
        f"# Model card: {settings.name}, bundle {bundle.version}",
        "Probability of churn per account within "
        f"{', '.join(str(end) for end in bundle.ends)} days, by cause, and customer lifetime value.",
        _section("Window", _window(settings, bundle, judged, report)),
        _section("Population", _population(settings, bundle, report)),
        _section("Definition of churn", _churn(settings, bundle)),
        "## Results on the held-out test\nWith 95 % confidence intervals from a bootstrap of accounts.\n"
        + _results(report.results),
        *(["## Results by segment\n" + _results(report.by_segment.values(), list(report.by_segment))]
          if report.by_segment else []),
        *(["## Value forecasts\n" + _values(report.values)] if report.values else []),
        *([_section("Tuning", _tuning(report.tuning))] if report.tuning else []),
        _section("Notes", report.notes),
        _section("Leakage", [f"{each.severity}: {each.culprit}: {each.text}" for each in report.findings]
                 or ["The checks of training found nothing."]),
        _section("Limits", (*LIMITS, *_limits(bundle))),
        _section("Provenance", [f"{name.replace('_', ' ')}: {text}" for name, text in provenance.items()]),
        "## Features\nThe model reads those marked; the others are evidence for people to read.\n"
        + _features(bundle.columns, bundle.needed),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _window(settings: Settings, bundle: Bundle, judged: Bundle, report: TrainReport) -> list[str]:
    train, test = report.dates.train, report.dates.test
    again = (
        f"The served bundle {bundle.version} was fitted again by the same recipe, on what was known on "
        f"{bundle.trained_until}, the held-out test included: the results below are of bundle {judged.version}."
    )
    return [
        f"Learned from {len(train)} as_ofs, {train[0]:%Y-%m-%d} to {train[-1]:%Y-%m-%d}, with what was known on "
        f"{judged.trained_until}.",
        f"Held-out test at {', '.join(f'{day:%Y-%m-%d}' for day in test)}.",
        *([again] if bundle.version != judged.version else []),
        f"Headline horizon {bundle.headline} days; gap between training and test {settings.training.gap_days} days.",
    ]


def _population(settings: Settings, bundle: Bundle, report: TrainReport) -> list[str]:
    learned, where = report.learned, settings.snapshots
    active = f"with {' or '.join(settings.churn.activity)} in the {settings.churn.active_days} days before"
    who = active if bundle.kind == "inactivity" else "with MRR above 0"
    who = "in the rows of the file" if bundle.is_of_examples else who
    without = "" if bundle.kind == "inactivity" else ", without those that had given notice"
    chosen = [f"{part} only where {sql}." for part, sql in (("Training", where.train_where), ("Test", where.test_where))
              if sql]  # fmt: skip
    return [
        f"Every account {who} at an as_of{without}.",
        f"Training: {learned['train_snapshots']:,} snapshots of {learned['train_accounts']:,} accounts, of which "
        f"{learned['train_churners']:,} left.",
        f"Test: {learned['test_snapshots']:,} snapshots, of which {learned['test_churners']:,} left.",
        *chosen,
    ]


def _churn(settings: Settings, bundle: Bundle) -> list[str]:
    churn = settings.churn
    if bundle.is_of_examples:
        return ["Stated by a file of feature rows (`--examples`), computed elsewhere; a churn counts as known "
                f"{churn.grace_days} days after it."]  # fmt: skip
    stated = f"Settings: {', '.join(f'{name} = {value}' for name, value in churn.model_dump(mode='json').items())}."
    if bundle.kind == "inactivity":
        return [f"No {' and no '.join(churn.activity)} in the whole horizon after as_of.", stated]
    return [
        f"MRR falls to 0 and does not return within {churn.grace_days} days of grace.",
        "Voluntary or involuntary, by the recorded reason of the end or by failed payments.",
        stated,
    ]


def _limits(bundle: Bundle) -> tuple[str, ...]:
    """Return the limits of models of this origin and kind of churn."""
    if bundle.is_of_examples:
        return OF_EXAMPLES
    return OF_INACTIVITY if bundle.kind == "inactivity" else OF_SUBSCRIPTIONS


def _tuning(tuning: TuningReport) -> list[str]:
    used = "used" if tuning.is_used else "not used"
    factors = [f"{name}: its default times {factor:.3f}" for name, factor in (tuning.factors or {}).items()]
    return [f"{tuning.trials} trials; the tuned settings are {used}.", *(factors if tuning.best else [])]


def _results(results: Iterable[Result], names: Sequence[str] | None = None) -> str:
    """Return a table of results, a line per model and horizon, or per segment where `names` are given."""
    listed = list(results)
    first = names or [result.model for result in listed]
    rows = [
        (name, str(result.horizon), *(_estimate(result.metrics[metric]) for metric in METRICS),
         f"{result.churners:,} / {result.rows:,}")
        for name, result in zip(first, listed, strict=True)
    ]  # fmt: skip
    head = ("Segment" if names else "Model", "Days", *(SAID[metric] for metric in METRICS), "Left / judged")
    return _table(head, rows)


def _values(values: Iterable[ValueResult]) -> str:
    rows = [
        (result.model, str(result.months), _estimate(result.total), f"{result.error:.1%}",
         "-" if result.coverage is None else f"{result.coverage:.0%}", f"{result.accounts:,}")
        for result in values
    ]  # fmt: skip
    head = ("Value", "Months", "Forecast / realised", "Error", "Inside the 80 % interval", "Accounts")
    return _table(head, rows)


def _features(columns: Sequence[ModelColumn], needed: Sequence[str]) -> str:
    rows = [
        (column.name, column.sentence, column.family, column.unit, "yes" if column.name in needed else "",
         column.definition_id)
        for column in columns
    ]  # fmt: skip
    return _table(("Column", "What it measures", "Family", "Unit", "Read by the model", "Definition"), rows)


def _section(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n" + "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _estimate(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
