"""Every card of the catalogue can be read, compiled and believed; a wrong card is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from undertow.features.catalogue.cards import Feature, definition_id
from undertow.features.catalogue.checks import check_features, resolve
from undertow.features.catalogue.choose import FEATURES, make_catalogue
from undertow.features.catalogue.language import (
    ZERO_WHEN_NOTHING,
    Combination,
    Expression,
    Measure,
    Rows,
    measures,
    named,
    rows_of,
)
from undertow.features.compiler.plan import plan_features
from undertow.features.errors import DefinitionError
from undertow.features.tables import TABLES

AS_OF = datetime(2024, 3, 31)
events = rows_of("events")
ERRORS = Feature(
    "errors",
    "Errors met",
    "ux",
    "interaction",
    "count",
    events.where(kind="error").count(),
    windows=(7,),
    trend=30,
)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_card_can_be_read(feature: Feature) -> None:
    assert feature.sentence[0].isupper() and not feature.sentence.endswith(".")
    assert feature.name == feature.name.lower() and " " not in feature.name
    assert feature.null_means and feature.unit
    assert not feature.windows or feature.lookback is None, (
        "a windowed card looks no further than its windows"
    )


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_card_says_never_null_exactly_where_it_never_is(feature: Feature) -> None:
    """A count, sum or distinct is 0 when nothing happened; every other measure has a null to explain."""
    always = _is_never_null(feature.measure)
    is_tenure = feature.name == "tenure_days"  # every account has been created
    assert (feature.null_means == "never null") == (always or is_tenure)


def _is_never_null(measure: Expression) -> bool:
    if isinstance(measure, Combination):
        return all(_is_never_null(term) for _, term in measure.terms)
    return isinstance(measure, Measure) and measure.statistic in ZERO_WHEN_NOTHING


def test_an_account_without_any_row_has_counts_of_0_and_nulls_elsewhere(
    features_of: Callable[..., dict],
) -> None:
    columns = make_catalogue(TABLES).columns
    values = features_of(
        columns, {"accounts": [{"account_id": "a", "created_at": datetime(2024, 3, 1)}]}, AS_OF
    )["a"]
    for column in columns:
        expected = 0.0 if column.feature.null_means == "never null" else None
        if column.name != "tenure_days":
            assert values[column.name] == expected, column.name
    assert values["tenure_days"] == 30.0


def test_every_family_and_nearly_every_table_has_a_card() -> None:
    assert {feature.family for feature in FEATURES} == {"ux", "cx", "usage", "billing", "profile"}
    read = {table for feature in FEATURES for table in feature.tables}
    assert read == set(TABLES) - {"merges", "contacts"}


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


def test_a_card_names_its_columns_and_says_what_each_covers() -> None:
    assert {column.name: column.sentence for column in ERRORS.columns} == {
        "errors_7": "Errors met in the last 7 days",
        "errors_trend_30": "Errors met, last 30 days against the 30 before",
    }
    mrr = Feature(
        "mrr", "MRR", "billing", "relationship", "money", rows_of("subscriptions").sum("mrr"), change=90
    )
    assert {column.name: column.sentence for column in mrr.columns} == {
        "mrr": "MRR",
        "mrr_change_90": "MRR, change over 90 days",
    }


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
    assert (
        make_catalogue(["events"], features=[changed]).id != make_catalogue(["events"], features=[ERRORS]).id
    )


def test_another_wording_is_the_same_definition() -> None:
    assert definition_id(replace(ERRORS, sentence="Errors", good="low")) == definition_id(ERRORS)


def test_a_ratio_is_made_of_both_its_measures() -> None:
    ratio = events.where(kind="error").count() / events.count()
    assert [measure.statistic for measure in measures(ratio)] == ["count", "count"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(ERRORS, family="uxx"), "errors: unknown family 'uxx'; known: ux, cx"),
        (replace(ERRORS, level="click"), "errors: unknown level 'click'; known: interaction"),
        (replace(ERRORS, windows=(0,)), "errors: unknown window 0; windows are 7, 30, 90, 180, 365 days"),
        (replace(ERRORS, windows=(31,)), "unknown window 31"),
        (replace(ERRORS, trend=-30), "unknown window -30"),
        (replace(ERRORS, own=90), "errors: own=90 leaves no days before it"),
        (replace(ERRORS, peers=45), "unknown window 45"),
        (replace(ERRORS, lookback=1.5), "a whole number of days above 0, came 1.5"),
        (replace(ERRORS, change=-1), "a whole number of days above 0, came -1"),
        (replace(ERRORS, measure=events.where(kind="eror").count()), "no kind 'eror'. Did you mean 'error'"),
        (replace(ERRORS, measure=rows_of("surveys").where(kind=("nps", "csta")).count()), "Did you mean 'csat'"),
        (replace(ERRORS, measure=named("eror_rate")), "errors names the unknown feature 'eror_rate'"),
        (replace(ERRORS, measure=named("errors") / events.count()), "lead back to themselves: errors -> errors"),
        (replace(ERRORS, measure=Rows("evnts", "at").count()), "table 'evnts'. Did you mean 'events'"),
        (replace(ERRORS, measure=events.sum("valeu")), "no column 'valeu'. Did you mean 'value'"),
        (replace(ERRORS, measure=events.where(kid="error").count()), "no column 'kid'. Did you mean 'kind'"),
        (replace(ERRORS, measure=events.timed_by("ocurred_at").count()), "Did you mean 'occurred_at'"),
        (replace(ERRORS, measure=events.count() / events.sum("valeu")), "Did you mean 'value'"),
        (replace(ERRORS, measure=events.quantile("value", 95)), "a quantile's share lies in 0 to 1, came 95"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_compiled_is_refused_by_name(wrong: Feature, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        check_features([wrong])


def test_a_column_that_two_cards_yield_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Two features yield the column 'errors_7'; rename one"):
        check_features([ERRORS, ERRORS])


@pytest.mark.parametrize("feature", resolve(FEATURES), ids=lambda feature: feature.name)
def test_a_card_compiles_by_itself(feature: Feature) -> None:
    query = plan_features(feature.columns).sql()
    assert all(f'AS "{column.name}"' in query for column in feature.columns)


def test_cards_that_lead_back_to_themselves_are_refused_with_the_way_round() -> None:
    round_trip = [
        replace(ERRORS, name=name, measure=named(other) / events.count())
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    with pytest.raises(DefinitionError, match="Features lead back to themselves: a -> b -> c -> a"):
        check_features(round_trip)


def test_a_named_card_stands_for_its_measure_at_as_of_where_it_has_no_windows() -> None:
    seats = replace(ERRORS, name="seats", measure=rows_of("subscriptions").sum("seats"), windows=(), trend=None)
    share = replace(ERRORS, name="share", measure=named("errors") / named("seats"))
    resolved = resolve([ERRORS, seats, share])[2]
    assert resolved.measure == ERRORS.measure / seats.measure.ever()


def test_a_time_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = TABLES["tickets"]
    bare = [replace(c, known_from=None) if c.name == "resolved_at" else c for c in tickets.columns]
    monkeypatch.setitem(TABLES, "tickets", replace(tickets, columns=tuple(bare)))
    wrong = replace(ERRORS, measure=rows_of("tickets").still("resolved_at").count())
    with pytest.raises(DefinitionError, match=r"errors: tickets.resolved_at is a time .* \(known_from\) nor"):
        check_features([wrong])


def test_the_query_is_the_same_each_time() -> None:
    assert plan_features(ERRORS.columns).sql() == plan_features(ERRORS.columns).sql()
