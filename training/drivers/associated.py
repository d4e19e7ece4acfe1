"""Drivers of the scores: contributions per feature family, overall and by segment. Grade: associated, not causal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import NOTICE
from undertow.training.bundle.scores import Scores
from undertow.training.bundle.stability import CLEAR_LEAD, leads
from undertow.training.examples.person_periods import COVARIATES

TOP_FEATURES = 5
FEW_ACCOUNTS = 30  # a smaller segment is marked too few
GRADE = "associated"
NOTE = (
    "Associated: how far the scores react to each family, compared with accounts in the same contract position. It "
    "does not say what would happen if something were changed; only a test with a control group can."
)


def drivers(bundle: Bundle, scores: Scores, segments: Sequence[str | None], as_of: str) -> dict[str, object]:
    """Return the drivers as plain JSON; contributions are probabilities at the headline horizon.

    They are those of the reason families, over accounts in the same contract position. Context is stated apart: the
    mean probability of accounts in the same contract position, `mean_like_probability`, overall and per segment.
    """
    stands_out = leads(scores.probability_by_family) >= CLEAR_LEAD
    families = [_family(bundle, scores, family, stands_out) for family in REASON_FAMILIES]
    return {
        "as_of": as_of,
        "horizon": bundle.headline,
        "accounts": len(scores.probability),
        "grade": GRADE,
        "note": NOTE,
        "mean_like_probability": _mean(scores.like_probability),
        "share_of_accounts_where_one_stands_out": _mean(stands_out),
        "families": sorted(families, key=lambda family: -float(str(family["mean_absolute_contribution"]))),
        "segments": _by_segment(bundle, scores, segments),
    }


def _family(bundle: Bundle, scores: Scores, family: str, stands_out: np.ndarray) -> dict[str, object]:
    """Return the drivers of one family; `share_of_accounts_first`: among the accounts where one family stands out."""
    position = REASON_FAMILIES.index(family)
    shares = scores.probability_by_family[:, position]
    first = scores.probability_by_family[stands_out].argmax(axis=1) == position
    return {
        "family": family,
        "mean_absolute_contribution": _mean(np.abs(shares)),
        "mean_contribution": _mean(shares),
        "share_of_accounts_first": _mean(first) if len(first) else None,
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


def _by_segment(bundle: Bundle, scores: Scores, segments: Sequence[str | None]) -> list[dict[str, object]]:
    headline = bundle.ends.index(bundle.headline)
    named = np.array([segment or "not stated" for segment in segments], dtype=object)
    overview: list[dict[str, object]] = []
    for segment in sorted(set(named)):
        mine = named == segment
        few = bool(mine.sum() < FEW_ACCOUNTS)
        families = [
            {"family": family, "mean_contribution": _mean(scores.probability_by_family[mine, position])}
            for position, family in enumerate(REASON_FAMILIES)
        ]
        overview.append(
            {
                "segment": segment,
                "accounts": int(mine.sum()),
                "too_few": few,
                "mean_probability": _mean(scores.probability[mine, headline]),
                "mean_like_probability": _mean(scores.like_probability[mine]),
                "families": [] if few else families,
            }
        )
    return overview


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
