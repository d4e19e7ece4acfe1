"""Profile features: segment, country and acquisition. They are context of a score, never a reason for it."""

from __future__ import annotations

from collections.abc import Iterable

from undertow.features.catalogue.cards import Feature, Unit
from undertow.features.catalogue.language import rows_of

accounts = rows_of("accounts")

PROFILE = (
    Feature("segment", "Segment", family="profile", level="relationship", unit="text",
            measure=accounts.latest("segment"), null_means="not stated", feeds=True),
    Feature("country", "Country", family="profile", level="relationship", unit="text",
            measure=accounts.latest("country"), null_means="not stated", feeds=True),
    Feature("acquisition", "How the account was won", family="profile", level="relationship", unit="text",
            measure=accounts.latest("acquisition"), null_means="not stated", feeds=True),
)  # fmt: skip


def profile_feature(column: str, is_number: bool) -> Feature:
    """Return the card of a profile column: a column of the project's accounts that is not in the contract."""
    unit: Unit = "score" if is_number else "text"
    return Feature(f"profile_{column}", column.replace("_", " ").capitalize(), family="profile",
                   level="relationship", unit=unit, measure=accounts.latest(column),
                   null_means="not stated", feeds=True)  # fmt: skip


def profile_features(columns: Iterable[tuple[str, bool]]) -> tuple[Feature, ...]:
    """Return a card for each of the project's own profile columns, given as (column, is it a number)."""
    return tuple(profile_feature(column, is_number) for column, is_number in columns)
