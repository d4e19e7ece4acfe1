"""Simulates a subscription business with known ground truth, to evaluate Undertow.

`simulate` writes the tables as a company would have recorded them and, separately, the ground truth:
hazards, churn probabilities, margins, and the effects of levers and retention calls. Training reads the
tables only.
"""

from __future__ import annotations

from undertow.features.simulator.branches import levers
from undertow.features.simulator.history import World, run
from undertow.features.simulator.observe import event_months, observe
from undertow.features.simulator.parameters import WORLDS, Parameters, PlantedCause, Shock, choose_world
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
    "Parameters",
    "PlantedCause",
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
