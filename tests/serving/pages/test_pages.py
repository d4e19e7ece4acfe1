"""The pages: what a person reads, in whose words, and that nothing a customer is called can run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.serving.client import Client
from tests.serving.pages.reading import served, words
from undertow.serving import pages
from undertow.serving.api.app import make_app
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.reader import ScoresReader

CAUSAL = ("because", "caused", "causes", "due to", "leads to")


# --- the list ---


def test_the_list_says_when_from_which_model_how_many_and_how_much(client: Client) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    read = words(answer.text)
    published = client.get("/v1/at-risk").json()
    strip = re.sub(r" \([\d,]+ days ago\)", "", read)
    assert "As of 31 Jan 2025 · published 1 Feb 2025 · model 2025-01-31-tiny , trained until 31 Dec 2024" in strip
    assert "6 accounts" in read
    assert f"EUR {published['value_at_risk']:,.0f}" in read


def test_each_account_is_listed_with_its_money_chance_reason_and_link(client: Client) -> None:
    html = client.get("/").text
    top = client.get("/v1/at-risk?limit=1").json()["accounts"][0]
    assert '<a href="./accounts/A-00042">Nordwind Logistik GmbH</a>' in html
    assert '<a href="./accounts/kunde%207%2Fb">' in html
    read = words(html)
    assert f"{100 * top['probability']['90']:.1f} %" in read
    assert f"EUR {top['value_at_risk']:,.0f}" in read
    assert "payments that failed in the last 30 days: 2; typical for accounts like it 0" in read
    assert top["contact"]["verdict"] == "recommended" and f" {top['contact']['value']:,.0f} " in read
    assert f"{top['action']['do']} {top['action']['by']} · until" in read
    assert "20 Feb 2025" in read


@pytest.mark.parametrize("url", ["/", "/accounts/kunde%207%2Fb"])
def test_what_an_account_announced_is_shown(client: Client, url: str) -> None:
    assert client.get(url).text.count("down to 2,000 from 2025-03-01") == 1
    assert "Announced" not in client.get("/accounts/A-00042").text


def test_drivers_are_said_to_be_associated_not_causes(client: Client) -> None:
    assert "Associated, not causes" in words(client.get("/").text)


@pytest.mark.parametrize("url", ["/", "/accounts/A-00042"])
def test_every_page_says_which_model_its_reasons_come_from(client: Client, url: str) -> None:
    assert "The model is a sum of parts by family." in words(client.get(url).text)


@pytest.mark.parametrize("url", ["/", "/accounts/A-00042"])
def test_no_page_speaks_of_causes_elsewhere(client: Client, url: str) -> None:
    read = words(client.get(url).text).lower().replace("associated, not causes", "")
    assert "the score reacts to" in read
    assert not [word for word in CAUSAL if word in read]


def test_the_filter_is_kept_in_the_form_the_paging_and_the_download(client: Client) -> None:
    html = client.get("/?owner=Tom+Okafor&min_value=0&limit=1").text
    assert '<input type="checkbox" name="owner" value="Tom Okafor" checked>' in html
    assert 'name="min_value"' in html and 'value="0"' in html
    assert 'href="./?limit=1&amp;offset=1&amp;owner=Tom+Okafor&amp;min_value=0.0"' in html
    link = unescape(re.findall(r'href="[.](/v1/at-risk[^"]+format=csv[^"]*)"', html)[0])
    rows = client.get(link).content.decode("utf-8-sig").splitlines()
    assert len(rows) == 3 and all("Tom Okafor" in row for row in rows[1:])


def test_an_empty_selection_says_what_to_do(client: Client) -> None:
    read = words(client.get("/?min_value=999999999").text)
    assert "No account matches" in read and "Widen a filter, or clear the filters" in read


def test_a_page_beyond_the_end_leads_back(client: Client) -> None:
    assert "Start from the top" in words(client.get("/?offset=100").text)


def test_before_publication_the_page_says_what_to_run(tmp_path: Path, make_client: Callable[..., Client]) -> None:
    answer = make_client(make_app(tmp_path)).get("/")
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "Run `undertow score` in the project" in words(answer.text)


# --- one account ---


def test_an_account_shows_value_and_evidence_in_words_and_in_numbers(client: Client) -> None:
    read = words(client.get("/accounts/A-00042").text)
    account = client.get("/v1/accounts/A-00042").json()
    assert f"Expected value over 12 months EUR {account['clv']['value']:,.0f} ; for 8 of 10 such accounts" in read
    assert f"36 months EUR {account['clv']['by_horizon']['36']:,.0f}" in read
    assert (
        "Error rate 12% in the last 30 days; typical for accounts like it 1.4 % Errors per page view · error_rate_30 "
        "12.0 % 3.2 % 1.4 %"
    ) in read
    assert "points over accounts in the same contract position" in read
    assert "the same family comes first in 80 % of models trained on other accounts" in read


def test_the_sum_begins_with_accounts_in_the_same_contract_position(client: Client) -> None:
    read = words(client.get("/accounts/A-00042").text)
    account = client.get("/v1/accounts/A-00042").json()
    like, p = (f"{100 * share:.1f} %" for share in (account["like_probability"], account["probability"]["90"]))
    assert f"Accounts in the same contract position: {like}." in read
    number = r"[+−] [\d.]+"
    assert re.search(rf"{like} {number} {number} {number} {number} = {p}", read)
    places = [read.index(f" {name} ") for name in ("Experience", "Support", "Billing", "Usage")]
    assert places == sorted(places)
    assert "Profile" not in read and "typical account" not in read


def test_what_changed_is_shown_by_family_with_the_contracts_clock_apart(client: Client) -> None:
    read = words(client.get("/accounts/A-00042").text)
    account = client.get("/v1/accounts/A-00042").json()
    changed, now = account["changed"], account["probability"]["90"]
    before = now - changed["clock"] - sum(changed["families"].values())
    assert "What changed in the last 30 days" in read
    assert f"The 90-day score was {100 * before:.1f} % and is {100 * now:.1f} %" in read
    assert re.search(r"Contract's clock: [+−][\d.]+ points, which is no reason", read)
    assert "What changed in the last" not in words(client.get("/accounts/zero").text)


@pytest.mark.parametrize("url", ["/", "/accounts/A-00007"])
def test_where_no_single_reason_stands_out_the_page_says_so(client: Client, url: str) -> None:
    account = client.get("/v1/accounts/A-00007").json()
    assert account["reasons"] and not account["stands_out"]
    assert words(client.get(url).text).count("No single reason stands out") == 1
    assert "No single reason" not in words(client.get("/accounts/A-00042").text)


def test_an_account_without_name_owner_reason_or_money_is_shown(client: Client) -> None:
    answer = client.get("/accounts/zero")
    assert answer.status_code == 200 and "EUR 0 at risk" in words(answer.text)


def test_an_unknown_account_is_a_page_for_people(client: Client) -> None:
    answer = client.get("/accounts/nobody")
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/html")
    assert "No account 'nobody'" in words(answer.text)


def test_a_browser_meets_a_page_where_nothing_is_and_a_program_meets_a_problem(client: Client) -> None:
    assert client.get("/nope", headers={"Accept": "text/html,*/*"}).headers["content-type"].startswith("text/html")
    assert client.get("/nope").headers["content-type"] == "application/problem+json"
    assert client.get("/?limit=x").headers["content-type"].startswith("text/html")


# --- safety ---


@pytest.mark.parametrize(
    "url", ["/", "/accounts/%3Cb%3Ex%3C%2Fb%3E", "/accounts/%3Cscript%3E", "/?owner=%22%3E%3Cscript%3E"]
)
def test_nothing_a_customer_or_caller_writes_becomes_markup(client: Client, url: str) -> None:
    html = client.get(url).text
    assert "<script" not in html and "<b>x</b>" not in html


def test_a_page_loads_nothing_and_runs_nothing(client: Client) -> None:
    answer = client.get("/accounts/A-00042")
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# --- in a real browser ---


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    """Serve the tiny store on a free port."""
    with served(make_app(store)) as found:
        yield found


@pytest.fixture
def chromium(tmp_path: Path) -> Callable[..., str]:
    """Run headless Chromium with these flags and return what it prints."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    quiet = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"
    flags = [f"--{flag}" for flag in ("headless", *quiet.split(), "disable-sync", f"user-data-dir={tmp_path / 'user'}")]

    def run(*more: str) -> str:
        done = subprocess.run([program, *flags, *more], capture_output=True, text=True, timeout=90, check=True)
        return done.stdout

    return run


@pytest.mark.parametrize("path", ["/", "/accounts/A-00042"])
def test_a_real_browser_draws_the_page(address: str, chromium: Callable[..., str], tmp_path: Path, path: str) -> None:
    picture = tmp_path / "page.png"
    chromium("--window-size=1280,1400", f"--screenshot={picture}", address + path)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000
    assert "Nordwind Logistik GmbH" in words(chromium("--dump-dom", address + path))


def test_the_list_of_a_store_equals_what_the_page_shows(store: Path, client: Client) -> None:
    names = ScoresReader(store).latest().select(AtRiskQuery()).rows["account_id"].to_pylist()
    shown = re.findall(r'<a href="[.]/accounts/([^"]+)">', client.get("/").text)
    assert shown == [pages.quoted(name) for name in names]
