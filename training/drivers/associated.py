"""Drivers of the scores: contributions per feature family, overall and by segment. Grade: associated, not causal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from undertow.features.catalogue.cards import FAMILIES
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import NOTICE
from undertow.training.bundle.scores import Scores
from undertow.training.examples.person_periods import COVARIATES

TOP_FEATURES = 5
FEW_ACCOUNTS = 30  # a smaller segment is marked too few
GRADE = "associated"
NOTE = (
    "Associated: how far the scores react to each family. It does not say what would happen if "
    "something were changed; only a test with a control group can."
)


def drivers(
    bundle: Bundle, scores: Scores, segments: Sequence[str | None], as_of: str
) -> dict[str, object]:
    """Return the drivers as plain JSON; contributions are probability points at the headline horizon."""
    shares = scores.probability_by_family
    return {
        "as_of": as_of,
        "horizon": bundle.headline,
        "accounts": len(shares),
        "grade": GRADE,
        "note": NOTE,
        "families": sorted(
            (_family(bundle, scores, family) for family in FAMILIES),
            key=lambda family: -float(str(family["mean_absolute_contribution"])),
        ),
        "segments": _by_segment(bundle, scores, segments),
    }


def _family(bundle: Bundle, scores: Scores, family: str) -> dict[str, object]:
    position = FAMILIES.index(family)
    shares = scores.probability_by_family[:, position]
    actionable = scores.probability_by_family.copy()
    actionable[:, FAMILIES.index("profile")] = -np.inf
    first = actionable.argmax(axis=1) == position
    return {
        "family": family,
        "mean_absolute_contribution": _mean(np.abs(shares)),
        "mean_contribution": _mean(shares),
        "share_of_accounts_first": None if family == "profile" else _mean(first),
        "top_features": _top_features(bundle, scores, family),
    }


def _top_features(bundle: Bundle, scores: Scores, family: str) -> list[dict[str, object]]:
    sentences = {column.name: column.sentence for column in bundle.columns}
    sentences |= {name: sentence for name, _, sentence in (*COVARIATES, NOTICE)}
    size = np.abs(scores.probability_by_feature).mean(axis=0) if len(scores.probability) else np.zeros(0)
    named = zip(bundle.contribution_names, bundle.contribution_families, size, strict=False)
    mine = sorted(((float(s), name) for name, of, s in named if of == family and s > 0), reverse=True)
    return [
        {"feature": name, "sentence": sentences[name], "mean_absolute_contribution": s}
        for s, name in mine[:TOP_FEATURES]
    ]


def _by_segment(
    bundle: Bundle, scores: Scores, segments: Sequence[str | None]
) -> list[dict[str, object]]:
    headline = bundle.ends.index(bundle.headline)
    named = np.array([segment or "not stated" for segment in segments], dtype=object)
    overview: list[dict[str, object]] = []
    for segment in sorted(set(named)):
        mine = named == segment
        few = bool(mine.sum() < FEW_ACCOUNTS)
        families = [
            {"family": family, "mean_contribution": _mean(scores.probability_by_family[mine, position])}
            for position, family in enumerate(FAMILIES)
        ]
        overview.append(
            {
                "segment": segment,
                "accounts": int(mine.sum()),
                "too_few": few,
                "mean_probability": _mean(scores.probability[mine, headline]),
                "families": [] if few else families,
            }
        )
    return overview


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
