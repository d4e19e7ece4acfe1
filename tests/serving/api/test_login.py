"""Signing in and out in a browser: the form, the cookie, CSRF, where it leads afterwards, and prefixes."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from tests.serving.api.guarded import FORM, MARA, Browser, Guarded, guard
from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.access.key_reader import LOOK
from undertow.serving.access.keys import add_key, revoke_key
from undertow.serving.access.roles import Role
from undertow.serving.api.app import make_app
from undertow.serving.api.guard import Rules, checked_next
from undertow.serving.api.login import MAX_FORM


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Guarded:
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copytree(store, folder / "store")
    return guard(folder / "store", Rules(open_without_keys=False, audit_log=folder / "audit.log"))


@pytest.fixture
def browser(guarded: Guarded) -> Browser:
    return Browser(guarded.client)


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(guarded: Guarded, browser: Browser) -> None:
    asked = browser.get("/accounts/kunde%207%2Fb?x=1")
    assert asked.status_code == 303
    form = urljoin("http://test/accounts/kunde%207%2Fb", asked.headers["location"])
    assert parse_qs(urlsplit(form).query) == {"next": ["accounts/kunde%207%2Fb?x=1"]}
    answer = browser.sign_in(guarded.tokens["mara"], form)
    assert answer.status_code == 303
    back = urljoin("http://test/login", answer.headers["location"])
    assert back == "http://test/accounts/kunde%207%2Fb?x=1"
    page = browser.get(back.partition("?")[0])
    assert page.status_code == 200 and "Grün" in page.text


def test_a_list_with_filters_is_come_back_to(guarded: Guarded, browser: Browser) -> None:
    form = urljoin("http://test/", browser.get("/?segment=business&limit=2").headers["location"])
    answer = browser.sign_in(guarded.tokens["reader"], form)
    assert urljoin("http://test/login", answer.headers["location"]) == "http://test/?segment=business&limit=2"


def test_the_cookie_is_of_no_use_to_scripts_other_sites_or_readers(guarded: Guarded, browser: Browser) -> None:
    browser.sign_in(guarded.tokens["mara"])
    [cookie] = [each for each in browser.set if each.startswith("undertow=")]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "max-age=43200", "path=/"} <= parts and "secure" not in parts
    assert guarded.tokens["mara"] not in cookie and guarded.tokens["mara"][-43:] not in cookie and "mara" not in cookie


@pytest.mark.parametrize("headers", [{"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "https,http"}])
def test_behind_tls_the_cookie_travels_by_tls_alone(guarded: Guarded, headers: dict[str, str]) -> None:
    browser = Browser(guarded.client, headers)
    browser.sign_in(guarded.tokens["mara"])
    assert len(browser.set) == 2 and all("secure" in cookie.lower() for cookie in browser.set)


def test_who_is_signed_in_sees_a_name_and_what_the_key_shows(guarded: Guarded, browser: Browser) -> None:
    browser.sign_in(guarded.tokens["mara"])
    html = browser.get("/").text
    assert f"mara · accounts of {MARA}</span>" in html and "Sign out" in html
    assert "Bluebird" not in html
    assert browser.get("/v1/at-risk").json()["total"] == 2
    csv = browser.get("/v1/at-risk?format=csv")
    assert csv.status_code == 200 and len(csv.content.splitlines()) == 3
    problem(browser.get("/metrics", headers={"Accept": "*/*"}), 403)


def test_one_page_kept_for_two_keys_names_each(guarded: Guarded) -> None:
    browsers = {name: Browser(guarded.client) for name in ("reader", "admin")}
    for name, browser in browsers.items():
        browser.sign_in(guarded.tokens[name])
    found = {name: browser.fields(browser.get("/"))["csrf"] for name, browser in browsers.items()}
    assert found["reader"] != found["admin"]
    for name, browser in browsers.items():
        html = browser.get("/").text
        assert f'<span class="soft">{name}</span>' in html and browser.fields(browser.get("/"))["csrf"] == found[name]
    assert "Sign out" not in guarded.get("admin", "/").text  # a program has no session


@pytest.mark.parametrize("wrong", ["", "x", "undertow_000000000000_" + "x" * 43])
def test_a_wrong_key_gets_the_form_again_and_no_session(guarded: Guarded, browser: Browser, wrong: str) -> None:
    answer = browser.sign_in(wrong, "/login?next=accounts/zero")
    assert answer.status_code == 401 and "This key is unknown, revoked or expired." in answer.text
    assert browser.fields(answer)["next"] == "accounts/zero"
    assert "undertow" not in browser.cookies and not (wrong and wrong in answer.text and len(wrong) > 1)
    assert browser.get("/").status_code == 303
    assert browser.post("/login", browser.fields(answer) | {"key": guarded.tokens["tom"]}).status_code == 303


@pytest.mark.parametrize("who", ["expired", "revoked", "scorer"])
def test_a_key_that_has_ended_or_is_for_programs_gets_no_session(guarded: Guarded, browser: Browser, who: str) -> None:
    assert browser.sign_in(guarded.tokens[who]).status_code == 401
    assert "undertow" not in browser.cookies


def test_a_form_without_its_token_or_from_elsewhere_is_refused(guarded: Guarded) -> None:
    key = {"key": guarded.tokens["reader"]}
    attacker = Browser(guarded.client)
    theirs = attacker.fields(attacker.get("/login"))
    for cookies, fields in (
        ({}, key),
        ({}, theirs | key),  # the attacker's token, without the attacker's cookie
        ({"undertow-sign-in": "x"}, theirs | key),
        (attacker.cookies, key),
        (attacker.cookies, key | {"csrf": theirs["csrf"] + "x"}),
    ):
        browser = Browser(guarded.client, cookies=dict(cookies))
        answer = browser.post("/login", fields, Accept="*/*")
        assert "not sent from the page of this service" in problem(answer, 403)["detail"]
        assert "undertow" not in browser.cookies
    assert Browser(guarded.client, cookies=dict(attacker.cookies)).post("/login", theirs | key).status_code == 303


def test_a_cookie_that_was_there_before_is_not_taken_over(guarded: Guarded) -> None:
    fixed = Browser(guarded.client)
    fixed.sign_in(guarded.tokens["tom"])
    planted = fixed.cookies["undertow"]
    browser = Browser(guarded.client, cookies={"undertow": planted})
    browser.sign_in(guarded.tokens["mara"])
    assert browser.cookies["undertow"] != planted
    assert Browser(guarded.client, cookies={"undertow": planted}).get("/v1/at-risk").json()["total"] == 2
    assert "Bluebird" in Browser(guarded.client, cookies={"undertow": planted}).get("/").text


def test_signing_out_needs_the_token_of_the_session(guarded: Guarded, browser: Browser) -> None:
    browser.sign_in(guarded.tokens["mara"])
    other = Browser(guarded.client)
    other.sign_in(guarded.tokens["tom"])
    theirs = other.fields(other.get("/"))
    for fields in ({}, {"csrf": "x"}, theirs):
        assert browser.post("/logout", fields).status_code == 403 and browser.get("/").status_code == 200
    answer = browser.post("/logout", browser.fields(browser.get("/")))
    assert answer.status_code == 303
    assert urljoin("http://test/logout", answer.headers["location"]) == "http://test/login"
    assert "undertow" not in browser.cookies and browser.get("/").status_code == 303
    assert browser.post("/logout", {}).status_code == 303  # who is signed out already stays so


def test_a_session_reads_and_changes_nothing(guarded: Guarded, browser: Browser) -> None:
    browser.sign_in(guarded.tokens["admin"])
    answer = browser.ask("POST", "/v1/score", json={"account_ids": ["zero"]}, headers={"Accept": "*/*"})
    problem(answer, 401)
    assert browser.get("/v1/accounts/zero").status_code == 200


def test_a_session_ends_with_its_key(guarded: Guarded, browser: Browser) -> None:
    _, token = add_key(guarded.store, "leaving", Role.reader, datetime.now(UTC))
    time.sleep(LOOK)
    browser.sign_in(token)
    assert browser.get("/").status_code == 200
    revoke_key(guarded.store, "leaving", datetime.now(UTC))
    time.sleep(LOOK)
    assert browser.get("/").status_code == 303
    problem(browser.get("/v1/at-risk"), 401)


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "..", "undertow", "0" * 5000])
def test_a_cookie_that_is_not_ours_leads_to_the_form(guarded: Guarded, cookie: str) -> None:
    assert Browser(guarded.client, cookies={"undertow": cookie}).get("/").status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/",
     "accounts/../../x", "accounts/%2e%2e/%2E%2e/x", "accounts/./x", "accounts/\\..", "login", "v1/at-risk", "x",
     "accounts/", "accounts/a b", "accounts/a\n", "accounts/é", "?a=\nb", "accounts//evil.example\\", "?" + "x" * 2000,
     ".//evil.example", "metrics"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(guarded: Guarded, browser: Browser, elsewhere: str) -> None:
    assert checked_next(elsewhere) == ""
    form = browser.get("/login", params={"next": elsewhere})
    assert browser.fields(form)["next"] == ""
    fields = {**browser.fields(form), "next": elsewhere, "key": guarded.tokens["reader"]}
    answer = browser.post("/login", fields)
    assert urljoin("http://test/login", answer.headers["location"]) == "http://test/"


@pytest.mark.parametrize(
    "ours",
    ["", "?", "?owner=Tom+Okafor&limit=1", "accounts/A-1", "accounts/a/b%2Fc?x=../..", "accounts//b", "drivers",
     "journeys", "personas"],
)  # fmt: skip
def test_a_page_of_ours_is_led_to(ours: str) -> None:
    assert checked_next(ours) == ours


@pytest.mark.parametrize("by_option", [True, False])
def test_behind_a_prefix_everything_stays_below_it(guarded: Guarded, by_option: bool) -> None:
    rules = Rules(open_without_keys=False)
    client = Client(make_app(guarded.store, "/undertow" if by_option else "", rules))
    browser = Browser(client, {} if by_option else {"X-Forwarded-Prefix": "/undertow"})
    led = browser.get("/accounts/A-00042").headers["location"]
    assert led == "/undertow/login?next=accounts%2FA-00042"
    form = browser.get(led.removeprefix("/undertow"))
    assert 'action="/undertow/login"' in form.text
    answer = browser.post("/login", browser.fields(form) | {"key": guarded.tokens["mara"]})
    assert answer.headers["location"] == "/undertow/accounts/A-00042"
    assert all("path=/undertow;" in f"{cookie.lower()};" for cookie in browser.set)
    page = browser.get("/accounts/A-00042")
    assert 'action="/undertow/logout"' in page.text
    assert browser.post("/logout", browser.fields(page)).headers["location"] == "/undertow/login"


def test_a_form_that_is_too_large_or_no_form_is_refused(guarded: Guarded, browser: Browser) -> None:
    large = browser.post("/login", {"key": "x" * MAX_FORM}, Accept="*/*")
    problem(large, 413)
    problem(browser.ask("POST", "/login", json={}, headers={"Accept": "*/*"}), 415)
    many = browser.ask("POST", "/login", content="&".join(["a=1"] * 50), headers={**FORM, "Accept": "*/*"})
    problem(many, 400)
    problem(browser.ask("POST", "/login", content=b"key=\xff", headers={**FORM, "Accept": "*/*"}), 400)


def test_the_form_runs_no_script_is_kept_nowhere_and_shows_nothing(guarded: Guarded, browser: Browser) -> None:
    answer = browser.get('/login?next="><script>')
    assert "<script" not in answer.text and answer.headers["cache-control"] == "no-store"
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert 'type="password"' in answer.text and "Nordwind" not in answer.text


def test_an_open_service_has_no_form(store: Path) -> None:
    browser = Browser(Client(make_app(store)))
    for answer in (browser.get("/login"), browser.post("/login", {})):
        assert answer.status_code == 303 and urljoin("http://test/login", answer.headers["location"]) == "http://test/"
    assert "Sign out" not in browser.get("/").text


def test_signing_in_and_out_is_noted_without_values(guarded: Guarded, browser: Browser) -> None:
    log = guarded.store.parent / "audit.log"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    browser.sign_in(guarded.tokens["tom"][:-3] + "abc")
    browser.sign_in("typed by mistake")
    browser.sign_in(guarded.tokens["scorer"])
    browser.sign_in(guarded.tokens["tom"], "/login?next=accounts/zero")
    browser.post("/logout", browser.fields(browser.get("/")))
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert [(line["event"], line["name"], line["route"]) for line in lines] == [
        ("login refused", "tom", "/login"), ("login refused", None, "/login"), ("login refused", "scorer", "/login"),
        ("login", "tom", "/login"), ("logout", "tom", "/logout"),
    ]  # fmt: skip
    written = log.read_text()
    for value in ("typed", "accounts", "zero", *(token[-43:] for token in guarded.tokens.values())):
        assert value not in written
