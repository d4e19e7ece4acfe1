"""Which column plays which role in the hazard: contract position, measure of a reason family, or evidence only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES, Family
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES

PERIOD = next(number for number, (name, _, _) in enumerate(COVARIATES) if name == "period")


@dataclass(frozen=True)
class Roles:
    """Numbers of columns, the J features first, then the covariates, and the family and direction of each.

    `position`: contract and profile. `narrow`: features of the reason families that feed the model. `wide`: all
    features of the reason families. `covariates`: those of the reason families. `texts`: features that are texts.
    `direction`: 1 where high values of a deviation are worse for the customer, -1 where low ones are, else 0.
    """

    families: tuple[Family, ...]
    position: tuple[int, ...]
    narrow: tuple[int, ...]
    wide: tuple[int, ...]
    covariates: tuple[int, ...]
    texts: frozenset[int]
    direction: np.ndarray
    period: int

    @property
    def is_reason(self) -> np.ndarray:
        """Return which columns belong to a family that can be a reason, bool, one per column."""
        return np.array([family in REASON_FAMILIES for family in self.families])

    def groups(self, columns: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return these columns by family, each group with the number of the period."""
        by_family: dict[Family, list[int]] = {}
        for column in columns:
            if column != self.period:
                by_family.setdefault(self.families[column], []).append(column)
        return tuple((*sorted(group), self.period) for group in by_family.values())


def roles_of(columns: tuple[ModelColumn, ...]) -> Roles:
    """Return the roles of a model's columns and of the covariates behind them."""
    first = len(columns)
    families = (*(column.family for column in columns), *(family for _, family, _ in COVARIATES))
    reason = [number for number, column in enumerate(columns) if column.family in REASON_FAMILIES]
    return Roles(
        families=families,
        position=tuple(number for number, family in enumerate(families) if _is_position(number, family, columns)),
        narrow=tuple(number for number in reason if columns[number].feeds),
        wide=tuple(reason),
        covariates=tuple(number for number in range(first, len(families)) if families[number] in REASON_FAMILIES),
        texts=frozenset(number for number, column in enumerate(columns) if column.is_text),
        direction=np.array([*(_direction(column) for column in columns), *(0.0 for _ in COVARIATES)]),
        period=first + PERIOD,
    )


def _is_position(number: int, family: Family, columns: tuple[ModelColumn, ...]) -> bool:
    return family not in REASON_FAMILIES and (number >= len(columns) or columns[number].feeds)


def _direction(column: ModelColumn) -> float:
    if not column.deviates or column.good is None:
        return 0.0
    return 1.0 if column.good == "low" else -1.0
