"""Who may ask what: every route by every role, owners everywhere, hosts, limits, and ends that count at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.api.guarded import MARA, OWNERS, ROLES, Guarded, guard
from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.access.key_reader import LOOK
from undertow.serving.access.keys import add_key, key_file, revoke_key
from undertow.serving.access.roles import Role
from undertow.serving.api.app import PAGES, make_app
from undertow.serving.api.guard import Rules

READS, SCORES, ALL = {"reader", "admin"}, {"scorer", "admin"}, {"reader", "scorer", "admin"}
TABLE: dict[str, tuple[str, str, set[str], bool]] = {  # template: method, address, roles, whether for all accounts
    "/v1/score": ("POST", "/v1/score", SCORES, False),
    "/v1/at-risk": ("GET", "/v1/at-risk", READS, False),
    "/v1/accounts/{account_id:path}": ("GET", "/v1/accounts/A-00042", READS, False),
    "/v1/accounts/{account_id:path}/history": ("GET", "/v1/accounts/A-00042/history", READS, False),
    "/v1/portfolio": ("GET", "/v1/portfolio", READS, False),
    "/portfolio": ("GET", "/portfolio", READS, False),
    "/v1/drivers": ("GET", "/v1/drivers", READS, True),
    "/v1/drivers/months": ("GET", "/v1/drivers/months", READS, True),
    "/v1/journeys": ("GET", "/v1/journeys", READS, True),
    "/v1/personas": ("GET", "/v1/personas", READS, True),
    "/v1/features": ("GET", "/v1/features", ALL, False),
    "/v1/model": ("GET", "/v1/model", ALL, False),
    "/openapi.json": ("GET", "/openapi.json", ALL, False),
    "/": ("GET", "/", READS, False),
    "/accounts/{account_id:path}": ("GET", "/accounts/A-00042", READS, False),
    "/drivers": ("GET", "/drivers", READS, True),
    "/v1/statuses": ("GET", "/v1/statuses", READS, False),
    "/v1/statuses/{account_id:path}": ("PUT", "/v1/statuses/A-00042", READS, False),
    "/v1/status-history": ("GET", "/v1/status-history", READS, False),
    "/v1/views": ("GET", "/v1/views", READS, False),
    "/v1/views/{name}": ("PUT", "/v1/views/Book", READS, False),
    "/journeys": ("GET", "/journeys", READS, True),
    "/personas": ("GET", "/personas", READS, True),
    "/model": ("GET", "/model", READS, False),
    "/metrics": ("GET", "/metrics", {"admin"}, True),
}
BODIES = {
    "/v1/score": {"account_ids": ["A-00042"]}, "/v1/statuses/{account_id:path}": {"status": "done"},
    "/v1/views/{name}": {"query": ""},
}  # fmt: skip
FORMS = {"/views"}  # which take the session of a browser alone
WITHOUT_KEY = {"/healthz", "/readyz", "/login", "/logout"}
MARAS, TOMS = {"A-00042", "kunde 7/b"}, {"A-00007", "zero"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Guarded:
    """The app with its keys; the audit log lies beside the store."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copytree(store, folder / "store")
    rules = Rules(open_without_keys=False, hosts=frozenset({"test"}), audit_log=folder / "audit.log")
    return guard(folder / "store", rules, str(folder / "team.db"))


def audited(guarded: Guarded) -> list[dict[str, Any]]:
    log = guarded.store.parent / "audit.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


# --- roles ---


def test_the_table_names_every_route(guarded: Guarded) -> None:
    assert {route.path for route in guarded.client.app.routes} == TABLE.keys() | WITHOUT_KEY | FORMS


