"""CSV for people: titles, the separator and marks of a language, links; numbers read back, and nothing in it runs."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pyarrow as pa
import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from tests.serving.published.exports.test_files import lines, opened
from undertow.features.errors import RequestError
from undertow.serving.published.exports.csv_form import LOCALES
from undertow.serving.published.exports.pieces import csv_text, in_pieces
from undertow.serving.published.exports.spreadsheet import DANGEROUS
from undertow.serving.published.list_query import AtRiskQuery, Locale, query_of
from undertow.serving.published.scores import PublishedScores

Row = dict[str, str]
LANGUAGES: tuple[Locale, ...] = ("en", "de", "fr", "sv")


def read(content: bytes, separator: str = ",") -> list[Row]:
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize("locale", LANGUAGES)
def test_numbers_and_days_read_back_the_same_in_every_language(client: Client, locale: Locale) -> None:
    separator, mark, day = LOCALES[locale]
    plain = read(client.get("/v1/at-risk?format=csv").content)
    written = read(client.get(f"/v1/at-risk?format=csv&locale={locale}").content, separator)
    assert [list(row) for row in written] == [list(row) for row in plain] and len(plain) == 6
    numbers = 0
    for there, here in zip(written, plain, strict=True):
        assert datetime.strptime(there["as_of"], day) == datetime.fromisoformat(here["as_of"])
        for name in ("mrr", "p_90", "value_at_risk", "clv", "probability_ux", "contact_value"):
            numbers += here[name] != ""
            assert there[name].replace(mark, ".") == here[name] and (mark in there[name]) == (here[name] != "")
    assert numbers > 20


def test_titles_are_those_of_the_workbook_in_their_order(client: Client) -> None:
    rows = read(client.get("/v1/at-risk?format=csv&columns=titles&locale=de").content, ";")
    sheet = lines(opened(client.get("/v1/at-risk?format=xlsx").content))
    assert list(rows[0]) == list(sheet[0]) and "MRR, EUR" in rows[0]
    assert [row["Link"] for row in rows] == [row["Link"] for row in sheet]
    acme = next(row for row in rows if row["Account"] == "A-00042")
    assert (acme["MRR, EUR"], acme["Renews"], acme["As of"]) == ("4200,00", "20.02.2025", "31.01.2025")


def test_the_separator_is_named_in_the_first_line_where_it_is_asked_for(client: Client) -> None:
    first = client.get("/v1/at-risk?format=csv&columns=titles&locale=fr&sep=yes").content.decode().splitlines()[:2]
    assert first[0] == "\ufeffsep=;" and first[1].startswith("Name;Account;Owner;")
    assert client.get("/v1/at-risk?format=csv&sep=yes").content.startswith(b"\xef\xbb\xbfsep=,\r\naccount_id,")


def test_every_account_has_a_link_that_leads_to_its_page(client: Client) -> None:
    for row in read(client.get("/v1/at-risk?format=csv").content):
        assert row["link"].startswith("http://test/accounts/")
        assert row["account_id"].removeprefix("'") == "zero" or "<h1" in client.get(row["link"]).text


def test_links_name_the_host_prefix_and_protocol_by_which_a_caller_came(client: Client) -> None:
    headers = {"Host": "cx.example:8443", "X-Forwarded-Prefix": "/undertow", "X-Forwarded-Proto": "https"}
    url = "/v1/at-risk?format=csv&columns=titles"
    there, here = (read(client.get(url, headers=each).content) for each in (headers, {}))
    assert {row["Link"].partition("accounts")[0] for row in there} == {"https://cx.example:8443/undertow/"}
    assert {row["Link"].partition("accounts")[0] for row in here} == {"http://test/"}


@pytest.mark.parametrize("host", ["a/b", '"=1+1', "x y", "", "a" * 300, "user@host"])
def test_a_host_that_is_no_plain_name_is_not_linked_to(client: Client, host: str) -> None:
    answer = client.get("/v1/at-risk?format=csv", headers={"Host": host})
    assert answer.status_code != 200 or "link" not in read(answer.content)[0]


def test_the_etag_of_a_file_with_links_is_of_one_host(client: Client) -> None:
    url = "/v1/at-risk?format=xlsx"
    tag = client.get(url).headers["etag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(url, headers={"If-None-Match": tag, "Host": "other.example"}).status_code == 200


@pytest.mark.parametrize("format", ["json", "xlsx", "ndjson", "parquet", "ics"])
@pytest.mark.parametrize("said", ["columns=titles", "locale=de", "sep=yes"])
def test_how_csv_is_written_is_refused_beside_another_format(client: Client, format: str, said: str) -> None:
    told = problem(client.get(f"/v1/at-risk?format={format}&{said}"), 422)["detail"]
    assert told.startswith(f"{said.partition('=')[0]}: says how CSV is written") and "Add format csv" in told


def test_a_language_or_columns_that_are_not_known_are_refused_with_those_that_are() -> None:
    with pytest.raises(RequestError, match="locale: expected en or de or fr or sv; got 'it'"):
        query_of({"format": "csv", "locale": "it"})
    with pytest.raises(RequestError, match="columns: expected names or titles; got 'Title'"):
        query_of({"format": "csv", "columns": "Title"})


def test_how_csv_is_written_is_no_filter_and_stays_out_of_the_links_of_the_page(client: Client) -> None:
    query = query_of({"format": "csv", "locale": "de", "columns": "titles", "sep": "yes"})
    assert query.view == {} and query.unwritten == AtRiskQuery()
    html = client.get("/?format=csv&locale=de&sep=yes").text
    assert "sep=yes" not in html and 'href="./?locale' not in html


DANGERS = ["=1+1", "+1", "-1", "@x", "\t=1", "Nord;=1+1", 'Nord;"=1+1"', "Nord,=1+1", 'a"=1', 'x";=1', "a\tb\n=1",
           ",=1", ';"",=1', '"=1"', "x, @SUM(1)"]  # fmt: skip


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("name", DANGERS)
def test_no_cell_runs_whatever_separator_a_spreadsheet_takes(
    published: PublishedScores, locale: Locale, name: str
) -> None:
    table = pa.table({"account_id": ["A-1"], "name": [name], "carried_=1;=2": [name]})
    for columns in ("names", "titles"):
        text = csv_text(table, published.manifest, AtRiskQuery(format="csv", locale=locale, columns=columns))
        for separator in (",", ";", "\t"):
            for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator):
                assert not [cell for cell in row if cell.lstrip(' "').startswith(DANGEROUS)], (separator, row)


def test_a_text_reads_back_as_it_is_where_nothing_runs(published: PublishedScores) -> None:
    table = pa.table({"name": ['He said "no", twice; then\nleft']})
    for locale in LANGUAGES:
        text = csv_text(table, published.manifest, AtRiskQuery(format="csv", locale=locale))
        assert read(text.encode(), LOCALES[locale][0]) == table.to_pylist()


def test_a_large_list_comes_in_pieces_with_titles_once(published: PublishedScores) -> None:
    many = published.table.take(pa.array([0, 1, 2] * 400))
    query = AtRiskQuery(format="csv", columns="titles", locale="de", sep="yes")
    pieces = list(in_pieces(many, published.manifest, query, "http://test/"))
    content = b"".join(pieces)
    assert len(pieces) == 5 and content.count(b"sep=;") == content.count(b"Value at risk, EUR") == 1
    assert len(read(content.partition(b"\r\n")[2], ";")) == 1200


def test_a_list_without_the_columns_of_today_has_titles_of_those_it_has(published: PublishedScores) -> None:
    older = published.table.drop_columns(["contact", "contact_value", "action", "action_by", "action_due"])
    rows = read(csv_text(older, published.manifest, AtRiskQuery(format="csv", columns="titles")).encode())
    assert len(rows) == 6 and "Contact" not in rows[0] and "Value at risk, EUR" in rows[0]
