"""What both scoring jobs start with: the champion, and the features it scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.registry.tracking import Registered, open_registry


@dataclass(frozen=True)
class Prepared:
    """The champion, the loaded tables, the as_of to score, and its features; `version`: the model in words.

    `earlier`: a second as_of whose features were built too, to compare with; None where the rows begin after it.
    """

    champion: Registered
    version: str
    tables: Tables
    as_of: datetime
    features: FeatureTable
    earlier: datetime | None = None

    @property
    def bundle(self) -> Bundle:
        """Return the champion's bundle."""
        return self.champion.bundle


def prepare(
    settings: Settings,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    days_before: int | None = None,
) -> Prepared:
    """Read the champion and the tables, and build the features at `as_of` (the end of the rows, unless given).

    `days_before`: build them so many days earlier too, unless the rows begin later than that. Raises ModelRefusal
    while there is no champion, or where its features have changed since it was trained.
    """
    champion = open_registry(settings).champion()
    if champion is None:
        raise ModelRefusal("There is no model to score with yet. Run `undertow train` first.")
    tables = load_tables(settings, now, progress)
    chosen = as_of or tables.until
    earlier = _earlier(tables, chosen, days_before)
    features = build_features(settings, tables, [chosen] if earlier is None else [chosen, earlier], progress)
    champion.bundle.refuse_other_features(features.catalogue.columns)
    _refuse_other_currency(champion.bundle, tables)
    version = f"{settings.name} v{champion.number} ({champion.bundle.version})"
    return Prepared(champion, version, tables, chosen, features, earlier)


def _earlier(tables: Tables, as_of: datetime, days: int | None) -> datetime | None:
    if days is None or as_of - timedelta(days=days) < tables.since:
        return None
    return as_of - timedelta(days=days)


def _refuse_other_currency(bundle: Bundle, tables: Tables) -> None:
    if bundle.value.currency not in ("", tables.currency):
        raise ModelRefusal(
            f"The champion was trained on amounts in {bundle.value.currency}, and the rows are now in "
            f"{tables.currency}. Run `undertow train`, or correct the currency."
        )