@pytest.mark.parametrize("who", ["", "expired", "revoked", *ROLES])
@pytest.mark.parametrize("route", TABLE)
def test_a_route_answers_the_roles_that_it_names_and_nobody_else(guarded: Guarded, route: str, who: str) -> None:
    method, url, roles, is_for_all = TABLE[route]
    sent: dict[str, Any] = {"json": BODIES[route]} if route in BODIES else {}
    answer = guarded.ask(who, method, url, **sent)
    if who not in ROLES:
        expected = 303 if not who and not route.startswith(("/v1", "/open", "/metrics")) else 401
    elif ROLES[who] not in roles or (is_for_all and who in OWNERS):
        expected = 403
    else:
        expected = 404 if who in ("tom", "nobody") and "A-00042" in url else 200
    assert answer.status_code == expected
    if expected in (401, 403):
        told = answer.text if route in PAGES else problem(answer, expected)["detail"]
        assert "key" in told and "Nordwind" not in answer.text
    if expected == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if expected in (303, 401):
        assert "undertow-list" not in answer.headers


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/login"])
def test_probes_and_the_sign_in_form_need_no_key_and_name_no_list(guarded: Guarded, url: str) -> None:
    answer = guarded.get("", url)
    assert answer.status_code == 200 and "undertow-list" not in answer.headers


@pytest.mark.parametrize("url", ["/nope", "/v1/nope", "/login/", "/healthz/", "/LOGIN", "/v1/at-risk/"])
def test_what_is_not_there_needs_a_key_too(guarded: Guarded, url: str) -> None:
    problem(guarded.get("", url), 401)
    problem(guarded.get("admin", url), 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "BREW"])
def test_another_method_needs_a_key_too(guarded: Guarded, method: str) -> None:
    problem(guarded.ask("", method, "/v1/at-risk"), 401)
    problem(guarded.ask("admin", method, "/v1/at-risk"), 405)


@pytest.mark.parametrize(
    "written", ["Basic {}", "Bearer", "Bearer ", "{}", "Bearer  x{}", "Bearer {}x", "Bearer {} {}", "Token {}"]
)
def test_a_key_that_is_sent_in_another_way_is_none(guarded: Guarded, written: str) -> None:
    sent = written.replace("{}", guarded.tokens["admin"])
    problem(guarded.get("", "/v1/at-risk", headers={"Authorization": sent}), 401)


def test_two_keys_in_one_request_are_none(guarded: Guarded) -> None:
    sent = [("Authorization", f"Bearer {guarded.tokens[name]}") for name in ("admin", "reader")]
    problem(asyncio.run(guarded.client.send("GET", "/v1/at-risk", headers=sent)), 401)


def test_the_scheme_is_read_without_case(guarded: Guarded) -> None:
    sent = {"Authorization": f"bearer {guarded.tokens['reader']}"}
    assert guarded.get("", "/v1/at-risk", headers=sent).status_code == 200


# --- owners ---


def ids(answer: httpx.Response) -> set[str]:
    return {account["account_id"] for account in answer.json()["accounts"]}


@pytest.mark.parametrize("who", ["mara", "mara-admin"])
def test_a_list_and_its_sums_are_those_of_the_owner(guarded: Guarded, who: str) -> None:
    whole = guarded.get("admin", f"/v1/at-risk?owner={MARA}").json()
    for url in ("/v1/at-risk", f"/v1/at-risk?owner={MARA}"):
        answer = guarded.get(who, url)
        assert ids(answer) == MARAS
        assert (answer.json()["total"], answer.json()["value_at_risk"]) == (2, whole["value_at_risk"])
    assert answer.json()["accounts"] == whole["accounts"]


def test_another_owner_is_unknown_and_none_is_named(guarded: Guarded) -> None:
    told = problem(guarded.get("mara", "/v1/at-risk?owner=Tom Okafor"), 422)
    assert told["detail"] == f"No account has the owner 'Tom Okafor'. Known: '{MARA}'."
    told = problem(guarded.get("mara", "/v1/at-risk?segment=startup"), 422)
    assert told["detail"] == "No account has the segment 'startup'. Known: 'business'."


def test_a_csv_holds_the_owners_rows_alone(guarded: Guarded) -> None:
    rows = guarded.get("mara", "/v1/at-risk?format=csv&limit=1000").content.decode("utf-8-sig").splitlines()
    assert len(rows) == 3 and all(MARA in row for row in rows[1:])


