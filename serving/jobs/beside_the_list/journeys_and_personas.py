"""Journeys and personas beside the list: what the touchpoints and the groups of accounts were followed by."""

from __future__ import annotations

import pyarrow as pa

from undertow.features.engines.database import open_database
from undertow.features.settings import Settings
from undertow.features.snapshots.activity import activity_of
from undertow.serving.jobs.prepare import Prepared
from undertow.serving.published.run_files import JOURNEYS, PERSONAS
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.drivers.journeys.journeys import journeys
from undertow.training.drivers.listed import Listed
from undertow.training.drivers.observed import Observed
from undertow.training.drivers.personas.personas import personas
from undertow.training.examples.announced import announced
from undertow.training.examples.split import Examples, make_examples

MOST_SNAPSHOTS = 10_000  # of all earlier as_ofs together


def journeys_and_personas(
    settings: Settings, ready: Prepared, rows: pa.Table, scores: Scores
) -> dict[str, dict[str, object]]:
    """Return what JOURNEYS and PERSONAS hold, by name.

    `rows`, `scores`: of the list. Where no earlier as_of has been followed through the headline horizon, churn is left
    out and the reason is stated; what describes the accounts of the list stays.
    """
    listed = Listed(rows, scores.clv, scores.value_at_risk)
    columns = {column.name: column for column in ready.features.catalogue.columns}
    observed, why_not = _observed(settings, ready)
    given = (listed, observed, columns, f"{ready.as_of:%Y-%m-%d}", ready.bundle.headline, why_not)
    return {JOURNEYS: journeys(*given), PERSONAS: personas(*given)}


def _observed(settings: Settings, ready: Prepared) -> tuple[Observed | None, str]:
    """Return the followed snapshots, or None and why there are none."""
    horizon = ready.bundle.headline
    if not ready.followed:
        return None, _why_not(settings, ready, horizon)
    with open_database(settings) as database:
        examples = make_examples(
            database, settings.churn, ready.tables, ready.features, ready.followed, known_at=ready.as_of,
            most=MOST_SNAPSHOTS, activity=activity_of(settings, ready.tables.present),
        )  # fmt: skip
    examples = examples.take(examples.outcomes.matured(horizon) & ~announced(examples.rows).is_notice)
    if not len(examples):
        return None, f"nobody was a customer at an as_of that has been followed for {horizon} days"
    return observed_of(ready.bundle, examples), ""


def observed_of(bundle: Bundle, examples: Examples) -> Observed:
    """Return snapshots with whether they left within the headline horizon; every window must be over."""
    days = sorted({f"{as_of:%Y-%m-%d}" for as_of in examples.rows["as_of"].unique().to_pylist()})
    churned = examples.outcomes.churned(bundle.headline)
    position = bundle.contract_positions(examples.rows)
    return Observed(examples.rows, churned, examples.accounts, position, tuple(days))


def _why_not(settings: Settings, ready: Prepared, horizon: int) -> str:
    if ready.bundle.is_of_examples:
        return "a file of feature rows to be scored states no outcomes"
    if settings.data.present_only:
        return f"{', '.join(settings.data.present_only)} shows only the present ([data] present_only)"
    return (
        f"the rows begin on {ready.tables.since:%Y-%m-%d}, too late for a month start with 90 days before it and "
        f"{horizon} followed days after it by {ready.as_of:%Y-%m-%d}"
    )
