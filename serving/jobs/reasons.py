"""Reasons for a score that a person can act on: at most two feature families per account, with evidence.

Families are ranked by the percentage points that they add to the score of accounts in the same contract position. A
reason is an association: the score reacts to what is shown, which need not be a cause of churn. Contract and profile
are never a reason: they are what like accounts have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.serving.jobs.announcements import notice_of
from undertow.serving.jobs.evidence import Facts, evidence_of_family, evidence_of_notice
from undertow.serving.published.answers import NONE_STANDS_OUT, Reason
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.bundle.stability import CLEAR_LEAD, leads

MOST_FAMILIES = 2
MOST_EVIDENCE = 2
MIN_CONTRIBUTION = 0.002  # probability below which a family is not a reason


@dataclass(frozen=True)
class Reasons:
    """The reasons of one account, the first one first.

    `stands_out`: whether the first one is a notice, or leads the second family by a percentage point or more.
    """

    ranked: tuple[Reason, ...]
    stands_out: bool


def reason_line(reasons: Reasons, number: int) -> str | None:
    """Return a reason as one line: its family and every piece of evidence; None where there are not so many.

    The first line begins with "no single reason stands out" where that is so.
    """
    if number >= len(reasons.ranked):
        return None
    reason = reasons.ranked[number]
    line = f"{reason.family}: " + "; ".join(evidence.said for evidence in reason.evidence)
    return line if number or reasons.stands_out else f"{NONE_STANDS_OUT}; {line}"


def reasons_of(
    bundle: Bundle,
    scores: Scores,
    row: int,
    values: Mapping[str, object],
    before: Mapping[str, object],
    typical: Mapping[str, float],
) -> Reasons:
    """Return the reasons of one account; a family without evidence gives way to the next.

    `values`: its features, column -> value; `before`: those of 30 days earlier, `typical`: the medians of accounts in
    the same contract position, where known. Where the account has given notice, that is the first reason.
    """
    by_family = scores.probability_by_family[row]
    facts = Facts(bundle, scores.probability_by_feature[row], values, before, typical)
    notice = notice_of(values, bundle.notice_probability)
    ranked = [REASON_FAMILIES[position] for position in np.argsort(-by_family, kind="stable")]
    first, lead = ranked[0], float(leads(by_family[None])[0])
    if notice:
        ranked.sort(key=lambda family: family != "billing")
    reasons = []
    for family in ranked:
        contribution, gave_notice = float(by_family[REASON_FAMILIES.index(family)]), notice and family == "billing"
        if contribution < MIN_CONTRIBUTION and not gave_notice:
            continue
        evidence = evidence_of_family(facts, family, leave_out_announced=bool(notice))
        if notice and gave_notice:
            evidence = [evidence_of_notice(notice, values), *evidence]
        if evidence:
            stated = family == first and not gave_notice
            agreement = bundle.stability.agreement(_headline(bundle, scores, row), lead) if stated else None
            reasons.append(Reason(family, contribution, agreement, evidence[:MOST_EVIDENCE]))
    leads_clearly = bool(reasons) and reasons[0].family == first and lead >= CLEAR_LEAD
    return Reasons(tuple(reasons[:MOST_FAMILIES]), bool(notice) or leads_clearly)


def _headline(bundle: Bundle, scores: Scores, row: int) -> float:
    return float(scores.probability[row, bundle.ends.index(bundle.headline)])


def how_reasons_are_made(bundle: Bundle) -> str:
    """Return which kind of model serves, and what its reasons therefore are."""
    is_free = any(model.recipe is not None and not model.recipe.structured for model in bundle.causes)
    alike = "of like tenure and profile" if bundle.kind == "inactivity" else "in the same contract position"
    usual = f"minus what is usual for accounts {alike}"
    if is_free:
        return f"The model is of free trees: reasons are their TreeSHAP values, {usual}."
    return f"The model is a sum of parts by family: reasons are these parts, {usual}."
