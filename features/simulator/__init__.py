"""A subscription business whose truth is known, to measure Undertow against.

`simulate` writes the tables as a company would have recorded them and, apart from them, the truth:
hazards, probabilities, value, what levers and calls would do. Training reads the tables only.
"""

from __future__ import annotations

from undertow.features.simulator.branches import levers
from undertow.features.simulator.history import World, run
from undertow.features.simulator.observe import event_months, observe
from undertow.features.simulator.parameters import (
    WORLDS,
    Parameters,
    PlantedCause,
    Shock,
    choose_world,
)
from undertow.features.simulator.truth import (
    churn_probability,
    contact_response,
    daily_hazards,
    lever_effects,
    margin,
    write_truth,
)
from undertow.features.simulator.writing import Summary, simulate

__all__ = [
    "WORLDS",
    "PlantedCause",
    "Parameters",
    "Shock",
    "Summary",
    "World",
    "choose_world",
    "churn_probability",
    "contact_response",
    "daily_hazards",
    "event_months",
    "lever_effects",
    "levers",
    "margin",
    "observe",
    "run",
    "simulate",
    "write_truth",
]
