"""What data that are not there cost: the features that cannot be computed without a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undertow.features.catalogue.choose import make_catalogue
from undertow.features.tables import TABLES

MODEL_INPUTS = ("users", "events", "tickets", "surveys", "subscriptions", "invoices", "payments", "cards")


@dataclass(frozen=True)
class MissingTable:
    """A table that is not there: features and columns of them that it costs, beside those that other tables cost."""

    table: str
    features: int
    columns: int


def missing_tables(present: Sequence[str]) -> list[MissingTable]:
    """Return the tables of which there are no rows, those that cost most first."""
    whole = make_catalogue(TABLES)
    found = []
    for table in MODEL_INPUTS:
        if table not in present:
            without = make_catalogue([name for name in TABLES if name != table])
            features = len(whole.features) - len(without.features)
            found.append(MissingTable(table, features, len(whole.columns) - len(without.columns)))
    return sorted(found, key=lambda each: -each.columns)
