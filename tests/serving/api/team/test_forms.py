"""The forms of the pages: without JavaScript, from a page of ours alone, and nothing that was typed is lost."""

from __future__ import annotations

import re
import sqlite3
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.serving.api.guarded import Browser, Guarded
from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.team import database as module

PAGE = "/accounts/A-00042"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def browser(team: Client) -> Browser:
    """A browser at the open app."""
    return Browser(team)


def save(browser: Browser, url: str = PAGE, **said: str) -> httpx.Response:
    return browser.post(url, browser.fields(browser.get(url)) | {"status": "contacted"} | said)


def test_a_form_leads_back_to_the_page_that_shows_what_was_set(browser: Browser) -> None:
    answer = save(browser, status="snoozed", until="2199-01-31", due="", owner="Mira")
    assert answer.status_code == 303
    assert urljoin(f"http://test{PAGE}", answer.headers["location"]) == f"http://test{PAGE}#status"
    page = browser.get(PAGE).text
    assert "until 31 Jan 2199 · Mira" in page and 'value="2199-01-31"' in page
    assert "set by local on" in page


def test_the_list_shows_the_status_beside_its_account_at_once(browser: Browser) -> None:
    assert 'class="status"' not in browser.get("/").text
    save(browser, owner="Mira", due="2020-01-01", note="Called twice")
    page = browser.get("/").text
    assert page.count('class="status"') == 1
    row = page[page.index("A-00042") :][:600]
    assert "<b>Contacted</b> · Mira · overdue since 1 Jan 2020 · Called twice" in row
    assert "<!-- status" not in page and "<!-- team" not in page


def test_an_id_with_a_slash_and_one_with_markup_have_forms(browser: Browser) -> None:
    for url in ("/accounts/kunde%207%2Fb", "/accounts/%3Cb%3Ex%3C%2Fb%3E"):
        answer = save(browser, url)
        assert urljoin(f"http://test{url}", answer.headers["location"]) == f"http://test{url}#status"
    assert browser.get("/").text.count('class="status"') == 2


def test_nothing_that_is_typed_runs(browser: Browser) -> None:
    save(browser, note=EVIL, owner=EVIL)
    for url in ("/", PAGE):
        page = browser.get(url)
        assert "<script" not in page.text and "<img" not in page.text
        assert EVIL in unescape(page.text) or EVIL[:60] in unescape(page.text)
        assert "script" not in page.headers["content-security-policy"]
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_note_that_looks_like_a_place_in_a_page_stays_a_note(browser: Browser) -> None:
    save(browser, note="<!-- team --> <!-- status of A-00007 --> <!-- name -->")
    assert "&lt;!-- team --&gt; &lt;!-- status of A-00007 --&gt;" in browser.get("/").text


@pytest.mark.parametrize(("said", "why"), [
    ({"status": "snoozed", "until": "2020-01-01"}, "Snoozed until 2020-01-01: expected a day after today"),
    ({"status": "snoozed"}, "Snoozed needs the day on which the account comes back"),
    ({"status": "sold"}, "Status: expected open or contacted or snoozed or done, got 'sold'."),
    ({"status": "done", "due": "soon"}, "Due: expected a day such as 2026-03-31, got 'soon'."),
    ({"status": "done", "version": "x"}, "The form is incomplete. Open the page again."),
    ({"status": "done", "owner": "x" * 101}, "owner: expected at most 100 characters, got 101."),
])  # fmt: skip
def test_a_form_that_is_refused_comes_back_with_what_it_held(browser: Browser, said: dict[str, str], why: str) -> None:
    answer = save(browser, note="A long story <b>", **said)
    assert answer.status_code == 422
    shown = unescape(answer.text)
    assert f'role="alert">{why}' in shown and "A long story &lt;b&gt;</textarea>" in answer.text
    assert "never set" in browser.get(PAGE).text


def test_a_form_of_an_older_version_is_told_who_changed_it_and_keeps_its_note(browser: Browser) -> None:
    old = browser.fields(browser.get(PAGE))
    save(browser, status="done")
    answer = browser.post(PAGE, old | {"status": "contacted", "note": "Mine"})
    assert answer.status_code == 409
    assert "local set it to done at " in answer.text and "Mine</textarea>" in answer.text
    again = browser.post(PAGE, browser.fields(answer) | {"status": "contacted", "note": "Mine"})
    assert again.status_code == 303 and "<p class=\"note\">Mine</p>" in browser.get(PAGE).text


def test_a_day_left_over_from_a_snooze_does_not_stop_another_status(browser: Browser) -> None:
    assert save(browser, status="done", until="2199-01-31").status_code == 303


