"""The pages of journeys and personas: their numbers, what is not known, and that nothing on them can run."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tests.serving.client import Client
from tests.serving.overviews_by_hand import HOSTILE, journeys_by_hand, personas_by_hand
from tests.serving.pages.reading import words
from undertow.serving import pages
from undertow.serving.pages.journeys.overviews import journeys, scale_end
from undertow.serving.published.list_query import AtRiskQuery

PAGES = ("/journeys", "/personas")


def test_the_answers_are_what_was_published(client: Client) -> None:
    assert client.get("/v1/journeys").json() == journeys_by_hand()
    assert client.get("/v1/personas").json() == personas_by_hand()


def test_a_touchpoint_says_who_is_in_it_what_trouble_is_and_what_followed(client: Client) -> None:
    read = words(client.get("/journeys").text)
    assert "1. Everyday use Accounts that visited in the last 30 days. In it now 6 Met trouble 2 Not known 1" in read
    assert "errors per page view in the last 30 days: above 2.5 %, which three in four stay within" in read
    assert "visits against the account's own usual pace: more than 20 % below usual." in read
    assert (
        "Those who met trouble left within 90 days more often than the others: +12.0 points (+5.0 to +20.0); "
        "+10.0 points (−1.0 to +19.0) beside others in the same contract positions." in read
    )
    assert "20.0 % (13.0 to 30.0) 20 of 100 observations, 80 accounts 2 EUR 2,700 EUR 2,700 EUR 900" in read
    assert "after 1 Jul 2024, 1 Oct 2024. Grade: associated." in read


def test_what_is_not_known_is_said(client: Client) -> None:
    read = words(client.get("/journeys").text)
    assert "Not enough data: one of the groups has 3 accounts, 30 are needed." in read
    assert "not enough data 1 of 3 observations" in read
    assert "Not available: it needs days_to_renewal, which this project does not have." in read


def test_a_persona_has_its_name_share_profile_churn_and_value(client: Client) -> None:
    read = words(client.get("/personas").text)
    assert "Few visits, slow pages 67 % 15.0 % (11.0 to 20.0) 60 of 400 observations, 300 accounts 4 EUR 1,100" in read
    assert "not enough data 1 of 12 observations, 10 accounts" in read
    assert "Usage Visits (sessions) in the last 30 days 1 3" in read
    assert "2 0.95 33 % 40 % 20 % yes" in read


@pytest.mark.parametrize("url", PAGES)
def test_nothing_on_the_pages_can_run_and_nothing_is_fetched(client: Client, url: str) -> None:
    answer = client.get(url)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text and HOSTILE in unescape(answer.text)
    assert not re.findall(r"""(?:src|href)=["']?https?:""", answer.text)


@pytest.mark.parametrize("url", PAGES)
def test_no_cause_is_claimed(client: Client, url: str) -> None:
    read = words(client.get(url).text).lower()
    assert "associated" in read
    assert not [word for word in ("because", "caused", "due to", "leads to") if word in read]


@pytest.mark.parametrize("url", PAGES)
def test_tables_have_captions_and_headings_with_their_direction(client: Client, url: str) -> None:
    html = client.get(url).text
    assert html.count("<table") == html.count("<caption>") > 0
    assert "<th>" not in html and '<th scope="row">' in html


def test_bars_of_a_page_share_one_scale_which_is_stated(client: Client) -> None:
    html = client.get("/journeys").text
    assert "bars from 0 to 30 %" in html
    assert re.findall(r'<i style="left:0;width:([\d.]+)%"', html) == ["66.67", "26.67", "0.00"]  # 20, 8 and 0 of 30 %
    assert scale_end([]) == 0.1 and scale_end([{"high": 0.97}]) == 1.0


def test_the_list_and_its_accounts_lead_to_both_pages_and_back(client: Client) -> None:
    for url, root in (("/", "./"), ("/accounts/A-00042", "../"), ("/journeys", "./")):
        html = client.get(url).text
        assert f'<a href="{root}journeys">' in html and f'<a href="{root}personas">' in html
    assert '<a href="./" class="brand">' in client.get("/personas").text


def test_who_sees_the_accounts_of_one_owner_alone_is_not_led_to_what_is_said_of_all(client: Client) -> None:
    mine = client.app.state.reader.latest().of_owner("Tom Okafor")
    assert mine.journeys == mine.personas == {}
    listed = pages.at_risk(mine, AtRiskQuery(), mine.select(AtRiskQuery()))
    for html in (listed, pages.account(mine, mine.account("zero"))):
        assert "Tom Okafor" in html and "journeys" not in html


def test_a_list_published_before_there_were_any_still_opens_and_says_so(older: Client) -> None:
    assert older.get("/").status_code == 200
    for name in ("journeys", "personas"):
        said = f"this list was published before there was {name}; run `undertow score`"
        answer = older.get(f"/v1/{name}").json()
        assert (answer["why_not"], answer["as_of"], answer["accounts"]) == (said, "2025-01-31", 6)
        assert said[1:] in words(older.get(f"/{name}").text)


def test_a_parameter_is_refused_on_a_page_as_a_page(client: Client) -> None:
    refused = client.get("/journeys?x=1")
    assert refused.status_code == 422 and "text/html" in refused.headers["content-type"]


def test_where_nobody_cancels_the_words_are_those_of_staying_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: Any = client.app.state.reader.latest()
    monkeypatch.setitem(published.manifest, "kind", "inactivity")
    read = words(journeys(published))
    assert "stayed away for 90 days more often" in read and "Mean MRR" not in read
