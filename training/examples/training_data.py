"""What a model is trained on: tables, dates and features, and the outcomes where a file states them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.build.given.given_examples import load_examples
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.examples.given_dates import choose_given_dates
from undertow.training.examples.split import Dates, choose_dates, whole_as_ofs


@dataclass(frozen=True)
class TrainingData:
    """Tables, dates and features to train on.

    `settings`: those to train with. `seen`: the outcomes of a file of feature rows; None where they are found in the
    tables. `whole`: every as_of with a known outcome, those of the held-out test among them. `notes`: said beside the
    results.
    """

    settings: Settings
    tables: Tables
    dates: Dates
    features: FeatureTable
    whole: tuple[datetime, ...]
    seen: FeatureTable | None = None
    notes: tuple[str, ...] = ()


PRESENT_ONLY = (
    "{tables} shows only the present ([data] present_only): today's price, term and renewal would stand over the past, "
    "and a model would learn from what was not known then"
)
CURE = (
    "Give its history: an archive of webhook events, a history table, invoice lines, or an export a day kept from now "
    "on; then take it out of present_only"
)


def refuse_present_only(settings: Settings) -> None:
    """Raise ModelRefusal where a table holds today's state alone: nothing can be learned of what was known before."""
    if settings.data.present_only:
        raise ModelRefusal(f"{PRESENT_ONLY.format(tables=', '.join(settings.data.present_only))}. {CURE}.")


def training_data(
    settings: Settings, now: datetime, examples: Path | None = None, progress: Progress | None = None
) -> TrainingData:
    """Return what to train on: the project's tables, or `examples`, a file of feature rows with their outcomes.

    Raises ModelRefusal where a table shows only the present.
    """
    if examples is None:
        refuse_present_only(settings)
        tables = load_tables(settings, now, progress)
        dates = choose_dates(settings, tables)
        whole = whole_as_ofs(settings, calendar(settings.snapshots, tables), tables.until)
        features = build_features(settings, tables, sorted({*dates.every, *whole}), progress)
        return TrainingData(settings, tables, dates, features, whole)
    given = load_examples(settings, examples, now, with_outcomes=True)
    assert given.outcomes is not None, "they were asked for"
    if given.is_headline_only:  # no other window is stated
        one = settings.training.model_copy(update={"horizons": (settings.training.headline,)})
        settings = settings.model_copy(update={"training": one})
    dates = choose_given_dates(settings, given.outcomes)
    whole = whole_as_ofs(settings, given.outcomes.as_ofs, given.tables.until)
    return TrainingData(settings, given.tables, dates, given.features, whole, given.outcomes, given.notes)
