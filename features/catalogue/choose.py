"""The catalogue of all features, and the choice of those that a project's tables can yield."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from undertow.features.catalogue import billing, contract, cx, profile, purchases, usage, ux
from undertow.features.catalogue.cards import Column, Feature, definition_id
from undertow.features.catalogue.checks import check_features, resolve

FEATURES: tuple[Feature, ...] = (
    *ux.UX,
    *cx.CX,
    *usage.USAGE,
    *billing.BILLING,
    *contract.CONTRACT,
    *profile.PROFILE,
)
EVERY = (*FEATURES, *purchases.PURCHASES)


def features_of(kind: str) -> tuple[Feature, ...]:
    """Return the cards for a kind of churn: for "inactivity", those of purchases too."""
    if kind != "inactivity":
        return FEATURES
    return (*(card for card in FEATURES if card.name not in purchases.REPLACED), *purchases.PURCHASES)


@dataclass(frozen=True)
class Catalogue:
    """The features of one project; `dropped`: name of a feature left out -> the missing table."""

    features: tuple[Feature, ...]
    dropped: dict[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns of all features, in the catalogue's order."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def id(self) -> str:
        """Return a hash, 12 hex digits, of all feature definitions."""
        ids = ",".join(definition_id(feature) for feature in self.features)
        return hashlib.sha256(ids.encode()).hexdigest()[:12]


def make_catalogue(
    present: Iterable[str],
    own_profile: Iterable[tuple[str, bool]] = (),
    features: Iterable[Feature] = FEATURES,
    event_kinds: tuple[str, ...] = (),
) -> Catalogue:
    """Return the features that can be computed from the `present` tables.

    `own_profile`: (column, is it a number) for each column of accounts that is not in its contract.
    `event_kinds`: the project's own kinds of events. Raises DefinitionError where a card cannot be compiled.
    """
    cards = (*features, *profile.profile_features(own_profile))
    check_features(cards, event_kinds)
    cards = resolve(cards)
    tables = set(present)
    dropped = {card.name: min(card.tables - tables) for card in cards if card.tables - tables}
    return Catalogue(tuple(card for card in cards if card.name not in dropped), dropped)
