"""What callers of the API have to know of each feature: sentence, type, unit, known texts, what null means."""

from __future__ import annotations

from typing import Any

from undertow.features.catalogue.cards import Unit
from undertow.features.catalogue.choose import Catalogue
from undertow.training.bundle.bundle import Bundle

MEANING: dict[Unit, str] = {
    "count": "a number of things",
    "share": "0 to 1",
    "hours": "hours",
    "days": "days",
    "ms": "milliseconds",
    "money": "money, in the currency of the list",
    "money/month": "money a month, in the currency of the list",
    "score": "a score, as it was recorded",
    "points": "points",
    "text": "a text; one that is not among known_texts is read as unknown",
    "per visit": "a number per visit",
    "per page": "a number per page",
    "per person": "a number per person",
    "per day": "a number per day",
    "log ratio": "natural logarithm of a ratio: 0 is as usual, 0.69 twice as much",
}
UNKNOWN = "unknown"


def describe_features(bundle: Bundle, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return one entry per feature of the model, those first that a row must hold; the others are evidence alone."""
    null_means = {column.name: column.feature.null_means for column in catalogue.columns}
    needed = set(bundle.needed)
    found = [
        {
            "name": column.name,
            "sentence": column.sentence,
            "family": column.family,
            "required": column.name in needed,
            "type": "text" if column.is_text else "number",
            "unit": column.unit,
            "unit_means": MEANING[column.unit],
            "known_texts": list(column.categories or ()),
            "null_means": null_means.get(column.name) or UNKNOWN,
            "definition_id": column.definition_id,
        }
        for column in bundle.columns
    ]
    return sorted(found, key=lambda each: not each["required"])
