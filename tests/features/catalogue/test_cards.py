"""Every card of the catalogue can be read, compiled and believed; a wrong card is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from tests.features.catalogue.rows import ERRORS
from undertow.features.catalogue.cards import FAMILIES, REASON_FAMILIES, Feature, definition_id
from undertow.features.catalogue.checks import resolve
from undertow.features.catalogue.choose import FEATURES, make_catalogue
from undertow.features.catalogue.language import ZERO_WHEN_NOTHING, Combination, Expression, Measure, rows_of
from undertow.features.catalogue.ux import events
from undertow.features.compiler.plan import plan_features
from undertow.features.tables import ALL_TABLES

AS_OF = datetime(2024, 3, 31)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_card_can_be_read(feature: Feature) -> None:
    assert feature.sentence[0].isupper() and not feature.sentence.endswith(".")
    assert feature.name == feature.name.lower() and " " not in feature.name
    assert feature.null_means and feature.unit
    assert not feature.windows or feature.lookback is None, "a windowed card looks no further than its windows"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_card_says_never_null_exactly_where_it_never_is(feature: Feature) -> None:
    """A count, sum or distinct is 0 when nothing happened; every other measure has a null to explain."""
    always = _is_never_null(feature.measure)
    is_tenure = feature.name == "tenure_days"  # every account has been created
    assert (feature.null_means == "never null") == (always or is_tenure)


def _is_never_null(measure: Expression) -> bool:
    if isinstance(measure, Combination):
        return measure.null_is_zero or all(_is_never_null(term) for _, term in measure.terms)
    return isinstance(measure, Measure) and measure.statistic in ZERO_WHEN_NOTHING


def test_an_account_without_any_row_has_counts_of_0_and_nulls_elsewhere(
    features_of: Callable[..., dict],
) -> None:
    columns = make_catalogue(ALL_TABLES).columns
    values = features_of(columns, {"accounts": [{"account_id": "a", "created_at": datetime(2024, 3, 1)}]}, AS_OF)["a"]
    for column in columns:
        expected = 0.0 if column.feature.null_means == "never null" else None
        if column.name != "tenure_days":
            assert values[column.name] == expected, column.name
    assert values["tenure_days"] == 30.0


def test_a_card_names_its_columns_and_says_what_each_covers() -> None:
    assert {column.name: column.sentence for column in ERRORS.columns} == {
        "errors_7": "Errors met in the last 7 days",
        "errors_trend_30": "Errors met, last 30 days against the 30 before",
    }
    mrr = Feature("mrr", "MRR", "billing", "relationship", "money", rows_of("subscriptions").sum("mrr"), change=90)
    assert {column.name: column.sentence for column in mrr.columns} == {
        "mrr": "MRR",
        "mrr_change_90": "MRR, change over 90 days",
    }


def test_a_card_feeds_the_model_with_the_one_column_it_names() -> None:
    assert not any(column.feeds for column in ERRORS.columns)
    card = replace(ERRORS, windows=(7, 30), trend=30, peers=30, feeds=30)
    assert [column.name for column in card.columns if column.feeds] == ["errors_30"]
    mrr = Feature("mrr", "MRR", "billing", "relationship", "money", rows_of("subscriptions").sum("mrr"), change=90)
    assert [column.name for column in replace(mrr, feeds=True).columns if column.feeds] == ["mrr"]
    assert not any(column.feeds for column in mrr.columns)


def test_a_column_reads_others_by_its_peers_or_by_the_rows_of_all_accounts() -> None:
    found = {column.name: column.reads_others for column in make_catalogue(ALL_TABLES).columns}
    assert all(found[name] for name in ("error_rate_peers_30", "error_share_usual", "errors_met_by_all", "visit_pace"))
    assert not any(found[name] for name in ("error_rate_30", "mrr", "price_rise", "seats_active_share_90"))


def test_every_family_feeds_the_model_and_a_deviation_has_a_good_side() -> None:
    feeding = [feature for feature in FEATURES if any(column.feeds for column in feature.columns)]
    assert {feature.family for feature in feeding} == set(FAMILIES)
    deviating = [feature for feature in FEATURES if feature.deviates]
    assert {feature.family for feature in deviating} == set(REASON_FAMILIES)
    assert all(feature.good and feature.feeds for feature in deviating)


@pytest.mark.parametrize(
    "changed",
    [
        replace(ERRORS, measure=events.where(kind="crash").count()),
        replace(ERRORS, measure=events.where(kind="error").distinct("name")),
        replace(ERRORS, windows=(30,)),
        replace(ERRORS, trend=7),
        replace(ERRORS, change=7),
        replace(ERRORS, lookback=365),
        replace(ERRORS, name="mistakes"),
    ],
)
def test_another_meaning_is_another_definition(changed: Feature) -> None:
    assert definition_id(changed) != definition_id(ERRORS)
    assert make_catalogue(["events"], features=[changed]).id != make_catalogue(["events"], features=[ERRORS]).id


def test_another_wording_is_the_same_definition() -> None:
    other = replace(ERRORS, sentence="Errors", good="low", feeds=7, deviates=True)
    assert definition_id(other) == definition_id(ERRORS)


@pytest.mark.parametrize("feature", resolve(FEATURES), ids=lambda feature: feature.name)
def test_a_card_compiles_by_itself(feature: Feature) -> None:
    query = plan_features(feature.columns).sql()
    assert all(f'AS "{column.name}"' in query for column in feature.columns)


def test_the_query_is_the_same_each_time() -> None:
    assert plan_features(ERRORS.columns).sql() == plan_features(ERRORS.columns).sql()
