"""No feature of a company's own can have the name of another input of the model."""

from __future__ import annotations

from undertow.features.catalogue.own import RESERVED, RESERVED_PREFIXES
from undertow.training.bundle.notice import NOTICE
from undertow.training.examples.person_periods import COVARIATES


def test_the_names_of_covariates_are_reserved() -> None:
    names = [*(name for name, _, _ in COVARIATES), NOTICE[0]]
    assert not [name for name in names if name not in RESERVED and not name.startswith(RESERVED_PREFIXES)]