@pytest.mark.parametrize("url", ["/v1/accounts/A-00007", "/accounts/zero"])
def test_an_account_of_another_owner_is_not_found_like_one_that_is_not_there(guarded: Guarded, url: str) -> None:
    unknown = guarded.get("mara", url.replace("A-00007", "nobody").replace("zero", "nobody"))
    other = guarded.get("mara", url)
    assert other.status_code == unknown.status_code == 404
    named = "A-00007" if "A-00007" in url else "zero"
    assert other.text.replace(named, "nobody") == unknown.text
    assert guarded.get("tom", url).status_code == 200


def test_ids_of_another_owner_are_unknown_to_score(guarded: Guarded) -> None:
    sent = {"account_ids": ["A-00042", "zero", "nobody"]}
    told = guarded.ask("mara-scorer", "POST", "/v1/score", json=sent).json()
    assert [each["account_id"] for each in told["results"]] == ["A-00042"] and told["unknown"] == ["zero", "nobody"]
    problem(guarded.ask("mara-scorer", "POST", "/v1/score", json={"account_ids": ["zero"]}), 404)


def test_the_page_is_the_owners_in_rows_sums_and_choices(guarded: Guarded) -> None:
    html = guarded.get("mara", "/").text
    assert "Nordwind Logistik GmbH" in html and "Grün &amp; Söhne" in html
    others = ("Bluebird Analytics", "Tom Okafor", "@owner", "startup", "zero", "What the scores react to", "HYPERLINK")
    assert not [other for other in others if other in html]
    sums = guarded.get("mara", "/v1/at-risk").json()["value_at_risk"]
    assert f"EUR {sums:,.0f}" in html and "<strong>2</strong> accounts" in html and f"Accounts of {MARA}" in html


def test_an_owner_without_accounts_sees_an_empty_list(guarded: Guarded) -> None:
    assert guarded.get("nobody", "/v1/at-risk").json()["total"] == 0
    assert "No account of the list belongs to Nobody At All." in guarded.get("nobody", "/").text
    assert len(guarded.get("nobody", "/v1/at-risk?format=csv").content.splitlines()) == 1


@pytest.mark.parametrize("order", [("admin", "mara", "tom"), ("tom", "mara", "admin"), ("mara", "admin", "tom")])
@pytest.mark.parametrize("url", ["/v1/at-risk", "/v1/at-risk?format=csv", "/", "/?offset=0&limit=9"])
def test_an_answer_that_is_kept_for_one_key_is_never_anothers(
    tmp_path: Path, store: Path, order: tuple[str, ...], url: str
) -> None:
    shutil.copytree(store, tmp_path / "store")
    asked = guard(tmp_path / "store")
    seen = {"admin": MARAS | TOMS, "mara": MARAS, "tom": TOMS}
    names = {"A-00042": "Nordwind", "kunde 7/b": "Söhne", "A-00007": "Bluebird"}
    for who in order * 2:
        text = asked.get(who, url).content.decode("utf-8")
        assert {account for account, name in names.items() if name in text} == seen[who] & names.keys()


def test_kept_accounts_are_found_by_their_own_place_in_the_list(guarded: Guarded) -> None:
    """The rows of an owner stand elsewhere in the whole list: what is kept of one must not be read with the other's."""
    for who in ("tom", "admin", "mara", "tom"):
        for account in {"tom": TOMS, "mara": MARAS, "admin": TOMS | MARAS}[who]:
            answer = guarded.get(who, f"/v1/accounts/{account.replace('/', '%2F')}")
            assert answer.json()["account_id"] == account


def test_what_was_refused_of_all_data_is_not_said_to_an_owner(store: Path, client: Client) -> None:
    client.get("/v1/at-risk")
    published = client.app.state.reader.held
    published.manifest["warnings"] = ["Refused: 7 rows worth EUR 900."]
    try:
        assert "Refused: 7" not in str(published.of_owner("@owner").manifest)
        assert "were refused" in str(published.of_owner("@owner").manifest["warnings"])
    finally:
        del published.manifest["warnings"]


# --- ends, changes and limits ---


