"""Journeys and personas as the command line prints them."""

from __future__ import annotations

from tests.serving.cli.typed import json_of, undertow
from tests.serving.overviews_by_hand import HOSTILE, journeys_by_hand, personas_by_hand


def test_the_journey_is_printed_as_the_page_says_it(tiny: str) -> None:
    shown = undertow("journeys", "--project", tiny).stdout
    assert "1. Everyday use" in shown and "6 accounts in it now, 2 met trouble; of 1 it is not known." in shown
    assert "left within 90 days more often than the others: +12.0 points (+5.0 to +20.0)" in shown
    assert "20.0 % (13.0 to 30.0)" in shown and "20 of 100" in shown
    assert "Not enough data: one of the groups has 3 accounts" in shown
    assert "Not available: it needs days_to_renewal" in shown
    assert "within 90 days after 2024-07-01, 2024-10-01. Associated" in shown


def test_the_personas_are_printed_with_their_profiles(tiny: str) -> None:
    shown = undertow("personas", "--project", tiny).stdout
    assert "Few visits, slow pages, 67 %" in shown and "15.0 % (11.0 to 20.0)" in shown
    assert "Visits (sessions) in the last 30 days" in shown and HOSTILE[:20] in shown


def test_as_json_they_are_what_was_published(tiny: str) -> None:
    assert json_of("journeys", "--project", tiny, "--json") == journeys_by_hand()
    assert json_of("personas", "--project", tiny, "--json") == personas_by_hand()


def test_drivers_are_printed_month_by_month_for_a_group(tiny: str) -> None:
    shown = undertow("drivers", "--project", tiny, "--segment", "small", "--from", "2024-06-01").stdout
    assert "Segment small, 2024-10-01: 105 accounts." in shown and "2024-05-01" not in shown
    assert "More since 2024-08-01: +" in shown and "Share of risk" in shown
    assert "Associated (shares): It does not say by how much risk would fall" in shown
    assert "Mostly through" not in shown  # the newest list as a whole
    assert "Mostly through" in undertow("drivers", "--project", tiny).stdout


def test_drivers_as_json_hold_the_months_that_were_asked_for(tiny: str) -> None:
    months = json_of("drivers", "--project", tiny, "--to", "2024-05-01", "--json")["by_month"]
    assert [month["as_of"] for month in months["by_month"]] == ["2024-03-01", "2024-04-01", "2024-05-01"]


def test_a_group_that_there_is_not_is_refused(tiny: str) -> None:
    refused = undertow("drivers", "--project", tiny, "--plan", "team")
    assert refused.exit_code == 1 and "Accounts are not grouped by plan" in refused.stderr
