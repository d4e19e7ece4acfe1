"""Every profile card by hand: what is stated of an account, and the value of each of the card's columns."""

from __future__ import annotations

import pytest

from tests.features.catalogue.rows import ComputeExample, Example, account

EXAMPLES = [
    Example("segment", "as stated", account(9, segment="large"), {"segment": "large"}),
    Example("segment", "not stated", account(9), {"segment": None}),
    Example("country", "as stated", account(9, country="DE"), {"country": "DE"}),
    Example("acquisition", "as stated", account(9, acquisition="fair"), {"acquisition": "fair"}),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_profile_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
