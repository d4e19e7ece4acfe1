"""The list as a workbook, Parquet and a calendar: opened again by other libraries, and nothing in it runs."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import icalendar
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.features.errors import RequestError
from undertow.serving.published.exports.renewals import as_calendar
from undertow.serving.published.exports.workbook import MOST, as_workbook
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.scores import PublishedScores


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).active


def lines(sheet: Any) -> list[dict[str, Any]]:
    titles, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(titles, row, strict=True)) for row in rows]


@pytest.fixture
def sheet(published: PublishedScores) -> Any:
    return opened(as_workbook(published.table, published.manifest))


def test_a_workbook_holds_every_account_in_the_order_of_the_list(sheet: Any, published: PublishedScores) -> None:
    assert [row["Account"] for row in lines(sheet)] == published.table["account_id"].to_pylist()


def test_a_workbook_has_titles_in_words_numbers_as_numbers_and_days_as_days(
    sheet: Any, published: PublishedScores
) -> None:
    acme, account = next(row for row in lines(sheet) if row["Account"] == "A-00042"), published.account("A-00042")
    assert acme["MRR, EUR"] == 4200.0
    assert acme["Leaves in 90 days"] == pytest.approx(account.probability["90"])
    parts = acme["By choice"] + acme["By failed payment"]
    assert parts == pytest.approx(acme["Leaves in 90 days"])
    assert acme["Value at risk, EUR"] == pytest.approx(account.value_at_risk)
    assert acme["Renews"].date() == date(2025, 2, 20)
    assert acme["The score reacts to"].startswith("billing: payments that failed")
    formats = {cell.number_format for row in sheet.iter_rows(min_row=2) for cell in row}
    assert {"#,##0.00", "0.0%", "yyyy-mm-dd"} <= formats


def test_the_header_of_a_workbook_stays_in_sight_and_filters(sheet: Any, published: PublishedScores) -> None:
    assert sheet.freeze_panes == "B2"
    last = sheet.cell(published.table.num_rows + 1, sheet.max_column).coordinate
    assert sheet.auto_filter.ref == f"A1:{last}"


def test_a_text_that_begins_like_a_formula_is_a_text_in_a_workbook(sheet: Any) -> None:
    [strange] = [row for row in sheet.iter_rows(min_row=2) if row[1].value == "日本-1"]
    assert strange[0].value == '=HYPERLINK("http://x.example")'
    assert strange[0].data_type == "s" and strange[0].hyperlink is None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}


def test_a_workbook_of_too_many_accounts_is_refused_with_what_to_do(published: PublishedScores) -> None:
    many = published.table.take(pa.array([0] * (MOST + 1)))
    with pytest.raises(RequestError, match=r"at most 20,000 accounts; this selection has 20,001\. Narrow it"):
        as_workbook(many, published.manifest)


def test_an_empty_selection_is_a_workbook_with_titles_alone(published: PublishedScores) -> None:
    assert lines(opened(as_workbook(published.table.slice(0, 0), published.manifest))) == []


def test_a_calendar_has_one_event_per_renewal(published: PublishedScores) -> None:
    calendar = icalendar.Calendar.from_ical(as_calendar(published.table, published.manifest))
    events = {str(event["uid"]): event for event in calendar.walk("VEVENT")}
    renewing = [row for row in published.table.to_pylist() if row["renews_at"]]
    assert len(events) == len(renewing) > 0
    event = events["renewal-A-00042-20250220@undertow"]
    assert event.decoded("dtstart") == date(2025, 2, 20)
    assert str(event["summary"]).startswith("Renewal: Nordwind Logistik GmbH · EUR ")
    assert "Associated, not causes" in str(event["description"])


def test_an_event_of_a_calendar_is_the_same_one_in_the_next_publication(published: PublishedScores) -> None:
    later = {**published.manifest, "run_id": "another", "published_at": "2025-02-02T04:00:00Z"}
    uids = [
        [str(event["uid"]) for event in icalendar.Calendar.from_ical(as_calendar(published.table, each)).walk("VEVENT")]
        for each in (published.manifest, later)
    ]
    assert uids[0] == uids[1]


def test_parquet_is_the_table_of_scores(client: Client, published: PublishedScores) -> None:
    answer = client.get("/v1/at-risk?format=parquet&segment=startup")
    read = pq.read_table(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert read.equals(published.select(AtRiskQuery(segment=("startup",))).rows)


@pytest.mark.parametrize(("form", "kind"), [("xlsx", "spreadsheetml.sheet"), ("ics", "text/calendar")])
def test_a_file_is_sent_with_its_name_and_kind_and_not_twice(client: Client, form: str, kind: str) -> None:
    answer = client.get(f"/v1/at-risk?format={form}&min_value=0")
    assert kind in answer.headers["content-type"]
    assert answer.headers["content-disposition"] == f'attachment; filename="at-risk-2025-01-31.{form}"'
    again = client.get(f"/v1/at-risk?format={form}&min_value=0", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_workbook_of_the_page_holds_what_the_page_selects(client: Client) -> None:
    html = client.get("/?owner=Tom+Okafor&sort=clv").text
    [link] = [part.split('"')[0] for part in html.split('href="')[1:] if "xlsx" in part.split('"')[0]]
    sheet = opened(client.get(link.removeprefix(".").replace("&amp;", "&")).content)
    values = [row["Value over 12 months, EUR"] for row in lines(sheet)]
    assert {row["Owner"] for row in lines(sheet)} == {"Tom Okafor"}
    assert values == sorted(values, reverse=True)


def test_a_form_that_is_not_known_is_refused_with_those_that_are(client: Client) -> None:
    assert "xlsx" in problem(client.get("/v1/at-risk?format=xls"), 422)["detail"]
