"""The page of drivers and GET /v1/drivers/months: a group and a range of months, graded, and nothing that runs."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import msgspec
import pytest

from tests.serving.client import Client
from tests.serving.drivers_by_hand import SINCE, drivers_by_month_by_hand
from tests.serving.overviews_by_hand import HOSTILE
from tests.serving.pages.reading import words
from tests.training.drivers.monthly.by_hand import DAYS
from tests.training.drivers.monthly.by_hand import HOSTILE as LARGE
from undertow.serving.pages.journeys import month_charts
from undertow.serving.published.overviews.drivers_by_month import DriversByMonth

URL = "/v1/drivers/months"


def test_the_answer_is_one_group_and_what_is_described(client: Client) -> None:
    answer, published = client.get(URL).json(), drivers_by_month_by_hand()
    assert msgspec.to_builtins(msgspec.convert(answer, DriversByMonth)) == answer
    assert answer["by_month"] == published["groups"][0]["months"] and answer["group"] == {"by": "all", "name": ""}
    named = client.get(f"{URL}?segment=small").json()
    assert named["by_month"] == published["groups"][2]["months"] and named["metrics"]["months"] == []


def test_a_range_of_months_is_answered_and_the_change_stays_that_of_the_record(client: Client) -> None:
    answer = client.get(f"{URL}?from={DAYS[2]}&to={DAYS[5]}").json()
    days = list(DAYS[2:6])
    assert [month["as_of"] for month in answer["by_month"]] == days
    assert [month["as_of"] for month in answer["months"]] == days
    assert [month["as_of"] for month in answer["metrics"]["months"]] == days
    since = {each["part"]: each["since"] for each in answer["changes"]}
    assert since == {"like": None, "ux": None, "cx": SINCE, "billing": None, "usage": None}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("segment=smal", "No segment 'smal'. Did you mean 'small'? Known: "),
        ("plan=team", "Accounts are not grouped by plan: the features have no plan."),
        ("segment=small&plan=x", "Expected one of segment, platform and plan; got segment and plan. Leave one out."),
        ("from=May", "from: expected a day such as 2025-03-01; got 'May'."),
        ("to=null", "to: expected a day such as 2025-03-01; got 'null'."),
        ("from=2024-09-01&to=2024-05-01", "from 2024-09-01 is after to 2024-05-01. Swap them."),
        ("from=2031-01-01", "No month lies in this range: months run from 2024-03-01 to 2024-10-01."),
        ("from=2024-05-01&from=2024-06-01", "Query parameter 'from' was given more than once. Send it once."),
        ("segments=small", "Unknown query parameter 'segments'. Did you mean 'segment'?"),
        ("segment=null", "No segment 'null'."),
    ],
)
def test_what_there_is_not_is_refused_in_the_words_of_who_asks(client: Client, query: str, why: str) -> None:
    for url, kind in ((URL, "application/problem+json"), ("/drivers", "text/html")):
        refused = client.get(f"{url}?{query}")
        assert refused.status_code == 422 and kind in refused.headers["content-type"]
        text = refused.json()["detail"] if url == URL else words(refused.text)
        assert why in text


def test_the_form_leads_to_the_address_of_what_was_chosen(client: Client) -> None:
    sent = client.get("/drivers?group=segment%3Asmall&from=&to=2024-09-01", follow_redirects=False)
    assert sent.status_code == 303 and sent.headers["location"] == "./drivers?to=2024-09-01&segment=small"
    html = client.get("/drivers?to=2024-09-01&segment=small").text
    assert '<option value="segment:small" selected>small</option>' in html
    assert '<option value="2024-09-01" selected>1 Sep 2024</option>' in html
    empty = client.get("/drivers?group=&from=&to=", follow_redirects=False)
    assert empty.headers["location"] == "./drivers"


def test_the_page_says_share_money_since_when_and_metrics(client: Client) -> None:
    read = words(client.get("/drivers").text)
    assert "Share of risk and of money, all accounts, 1 Oct 2024 140 accounts. Mean chance to leave within 90" in read
    assert re.search(r"Support \+\d\.\d \(\+\d\.\d to \+\d\.\d\) \d\d\.\d % \(\d", read)
    assert re.search(r"More since 1 Aug 2024: \+[23]\.\d \(\+2\.\d to \+3\.\d\)", read)
    assert read.count("No change that stands out") == 4
    assert "Contract and clock context, no family" in read
    assert "2.0 % n 120 – not enough data" in read and "Left out: csat, no row holds it." in read
    assert "Not grouped by platform: no event of these months names a platform." in read
    assert "as today's model reads it" in read and "No plot: it has no single value." in read


def test_every_statement_has_its_grade_and_what_it_does_not_mean(client: Client) -> None:
    read = words(client.get("/drivers").text)
    for each in client.get(URL).json()["statements"]:
        assert each["grade"] == "associated" and f"associated {each['does_not_mean']}" in read
    assert not [word for word in ("because", "caused", "due to", "leads to") if word in read.lower()]


def test_drawings_have_their_numbers_in_words_and_tables_have_captions(client: Client) -> None:
    html = client.get("/drivers").text
    drawings = re.findall(r'<svg [^>]*role="img" aria-label="([^"]+)"', html)
    assert len(drawings) == html.count("<svg") == 5  # four families, one measure
    assert "Support, points by month: 1 Mar 2024 " in drawings[1] and drawings[1].count(";") == 7
    assert "Accounts Points 0 70 −0.4 −0.5 to −0.3 1 to 3 69 +2.1 +1.7 to +2.5 not known 1 +0.1" in words(html)
    assert html.count("<table") == html.count("<caption") and "<th>" not in html


def test_nothing_on_the_page_can_run_and_names_are_escaped(client: Client) -> None:
    answer = client.get("/drivers")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text and LARGE not in answer.text
    assert HOSTILE in unescape(answer.text) and LARGE in unescape(answer.text)
    chosen = client.get("/drivers", params={"segment": LARGE})
    assert chosen.status_code == 200 and f"segment {LARGE}, 1 Oct 2024 35 accounts" in unescape(words(chosen.text))


def test_an_older_list_still_opens_and_says_that_it_was_published_before(older: Client) -> None:
    said = "this list was published before there was drivers by month; run `undertow score`"
    answer = older.get(URL).json()
    assert answer["why_not"] == said and answer["by_month"] == []
    msgspec.convert(answer, DriversByMonth)
    page = older.get("/drivers")
    assert page.status_code == 200 and said[1:] in words(page.text)
    assert "By family of measures, 6 accounts" in words(page.text)


def test_a_line_breaks_where_there_were_too_few_accounts() -> None:
    known: dict[str, Any] = {"value": 0.01, "low": 0.0, "high": 0.02}
    drawn = month_charts.line([known, None, known, known], 0.02)
    assert len(drawn.lines) == len(drawn.bands) == 2 and len(drawn.dots) == 3
    assert drawn.zero == pytest.approx((month_charts.TOP + month_charts.HEIGHT - month_charts.BOTTOM) / 2)
    assert drawn.dots[0][1] < drawn.zero  # up is more risk


def test_bars_of_a_family_share_one_scale() -> None:
    bins = [{"mean": mean, "mean_low": None, "mean_high": None} for mean in (-0.01, 0.02)]
    lower, higher = month_charts.columns(bins, 0.02)
    assert higher.height == 2 * lower.height and (lower.raises, higher.raises) == (False, True)
    assert lower.y == pytest.approx(month_charts.height_of(0.0, 0.02))