def test_a_key_is_added_and_revoked_without_a_restart(tmp_path: Path, store: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    client = Client(make_app(tmp_path / "store"))
    assert client.get("/v1/at-risk").status_code == 200
    _, token = add_key(tmp_path / "store", "mira", Role.reader, datetime.now(UTC))
    time.sleep(LOOK)
    problem(client.get("/v1/at-risk"), 401)
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/v1/at-risk", headers=headers).status_code == 200
    revoke_key(tmp_path / "store", "mira", datetime.now(UTC))
    time.sleep(LOOK)
    problem(client.get("/v1/at-risk", headers=headers), 401)
    problem(client.get("/v1/at-risk"), 401)  # it is not open again


def test_a_key_that_has_answered_ends_at_its_moment(guarded: Guarded) -> None:
    now = datetime.now(UTC)
    _, token = add_key(guarded.store, "brief", Role.reader, now, expires=now + timedelta(seconds=2.5))
    headers = {"Authorization": f"Bearer {token}"}
    time.sleep(LOOK)
    assert guarded.get("", "/v1/at-risk", headers=headers).status_code == 200
    time.sleep(1.6)
    problem(guarded.get("", "/v1/at-risk", headers=headers), 401)


def test_keys_that_cannot_be_read_stop_every_answer_and_open_none(tmp_path: Path, store: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    asked = guard(tmp_path / "store", Rules())
    assert asked.get("admin", "/v1/at-risk").status_code == 200
    key_file(asked.store).write_bytes(b"{")
    time.sleep(LOOK)
    for who, url in (("admin", "/v1/at-risk"), ("", "/v1/at-risk"), ("", "/openapi.json")):
        answer = asked.get(who, url)
        assert "keys of the service cannot be read" in problem(answer, 503)["detail"] and answer.headers["retry-after"]
    assert asked.get("", "/").status_code == asked.get("", "/login").status_code == 503
    assert asked.get("", "/healthz").status_code == 200


def test_a_service_that_needs_keys_and_has_none_says_what_to_run(store: Path) -> None:
    client = Client(make_app(store, rules=Rules(open_without_keys=False)))
    assert "undertow keys add" in problem(client.get("/v1/at-risk"), 503)["detail"]


def test_a_key_may_ask_so_many_times_and_others_are_not_held_up(guarded: Guarded) -> None:
    _, token = add_key(guarded.store, "slow", Role.reader, datetime.now(UTC), per_minute=30)
    time.sleep(LOOK)
    headers = {"Authorization": f"Bearer {token}"}
    answers = [guarded.get("", "/v1/model", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    told = problem(answers[-1], 429)
    assert "This key may ask 30 times a minute. Try again in 2 s." in told["detail"]
    assert answers[-1].headers["retry-after"] == "2"
    assert guarded.get("reader", "/v1/model").status_code == 200


def test_wrong_secrets_of_one_key_are_limited(guarded: Guarded) -> None:
    key, token = add_key(guarded.store, "guessed", Role.reader, datetime.now(UTC))
    time.sleep(LOOK)
    for number in range(11):
        answer = guarded.get("", "/v1/model", headers={"Authorization": f"Bearer {token[:-2]}{number:02}"})
        told = problem(answer, 429 if number == 10 else 401)
        assert token not in str(told) and key.id not in str(told)
    assert int(answer.headers["retry-after"]) <= 6


# --- hosts ---

GOOD = [b"test", b"TEST", b"test:3000", b"test."]
BAD = [b"evil.example", b"test.evil.example", b"127.0.0.1", b"[::1]:3000", b"xtest", b"localhost"]


async def with_hosts(guarded: Guarded, hosts: list[bytes], path: str = "/v1/model", accept: bytes = b"*/*") -> Any:
    """Send a request with these Host headers, which httpx would not; return its status and body."""
    sent: list[Any] = []
    headers = [(b"host", host) for host in hosts] + [
        (b"authorization", b"Bearer " + guarded.tokens["admin"].encode()), (b"accept", accept),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "scheme": "http", "server": ("127.0.0.1", 3000), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await guarded.client.app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize("host", GOOD)
def test_an_allowed_host_is_answered(guarded: Guarded, host: bytes) -> None:
    assert asyncio.run(with_hosts(guarded, [host]))[0] == 200


@pytest.mark.parametrize("host", BAD)
def test_another_host_is_refused_with_the_option_to_use(guarded: Guarded, host: bytes) -> None:
    status, body = asyncio.run(with_hosts(guarded, [host]))
    assert (status, json.loads(body)["status"]) == (421, 421) and "--allow-host" in json.loads(body)["detail"]
    status, body = asyncio.run(with_hosts(guarded, [host], "/", b"text/html"))
    assert status == 421 and "--allow-host" in body and "<html" in body


@pytest.mark.parametrize(
    "hosts", [[], [b"test", b"test"], [b""], [b"a b"], [b"[::1"], [b"test/x"], [b"u@test"], [b"\xff"]]
)
def test_a_missing_double_or_broken_host_is_a_bad_request(guarded: Guarded, hosts: list[bytes]) -> None:
    for path in ("/v1/model", "/", "/nope"):
        assert asyncio.run(with_hosts(guarded, hosts, path))[0] == 400


def test_probes_are_asked_by_any_name(guarded: Guarded) -> None:
    assert asyncio.run(with_hosts(guarded, [b"10.0.0.7:3000"], "/healthz"))[0] == 200


def test_an_open_service_checks_the_host_too(store: Path) -> None:
    client = Client(make_app(store, rules=Rules(hosts=frozenset({"localhost"}))))
    problem(client.get("/v1/at-risk"), 421)
    assert client.get("/v1/at-risk", headers={"Host": "localhost:3000"}).status_code == 200


# --- rules ---


def test_started_without_undertow_serve_the_service_needs_keys_unless_it_is_told_otherwise() -> None:
    closed = Rules(False, frozenset({"localhost", "127.0.0.1", "::1"}))
    for environment in ({}, {"UNDERTOW_OPEN": ""}, {"UNDERTOW_OPEN": "true"}):
        assert Rules.from_environment(environment) == closed
    said = {"OPEN": "1", "HOSTS": "::,Churn.Example", "HOME": "/h", "AUDIT_LOG": "/a"}
    hosts = frozenset({"localhost", "127.0.0.1", "::1", "::", "churn.example"})
    environment = {f"UNDERTOW_{name}": value for name, value in said.items()}
    assert Rules.from_environment(environment) == Rules(True, hosts, Path("/h"), Path("/a"))


# --- the audit log ---


def test_lists_that_are_read_are_noted_and_nothing_of_what_they_hold(guarded: Guarded) -> None:
    before = len(audited(guarded))
    guarded.get("mara", f"/v1/at-risk?format=csv&owner={MARA}&min_value=12.5")
    guarded.get("admin", "/v1/at-risk?segment=business")
    guarded.get("mara", "/v1/accounts/A-00042")
    guarded.get("mara", "/")
    problem(guarded.get("mara", "/v1/at-risk?segment=startup"), 422)
    wrong = guarded.tokens["tom"][:-3] + "xyz"
    guarded.get("", "/v1/accounts/A-00042", headers={"Authorization": f"Bearer {wrong}"})
    guarded.get("", "/v1/accounts/A-00042", headers={"Authorization": "Bearer undertow_typed-by-mistake"})
    lines = audited(guarded)[before:]
    assert [(line["event"], line["name"], line["route"]) for line in lines] == [
        ("export", "mara", "/v1/at-risk"),
        ("export", "admin", "/v1/at-risk"),
        ("login refused", "tom", "/v1/accounts/{account_id:path}"),
        ("login refused", None, "/v1/accounts/{account_id:path}"),
    ]
    written = (guarded.store.parent / "audit.log").read_text()
    secrets = [token.split("_", 2)[2] for token in guarded.tokens.values()]
    for value in ("A-00042", MARA, "12.5", "business", "typed-by-mistake", wrong, "127.0.0.1", *secrets):
        assert value not in written


def test_an_open_service_notes_nothing(tmp_path: Path, store: Path, make_client: Callable[..., Client]) -> None:
    client = make_client(make_app(store, rules=Rules(audit_log=tmp_path / "audit.log")))
    assert client.get("/v1/at-risk?format=csv").status_code == 200 and not (tmp_path / "audit.log").exists()
