"""A feature card that cannot be compiled is refused by name, and cards that name others are resolved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.features.catalogue.rows import ERRORS
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.checks import check_features, resolve
from undertow.features.catalogue.language import Exposure, Rows, named, rows_of
from undertow.features.catalogue.ux import events
from undertow.features.errors import DefinitionError
from undertow.features.tables import ALL_TABLES

FADING = Feature("pace", "Pace", "ux", "interaction", "count", events.count().fading(7))
MET = Exposure(events.count().fading(7), events.count().fading(7), ("platform",), events.count().fading(7), 20.0)


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
        (replace(ERRORS, lookback=1.5), "a whole number of days above 0; got 1.5"),
        (replace(ERRORS, change=-1), "a whole number of days above 0; got -1"),
        (replace(ERRORS, measure=events.where(kind="eror").count()), "no kind 'eror'. Did you mean 'error'"),
        (replace(ERRORS, measure=rows_of("surveys").where(kind=("nps", "csta")).count()), "Did you mean 'csat'"),
        (replace(ERRORS, measure=named("eror_rate")), "errors names the unknown feature 'eror_rate'"),
        (replace(ERRORS, measure=named("errors") / events.count()), "lead back to themselves: errors -> errors"),
        (replace(ERRORS, measure=Rows("evnts", "at").count()), "table 'evnts'. Did you mean 'events'"),
        (replace(ERRORS, measure=events.sum("valeu")), "no column 'valeu'. Did you mean 'value'"),
        (replace(ERRORS, measure=events.where(kid="error").count()), "no column 'kid'. Did you mean 'kind'"),
        (replace(ERRORS, measure=events.timed_by("ocurred_at").count()), "Did you mean 'occurred_at'"),
        (replace(ERRORS, measure=events.count() / events.sum("valeu")), "Did you mean 'value'"),
        (replace(ERRORS, measure=events.quantile("value", 95)), "the share of a quantile must lie in 0 to 1; got 95"),
        (replace(ERRORS, feeds=30), r"feeds=30 names no column of the card; expected one of its windows \(7 days\)"),
        (replace(ERRORS, feeds=True), "feeds=True names no column of the card; expected one of its windows"),
        (replace(FADING, feeds=30), "feeds=30 names no column of the card; expected True"),
        (replace(FADING, measure=events.count().fading(0)), "count cannot fade with a half-life of 0 days; count, sum"),
        (replace(FADING, measure=events.count().fading(1.5)), "cannot fade with a half-life of 1.5 days"),
        (replace(FADING, measure=events.distinct("user_id").fading(7)), "distinct cannot fade with a half-life of 7"),
        (replace(FADING, measure=events.count().fading(7).ever()), "remove ever"),
        (replace(FADING, measure=events.count().fading(7).earlier(30)), "covers three years; remove ever"),
        (replace(FADING, windows=(7,)), "the card can have no windows, .* compare two half-lives instead"),
        (replace(FADING, change=30), "the card can have no windows, .* compare two half-lives instead"),
        (replace(FADING, lookback=30), "the card can have no windows, .* compare two half-lives instead"),
        (replace(FADING, peers=30), "the card can have no windows, .* compare two half-lives instead"),
        (replace(ERRORS, measure=replace(events.most_per("user_id"), of_all=True)), "'most per' is of one account"),
        (replace(FADING, measure=MET - replace(MET, use=events.count())), "an exposure must be fading counts or sums"),
        (replace(FADING, measure=replace(MET, use=events.mean("value").fading(7))), "must be fading counts or sums"),
        (replace(FADING, measure=replace(MET, use=rows_of("tickets").count().fading(7))), "sums of one table, timed"),
        (replace(FADING, measure=replace(MET, by=("platfrom",))), "no column 'platfrom'. Did you mean 'platform'"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_compiled_is_refused_by_name(wrong: Feature, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        check_features([wrong])


def test_a_column_that_two_cards_yield_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Two features yield the column 'errors_7'; rename one"):
        check_features([ERRORS, ERRORS])


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
    tickets = ALL_TABLES["tickets"]
    bare = [replace(c, known_from=None) if c.name == "resolved_at" else c for c in tickets.columns]
    monkeypatch.setitem(ALL_TABLES, "tickets", replace(tickets, columns=tuple(bare)))
    wrong = replace(ERRORS, measure=rows_of("tickets").still("resolved_at").count())
    with pytest.raises(DefinitionError, match=r"errors: tickets.resolved_at is a time .* \(known_from\) nor"):
        check_features([wrong])
