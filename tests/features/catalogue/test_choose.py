"""Which cards the catalogue holds for the tables that are present."""

from __future__ import annotations

from undertow.features.catalogue.choose import FEATURES, make_catalogue
from undertow.features.tables import ALL_TABLES


def test_every_family_and_nearly_every_table_has_a_card() -> None:
    assert {feature.family for feature in FEATURES} == {"ux", "cx", "usage", "billing", "contract", "profile"}
    read = {table for feature in FEATURES for table in feature.tables}
    assert read == set(ALL_TABLES) - {"merges", "contacts", "rates", "list_prices", "scores", "visitors"}


def test_a_missing_table_drops_its_cards_and_says_which() -> None:
    catalogue = make_catalogue(["accounts", "subscriptions", "events"])
    assert catalogue.dropped["tickets_opened"] == "tickets"
    assert catalogue.dropped["failed_payments"] == "payments"
    assert {table for feature in catalogue.features for table in feature.tables} == {
        "accounts", "subscriptions", "events",
    }  # fmt: skip
    assert len(catalogue.features) + len(catalogue.dropped) == len(FEATURES)


def test_a_profile_column_of_ones_own_becomes_a_card() -> None:
    catalogue = make_catalogue(["accounts"], own_profile=[("industry", False), ("staff_size", True)])
    cards = {feature.name: feature for feature in catalogue.features}
    assert (cards["profile_industry"].unit, cards["profile_staff_size"].unit) == ("text", "score")
    assert cards["profile_staff_size"].sentence == "Staff size"
