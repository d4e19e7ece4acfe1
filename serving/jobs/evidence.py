"""Evidence of a reason: the measures of a feature family that are worse than those of like accounts, or than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from undertow.serving.formatting import measured
from undertow.serving.jobs.announcements import Notice
from undertow.serving.jobs.sentences import AHEAD, FROM_DUE, NULL_IS_BEST, PLAIN_MEASURES, sentence
from undertow.serving.published.answers import Evidence
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import NOTICE
from undertow.training.examples.announced import ANNOUNCED
from undertow.training.examples.encoding import ModelColumn

WORSE_BY = 0.1  # of the value it is compared with; of a log ratio, 0.1
PREFERRED_WINDOW = 30  # days; the window that evidence shows, where a card has it
CARD_OF_COVARIATE = {
    "period_card_expires": "days_to_card_expiry",
    "period_in_dunning": "in_dunning",
    "period_dunning_days": "in_dunning",
    "period_list_price_rise": "list_price_step_ahead",
    "notice": "mrr_ending",
}


@dataclass(frozen=True)
class Facts:
    """What is known of one account: its contributions, (U,), and its features now, 30 days before, and typical ones."""

    bundle: Bundle
    contributions: np.ndarray
    values: Mapping[str, object]
    before: Mapping[str, object]
    typical: Mapping[str, float]


def evidence_of_notice(notice: Notice, values: Mapping[str, object]) -> Evidence:
    """Return the notice that an account has given as evidence."""
    _, _, described = NOTICE
    return Evidence("mrr_ending", described, "money/month", _number(values, "mrr_ending"), None, None, notice.text)


def evidence_of_family(facts: Facts, family: str, leave_out_announced: bool = False) -> list[Evidence]:
    """Return evidence from the cards of a family, those that raise the score most first.

    Each card that raises the score is stated by the first of its PLAIN_MEASURES that is worse, or else by itself where
    it is worse; so a plain measure takes the contribution of the card that feeds the model. Worse: by a tenth of what
    is typical of accounts in the same contract position, or of the value 30 days before, on the side that is worse
    for the customer; a card without such a side is no evidence. Nothing is stated twice: a card whose statement is
    there already is passed over.
    """
    by_card = _by_card(facts, family)
    raising = sorted((card for card in by_card if by_card[card] > 0), key=lambda card: -by_card[card])
    found: dict[str, Evidence] = {}
    for card in raising:
        if leave_out_announced and card in ANNOUNCED:
            continue
        stated = next(_worse(facts, (*PLAIN_MEASURES.get(card, ()), card)), None)
        if stated is not None:
            found.setdefault(stated.feature, stated)
    return list(found.values())


def _by_card(facts: Facts, family: str) -> dict[str, float]:
    """Return card -> the contribution of all its columns."""
    bundle = facts.bundle
    card_of = {column.name: column.card for column in bundle.columns} | CARD_OF_COVARIATE
    summed: dict[str, float] = {}
    names = zip(bundle.contribution_names, bundle.contribution_families, facts.contributions, strict=True)
    for name, of_family, contribution in names:
        if of_family == family:
            card = card_of.get(name, name)
            summed[card] = summed.get(card, 0.0) + float(contribution)
    return summed


def _worse(facts: Facts, cards: tuple[str, ...]) -> Iterator[Evidence]:
    """Yield those of the cards that are worse than typical or than before."""
    for card in cards:
        column = _column_to_show(facts, card)
        if column is None:
            continue
        value = _number(facts.values, column.name)
        before = _number(facts.before, column.name)
        typical = None if card in NULL_IS_BEST else _number(facts.typical, column.name)
        currency = facts.bundle.value.currency
        if value is None or (card in AHEAD and value > facts.bundle.headline):
            continue
        if _is_worse(column, value, before, typical, currency):
            said = sentence(column, value, before, typical, currency)
            yield Evidence(column.name, column.sentence, column.unit, value, before, typical, said)


def _is_worse(column: ModelColumn, value: float, before: float | None, typical: float | None, currency: str) -> bool:
    """Return whether a value is a tenth worse than one of the others, and does not read the same once rounded.

    A distance from what is usual, or from a due date, must also be on the worse side of 0.
    """
    if column.good is None:
        return False
    if column.card in NULL_IS_BEST and before is None:
        return value > 0
    sign = 1 if column.good == "low" else -1
    if (column.deviates or column.card in FROM_DUE) and sign * value <= 0:
        return False
    text = measured(value, column.unit, currency)
    return any(
        sign * (value - other) > WORSE_BY * (1.0 if column.unit == "log ratio" else abs(other))
        and measured(other, column.unit, currency) != text
        for other in (before, typical)
        if other is not None
    )


def _column_to_show(facts: Facts, card: str) -> ModelColumn | None:
    """Return the card's known column of a level: one that feeds the model, else that of the window nearest 30 days."""
    levels = [
        column
        for column in facts.bundle.columns
        if column.card == card
        and column.against is None
        and not column.is_text
        and _number(facts.values, column.name) is not None
    ]
    return min(
        levels,
        key=lambda column: (not column.feeds, abs((column.window or 0) - PREFERRED_WINDOW)),
        default=None,
    )


def _number(values: Mapping[str, object], name: str) -> float | None:
    value = values.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    return None
