"""The parameters of a small simulated world, and whether two states are equal."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from undertow.features.simulator import Parameters
from undertow.features.simulator.state import PersonRows

SMALL = Parameters(accounts=60, months=5)


def same_state(one: PersonRows, other: PersonRows) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
