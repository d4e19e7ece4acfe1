"""The table of sentences names cards of the catalogue, and every sentence can be filled in."""

from __future__ import annotations

import pytest

from tests.serving.jobs.model_by_hand import model_column
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.catalogue.choose import FEATURES
from undertow.serving.jobs.evidence import CARD_OF_COVARIATE
from undertow.serving.jobs.sentences import AHEAD, FROM_DUE, NULL_IS_BEST, PLAIN_MEASURES, SENTENCES, sentence

CARDS = {feature.name: feature for feature in FEATURES}
CAUSAL = ("because", "caused", "causes", "due to", "leads to", "drives")


def test_every_card_named_is_in_the_catalogue_and_can_be_a_reason() -> None:
    plain = {card for cards in PLAIN_MEASURES.values() for card in cards}
    named = {*SENTENCES, *PLAIN_MEASURES, *plain, *NULL_IS_BEST, *FROM_DUE, *AHEAD}
    assert named <= set(CARDS)
    assert {CARDS[name].family for name in named} == set(REASON_FAMILIES)


def test_a_plain_measure_is_of_the_same_family_and_has_a_better_side() -> None:
    for card, plain in PLAIN_MEASURES.items():
        assert CARDS[card].feeds or card in CARD_OF_COVARIATE.values()
        for other in plain:
            assert CARDS[other].family == CARDS[card].family, (card, other)
            assert CARDS[other].good, other


def test_cards_of_which_nothing_is_said_to_be_best_are_null_then() -> None:
    assert all(CARDS[name].null_means != "never null" and CARDS[name].good == "low" for name in NULL_IS_BEST)


def test_every_card_that_feeds_the_model_and_can_be_worse_has_a_sentence_of_its_own() -> None:
    assert {name for name, card in CARDS.items() if card.family in REASON_FAMILIES and card.feeds and card.good} <= set(
        SENTENCES
    )


def test_a_card_without_a_sentence_of_its_own_is_said_by_its_description() -> None:
    [_, logins, *_] = CARDS["logins"].columns
    assert "logins" not in SENTENCES and logins.window == 30
    assert sentence(model_column(logins), 2.0, 5.0, 9.0, "EUR") == (
        "logins in the last 30 days: 2, 5 before; typical for accounts like it 9"
    )


@pytest.mark.parametrize("feature", [card for card in FEATURES if card.family in REASON_FAMILIES and card.good])
def test_every_card_can_be_said_in_one_line_without_causal_words(feature: object) -> None:
    for column in feature.columns:  # type: ignore[attr-defined]
        text = sentence(model_column(column), 0.5, 0.25, 0.125, "EUR")
        assert "{" not in text and "None" not in text and "\n" not in text
        assert text[0].islower() or text[0].isdigit() or column.feature.name not in SENTENCES
        assert not [word for word in CAUSAL if word in text]
