"""Reasons for a score that a person can act on: at most two feature families per account, with evidence.

A reason is an association: the score reacts to what is shown, which need not be a cause of churn. The profile family
is never a reason: nobody can act on who a customer is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from undertow.features.catalogue.cards import FAMILIES
from undertow.serving.formatting import measured
from undertow.serving.jobs.announcements import Notice, notice_of
from undertow.serving.published.answers import Evidence, Reason
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import NOTICE
from undertow.training.bundle.scores import Scores
from undertow.training.examples.announced import ANNOUNCED
from undertow.training.examples.encoding import ModelColumn

MOST_FAMILIES = 2
MOST_EVIDENCE = 2
STANDS_OUT = 0.1  # of the typical value
MIN_CONTRIBUTION = 0.002  # probability points below which a family is not a reason
CARD_OF_COVARIATE = {
    "period_renewals": "days_to_renewal",
    "period_days_to_renewal": "days_to_renewal",
    "period_card_expires": "days_to_card_expiry",
    "period_in_dunning": "in_dunning",
    "period_dunning_days": "days_since_failed_payment",
    "period_list_price_rise": "list_price_step_ahead",
    "notice": "mrr_ending",
}
PREFERRED_WINDOW = 30  # days; the window that evidence shows, where a card has it


def reason_text(reason: Reason) -> str:
    """Return a reason as one line: its family and every piece of evidence."""
    return f"{reason.family}: " + "; ".join(evidence.said for evidence in reason.evidence)


def reasons_of(bundle: Bundle, scores: Scores, row: int, values: Mapping[str, object]) -> tuple[Reason, ...]:
    """Return the reasons of one account; `values`: its features, column -> value.

    Where the account has given notice, that is the first reason.
    """
    by_family = scores.probability_by_family[row]
    ranked = [FAMILIES[position] for position in np.argsort(-by_family)]
    notice = notice_of(values, bundle.notice_probability)
    if notice:
        ranked.sort(key=lambda family: family != "billing")
    reasons = []
    for family in ranked:
        contribution = float(by_family[FAMILIES.index(family)])
        gave_notice = notice if family == "billing" else None
        if family == "profile" or (contribution < MIN_CONTRIBUTION and not gave_notice):
            continue
        evidence = _evidence(bundle, scores.probability_by_feature[row], family, values, gave_notice)
        if evidence:
            agreement = float(np.mean(scores.first_family[row] == FAMILIES.index(family)))
            reasons.append(Reason(family, contribution, agreement, list(evidence)))
    return tuple(reasons[:MOST_FAMILIES])


def _evidence(
    bundle: Bundle, contributions: np.ndarray, family: str, values: Mapping[str, object], notice: Notice | None
) -> tuple[Evidence, ...]:
    """Return evidence from the cards of a family that raise the score most, one column per card; a notice first."""
    cards = _by_card(bundle, contributions, family)
    raising = sorted((card for card in cards if cards[card] > 0), key=lambda card: -cards[card])
    shown = [_evidence_of_card(bundle, card, values) for card in raising if not (notice and card in ANNOUNCED)]
    if notice:
        shown.insert(0, _evidence_of_notice(notice, values))
    return tuple(evidence for evidence in shown if evidence is not None)[:MOST_EVIDENCE]


def _evidence_of_notice(notice: Notice, values: Mapping[str, object]) -> Evidence:
    _, _, sentence = NOTICE
    return Evidence("mrr_ending", sentence, "money/month", _number(values.get("mrr_ending")), None, None, notice.text)


def _by_card(bundle: Bundle, contributions: np.ndarray, family: str) -> dict[str, float]:
    card_of = {column.name: column.card for column in bundle.columns} | CARD_OF_COVARIATE
    summed: dict[str, float] = {}
    names = zip(bundle.contribution_names, bundle.contribution_families, contributions, strict=True)
    for name, of_family, contribution in names:
        if of_family == family:
            card = card_of.get(name, name)
            summed[card] = summed.get(card, 0.0) + float(contribution)
    return summed


def _evidence_of_card(bundle: Bundle, card: str, values: Mapping[str, object]) -> Evidence | None:
    column = _column_to_show(bundle, card, values)
    if column is None:
        return None
    value = _number(values.get(column.name))
    before = _before(bundle, column, values, value)
    typical = bundle.typical_value(column.name, str(values.get("segment") or ""))
    if not _stands_out(column, value, before, typical):
        return None
    text = _sentence(column, value, before, typical, bundle.value.currency)
    return Evidence(column.name, column.sentence, column.unit, value, before, typical, text)


def _stands_out(
    column: ModelColumn, value: float | None, before: float | None, typical: float | None
) -> bool:
    """Return whether a value stands out as evidence: a tenth worse than typical, or than before.

    Where a card has no better side, it must differ by as much.
    """
    if value is None:
        return False
    others = [other for other in (before, typical) if other is not None]
    if column.good is None:
        return not others or any(abs(value - other) > STANDS_OUT * abs(other) for other in others)
    sign = 1 if column.good == "low" else -1
    return any(sign * (value - other) > STANDS_OUT * abs(other) for other in others)


def _column_to_show(bundle: Bundle, card: str, values: Mapping[str, object]) -> ModelColumn | None:
    """Return the card's column to show: a known level over 30 days, or the nearest window to it."""
    levels = [
        column
        for column in bundle.columns
        if column.card == card and column.against is None and not column.is_text
    ]
    known = [column for column in levels if _number(values.get(column.name)) is not None]
    return min(known, key=lambda column: abs((column.window or 0) - PREFERRED_WINDOW), default=None)


def _before(
    bundle: Bundle, column: ModelColumn, values: Mapping[str, object], value: float | None
) -> float | None:
    """Return the value one window earlier, where the card has a trend or a change over it."""
    for other in bundle.columns:
        if other.card == column.card and other.against == "earlier" and other.window == column.window:
            moved = _number(values.get(other.name))
            return None if moved is None or value is None else value - moved
    return None


def _sentence(
    column: ModelColumn, value: float | None, before: float | None, typical: float | None, currency: str
) -> str:
    text = f"{column.sentence[:1].lower()}{column.sentence[1:]}: {measured(value, column.unit, currency)}"
    beside = []
    if before is not None:
        beside.append(f"before: {measured(before, column.unit, currency)}")
    if typical is not None:
        beside.append(f"typical: {measured(typical, column.unit, currency)}")
    return f"{text} ({', '.join(beside)})" if beside else text


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    return None
