"""One valid feature card, to be changed into others by the tests."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import rows_of

events = rows_of("events")
ERRORS = Feature(
    "errors",
    "Errors met",
    "ux",
    "interaction",
    "count",
    events.where(kind="error").count(),
    windows=(7,),
    trend=30,
)
