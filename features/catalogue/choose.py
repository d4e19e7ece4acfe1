"""Every feature, and which of them a project's tables can yield."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from undertow.features.catalogue import billing, cx, profile, usage, ux
from undertow.features.catalogue.cards import Column, Feature, definition_id
from undertow.features.catalogue.checks import check_features, resolve

FEATURES: tuple[Feature, ...] = (
    *ux.UX,
    *cx.CX,
    *usage.USAGE,
    *billing.BILLING,
    *profile.PROFILE,
)


@dataclass(frozen=True)
class Catalogue:
    """The features of one project; `dropped`: feature name -> the table it lacks."""

    features: tuple[Feature, ...]
    dropped: dict[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return every column, in the catalogue's order."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def id(self) -> str:
        """Return a hash, 12 hex digits, of all definitions."""
        ids = ",".join(definition_id(feature) for feature in self.features)
        return hashlib.sha256(ids.encode()).hexdigest()[:12]


def make_catalogue(
    present: Iterable[str],
    own_profile: Iterable[tuple[str, bool]] = (),
    features: Iterable[Feature] = FEATURES,
) -> Catalogue:
    """Return the features that the `present` tables can yield.

    `own_profile`: (column, is it a number) of accounts beyond its contract. Raises
    DefinitionError where a card cannot be compiled.
    """
    every = (*features, *profile.profile_features(own_profile))
    check_features(every)
    every = resolve(every)
    have = set(present)
    dropped = {feature.name: min(feature.tables - have) for feature in every if feature.tables - have}
    return Catalogue(tuple(f for f in every if f.name not in dropped), dropped)