def test_where_the_database_is_locked_the_form_comes_back_with_what_it_held(
    browser: Browser, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    fields = browser.fields(browser.get(PAGE))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    answer = browser.post(PAGE, fields | {"status": "done", "note": "A long story"})
    assert answer.status_code == 503
    assert "is locked by another program. Try again" in answer.text and "A long story" in answer.text
    answer = browser.post("/views", fields | {"name": "Book"})
    assert answer.status_code == 503 and "To the list" in answer.text and "as scores are" not in answer.text
    holder.close()


def test_an_unknown_account_has_no_form(browser: Browser) -> None:
    fields = browser.fields(browser.get(PAGE))
    problem_page = browser.post("/accounts/nobody", fields | {"status": "done"})
    assert problem_page.status_code == 404 and "No account" in problem_page.text


# --- only from a page of ours ---


@pytest.mark.parametrize("url", [PAGE, "/views"])
def test_without_keys_a_form_of_another_site_changes_nothing(team: Client, browser: Browser, url: str) -> None:
    sent = browser.fields(browser.get(PAGE)) | {"status": "done", "name": "Book", "query": ""}
    stranger = Browser(team)  # whom no page of ours gave a cookie
    assert stranger.post(url, sent).status_code == 403
    assert stranger.post(url, sent | {"csrf": ""}).status_code == 403
    assert browser.post(url, sent | {"csrf": "0" * 32}).status_code == 403
    assert browser.post(url, sent | {"csrf": "ä"}).status_code == 403
    assert browser.post(url, sent, **{"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert browser.post(url, sent, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert team.get("/v1/statuses").json()["total"] == len(team.get("/v1/views").json()["views"]) == 0
    assert browser.post(url, sent, **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_the_cookie_of_the_forms_is_sent_by_no_other_site(browser: Browser) -> None:
    browser.get(PAGE)
    [cookie] = browser.set
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts


@pytest.mark.parametrize("url", [PAGE, "/views"])
def test_with_keys_a_form_needs_the_token_of_its_session(guarded: Guarded, url: str) -> None:
    browsers = {name: Browser(guarded.client) for name in ("reader", "admin")}
    for name, browser in browsers.items():
        browser.sign_in(guarded.tokens[name])
    sent = browsers["reader"].fields(browsers["reader"].get(PAGE)) | {"status": "done", "name": "Book", "query": ""}
    for token in ("", "0" * 32, browsers["admin"].fields(browsers["admin"].get(PAGE))["csrf"]):
        assert browsers["reader"].post(url, sent | {"csrf": token}).status_code == 403
    assert Browser(guarded.client).post(url, sent).headers["location"].endswith("login")
    json = {"Content-Type": "application/json"}
    assert guarded.ask("reader", "POST", url, content=b"{}", headers=json).status_code == 415
    assert guarded.get("reader", "/v1/statuses").json()["total"] == 0
    assert browsers["reader"].post(url, sent).status_code == 303


def test_a_session_changes_nothing_but_by_its_forms(guarded: Guarded) -> None:
    browser = Browser(guarded.client)
    browser.sign_in(guarded.tokens["reader"])
    problem(browser.ask("PUT", "/v1/statuses/A-00042", json={"status": "done"}), 401)
    problem(browser.ask("DELETE", "/v1/views/Book"), 401)
    problem(browser.ask("POST", "/v1/score", json={"account_ids": ["A-00042"]}), 401)


def test_a_status_is_set_under_the_name_of_the_key_that_is_signed_in(guarded: Guarded) -> None:
    browser = Browser(guarded.client)
    browser.sign_in(guarded.tokens["mara"])
    assert save(browser).status_code == 303
    assert "set by mara on" in browser.get(PAGE).text
    hidden = browser.post("/accounts/A-00007", browser.fields(browser.get(PAGE)) | {"status": "done"})
    assert hidden.status_code == 404
    assert guarded.get("admin", "/v1/statuses").json()["total"] == 1


def test_a_program_with_a_key_reads_the_page_without_a_form(guarded: Guarded) -> None:
    page = guarded.get("reader", PAGE).text
    assert "Sign in to set it." in page and 'class="set-status"' not in page


def test_without_a_database_the_page_says_that_statuses_are_read_only(client: Client) -> None:
    page = client.get(PAGE)
    assert "No [team] database is configured, so statuses are read-only." in page.text
    assert "<form" not in page.text and "set-cookie" not in page.headers
    assert "Saved views" not in client.get("/").text


# --- views ---


def test_a_view_is_saved_from_the_list_and_leads_to_it(browser: Browser) -> None:
    page = browser.get("/?segment=business&limit=2&offset=2")
    answer = browser.post("/views", browser.fields(page) | {"name": "My book", "do": "save"})
    assert answer.headers["location"].endswith("?limit=2&segment=business")
    page = browser.get("/?limit=2&segment=business").text
    assert '<a href="./?limit=2&amp;segment=business" aria-current="page">My book</a>' in page
    removed = browser.post("/views", {**browser.fields(browser.get("/")), "name": "My book", "do": "remove"})
    assert removed.status_code == 303 and "My book</a>" not in browser.get("/").text


@pytest.mark.parametrize(("said", "status", "why"), [
    ({"name": "<b>"}, 422, "is no name of a view"),
    ({"name": "Book", "query": "oner=x"}, 422, "Unknown query parameter 'oner'. Did you mean 'owner'?"),
    ({"name": "Other", "do": "remove"}, 404, "You have no saved view named 'Other'"),
])  # fmt: skip
def test_a_view_that_cannot_be_is_refused_on_a_page(
    browser: Browser, said: dict[str, str], status: int, why: str
) -> None:
    answer = browser.post("/views", browser.fields(browser.get("/")) | said)
    assert answer.status_code == status and why in unescape(answer.text)


def test_views_of_others_are_shown_with_their_maker_where_they_are_shared(guarded: Guarded) -> None:
    guarded.ask("admin", "PUT", "/v1/views/Payments", json={"query": "cause=involuntary", "shared": True})
    browser = Browser(guarded.client)
    browser.sign_in(guarded.tokens["reader"])
    views = browser.get("/").text
    nav = re.search(r"<nav class=\"views\".*?</nav>", views, re.S)
    assert nav is not None and "Payments</a> <small>admin</small>" in nav[0] and "Remove Payments" not in nav[0]
