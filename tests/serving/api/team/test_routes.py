"""/v1/statuses, /v1/status-history and /v1/views: who may ask what, and what is refused."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.api.guarded import MARA, Guarded
from tests.serving.api.problem import problem
from tests.serving.api.team.conftest import Put
from tests.serving.client import Client
from tests.serving.published_by_hand import PEOPLE
from undertow.serving.api.app import make_app
from undertow.serving.team import database as module

NORDWIND, GRUEN, BLUEBIRD = "A-00042", "kunde 7/b", "A-00007"
PATHS = ("/v1/statuses", "/v1/status-history", f"/v1/statuses/{NORDWIND}", "/v1/views", "/v1/views/Book")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_status_is_set_read_and_has_its_history(team: Client, put: Put) -> None:
    before = team.get(f"/v1/statuses/{NORDWIND}").json()
    assert (before["status"]["status"], before["status"]["version"], before["history"]) == ("open", 0, [])
    said = {"status": "contacted", "owner": "Mira", "due": "2025-02-07", "note": "Called"}
    answer = put(f"/v1/statuses/{NORDWIND}", **said, version=0)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    read = team.get(f"/v1/statuses/{NORDWIND}").json()
    assert read == answer.json()
    status = read["status"]
    assert (status["changed_by"], status["version"], status["name"]) == ("local", 1, "Nordwind Logistik GmbH")
    assert read["history"][0]["before"] is None and read["history"][0]["after"]["note"] == "Called"


def test_a_team_shares_statuses_and_views_in_postgresql(store: Path, schema: str) -> None:
    teams = [Client(make_app(store, team=schema)) for _ in range(2)]  # as of two worker processes
    asyncio.run(teams[0].send("PUT", f"/v1/statuses/{NORDWIND}", json={"status": "contacted", "note": "日本 'ä'"}))
    asyncio.run(teams[0].send("PUT", "/v1/views/Book", json={"query": "limit=5"}))
    [status] = teams[1].get("/v1/statuses?status=contacted").json()["statuses"]
    assert (status["account_id"], status["note"]) == (NORDWIND, "日本 'ä'")
    page = teams[1].get("/").text
    assert "<b>Contacted</b>" in page and ">Book</a>" in page
    problem(asyncio.run(teams[1].send("PUT", f"/v1/statuses/{NORDWIND}", json={"status": "done", "version": 0})), 409)
    for team in teams:
        team.app.state.team.close()


def test_an_id_with_a_slash_has_a_status_too(team: Client, put: Put) -> None:
    assert put("/v1/statuses/kunde%207%2Fb", status="done").json()["status"]["account_id"] == GRUEN
    assert team.get("/v1/statuses?account_id=kunde+7%2Fb").json()["statuses"][0]["name"] == "Grün & Söhne"


def test_who_saw_an_older_version_is_told_who_changed_it(put: Put) -> None:
    put(f"/v1/statuses/{NORDWIND}", status="contacted")
    read = problem(put(f"/v1/statuses/{NORDWIND}", status="done", version=0), 409)
    assert read["detail"].startswith("local set it to contacted at ") and "(version 1)" in read["detail"]


@pytest.mark.parametrize(("said", "why"), [
    ({"status": "snoozed", "until": "2020-01-01"}, "Snoozed until 2020-01-01: expected a day after today"),
    ({"status": "snoozed"}, "Snoozed needs the day on which the account comes back"),
    ({"status": "snozed"}, "status: expected open or contacted or snoozed or done."),
    ({"status": "done", "until": "soon"}, "until: "),
    ({"status": "done", "not": "x"}, "unknown field"),
    ({"status": "done", "note": "x" * 501}, "note: expected at most 500 characters, got 501"),
    ({"status": "done", "note": 7}, "note: expected"),
    ({}, "required field"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(put: Put, said: dict[str, object], why: str) -> None:
    assert why in problem(put(f"/v1/statuses/{NORDWIND}", **said), 422)["detail"]


def test_what_is_no_json_is_refused(team: Client) -> None:
    for body, status in ((b"{", 400), (b'{"status": "\\ud800"}', 400), (b"\xff", 400)):
        answer = asyncio.run(
            team.send("PUT", f"/v1/statuses/{NORDWIND}", content=body, headers={"Content-Type": "application/json"})
        )
        problem(answer, status)
    problem(asyncio.run(team.send("PUT", f"/v1/statuses/{NORDWIND}", content=b"status=done")), 415)


def test_an_account_that_nobody_knows_is_not_found(team: Client, put: Put) -> None:
    problem(team.get("/v1/statuses/nobody"), 404)
    problem(put("/v1/statuses/nobody", status="done"), 404)
    assert team.get("/v1/statuses").json()["total"] == 0


@pytest.mark.parametrize("query", ["status=opn", "stats=open", "limit=0", "limit=5&limit=6", "format=pdf", "offset=-1"])
def test_a_query_that_is_not_as_described_is_refused(team: Client, query: str) -> None:
    problem(team.get(f"/v1/statuses?{query}"), 422)


def test_the_list_is_filtered_by_status_owner_and_several_accounts(team: Client, put: Put) -> None:
    put(f"/v1/statuses/{NORDWIND}", status="contacted", owner="Mira")
    put(f"/v1/statuses/{BLUEBIRD}", status="contacted", owner="Tom")
    put("/v1/statuses/zero", status="done", owner="Mira")

    def asked(query: str) -> list[str]:
        return [each["account_id"] for each in team.get(f"/v1/statuses?{query}").json()["statuses"]]

    assert asked("status=contacted") == [BLUEBIRD, NORDWIND]
    assert asked("owner=Mira&status=") == [NORDWIND, "zero"]
    assert asked(f"account_id={BLUEBIRD}&account_id=zero") == [BLUEBIRD, "zero"]
    page = team.get("/v1/statuses?limit=1&offset=1").json()
    assert (page["total"], page["limit"], len(page["statuses"])) == (3, 1, 1)


def test_a_csv_runs_in_no_spreadsheet(team: Client, put: Put) -> None:
    put("/v1/statuses/%E6%97%A5%E6%9C%AC-1", status="contacted", owner="@SUM(1)", note='=HYPERLINK("http://x")')
    put("/v1/statuses/zero", status="done", note="\n-1+1\n+2")
    answer = team.get("/v1/statuses?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    for row in (*rows_of(answer.text), *rows_of(team.get("/v1/status-history?format=csv").text)):
        assert not [value for value in row.values() if value.startswith(("=", "+", "-", "@"))]
    assert rows_of(answer.text)[1]["note"] == "'=HYPERLINK(\"http://x\")"


def test_a_status_survives_the_next_list_and_an_account_that_left_it(
    store: Path, tmp_path: Path, file: Path, publish_scores: Callable[..., Path]
) -> None:
    publish_scores(tmp_path / "s", "run-1")
    team = Client(make_app(tmp_path / "s", team=str(file)))
    for account_id in (NORDWIND, BLUEBIRD):
        asyncio.run(team.send("PUT", f"/v1/statuses/{account_id}", json={"status": "contacted"}))
    publish_scores(tmp_path / "s", "run-2", tuple(person for person in PEOPLE if person[0] != NORDWIND))
    team = Client(make_app(tmp_path / "s", team=str(file)))
    assert team.get(f"/v1/accounts/{NORDWIND}").status_code == 404
    assert team.get("/accounts/A-00007").text.count('<span class="chip">Contacted</span>') == 1
    listed = {each["account_id"]: each for each in team.get("/v1/statuses").json()["statuses"]}
    assert (listed[NORDWIND]["on_list"], listed[NORDWIND]["name"]) == (False, None)
    assert listed[BLUEBIRD]["on_list"] is True
    exported = {row["account_id"]: row["list"] for row in rows_of(team.get("/v1/statuses?format=csv").text)}
    assert exported == {NORDWIND: "no longer on the list", BLUEBIRD: ""}
    answer = asyncio.run(team.send("PUT", f"/v1/statuses/{NORDWIND}", json={"status": "done"}))
    assert answer.json()["status"]["version"] == 2  # what was begun can be ended


# --- keys ---


def test_a_reader_sets_under_the_name_of_its_key_and_a_scorer_may_not(guarded: Guarded) -> None:
    url = f"/v1/statuses/{NORDWIND}"
    assert guarded.ask("reader", "PUT", url, json={"status": "done"}).json()["status"]["changed_by"] == "reader"
    problem(guarded.ask("scorer", "PUT", url, json={"status": "done"}), 403)
    problem(guarded.ask("", "PUT", url, json={"status": "done"}), 401)
    for path in PATHS:
        problem(guarded.get("scorer", path), 403)


def test_a_key_of_an_owner_sees_and_sets_the_accounts_of_that_owner_alone(guarded: Guarded) -> None:
    for account_id in (NORDWIND, BLUEBIRD):
        guarded.ask("admin", "PUT", f"/v1/statuses/{account_id}", json={"status": "contacted", "note": "secret"})
    problem(guarded.get("mara", f"/v1/statuses/{BLUEBIRD}"), 404)
    problem(guarded.ask("mara", "PUT", f"/v1/statuses/{BLUEBIRD}", json={"status": "done"}), 404)
    assert guarded.ask("mara", "PUT", f"/v1/statuses/{NORDWIND}", json={"status": "done"}).status_code == 200
    for path in ("/v1/statuses", "/v1/status-history", "/v1/statuses?format=csv", "/v1/status-history?format=csv",
                 f"/v1/statuses?account_id={BLUEBIRD}"):  # fmt: skip
        assert BLUEBIRD not in guarded.get("mara", path).text
    assert guarded.get("mara", "/v1/statuses").json()["total"] == 1
    assert guarded.get("mara", "/v1/status-history").json()["total"] == 2
    assert guarded.get("nobody", "/v1/statuses").json()["total"] == 0
    assert guarded.get("admin", f"/v1/statuses/{BLUEBIRD}").json()["status"]["status"] == "contacted"


def test_a_key_of_an_owner_sees_no_view_that_names_others(guarded: Guarded) -> None:
    guarded.ask("admin", "PUT", "/v1/views/Toms", json={"query": "owner=Tom+Okafor", "shared": True})
    guarded.ask("mara", "PUT", "/v1/views/My book", json={"query": "cause=voluntary"})
    assert [view["name"] for view in guarded.get("mara", "/v1/views").json()["views"]] == ["My book"]
    problem(guarded.get("mara", "/v1/views/Toms"), 404)
    assert [view["name"] for view in guarded.get("reader", "/v1/views").json()["views"]] == ["Toms"]


def test_views_are_saved_shared_and_removed(guarded: Guarded) -> None:
    saved = guarded.ask("reader", "PUT", "/v1/views/Payments", json={"query": "cause=involuntary", "shared": True})
    assert saved.json()["mine"] is True
    assert guarded.get("admin", "/v1/views/Payments").json()["mine"] is False
    problem(guarded.ask("admin", "PUT", "/v1/views/Payments", json={"query": "", "shared": True}), 409)
    problem(guarded.ask("admin", "DELETE", "/v1/views/Payments"), 404)
    assert guarded.ask("reader", "DELETE", "/v1/views/Payments").json()["name"] == "Payments"
    problem(guarded.get("reader", "/v1/views/Payments"), 404)
    problem(guarded.ask("reader", "PUT", "/v1/views/Payments", json={"query": "oner=x"}), 422)
    problem(guarded.ask("reader", "PUT", "/v1/views/%3Cb%3E", json={"query": ""}), 422)


def test_each_change_is_in_the_audit_log_by_its_key_and_route_alone(guarded: Guarded, tmp_path: Path) -> None:
    guarded.ask("reader", "PUT", f"/v1/statuses/{NORDWIND}", json={"status": "done", "note": "secret"})
    guarded.ask("reader", "PUT", "/v1/views/Mine", json={"query": "owner=Tom+Okafor"})
    guarded.ask("reader", "DELETE", "/v1/views/Mine")
    guarded.get("reader", "/v1/status-history?format=csv")
    text = (tmp_path / "audit.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["event"], line["name"], line["route"]) for line in lines] == [
        ("status set", "reader", "/v1/statuses/{account_id:path}"),
        ("view saved", "reader", "/v1/views/{name}"),
        ("view removed", "reader", "/v1/views/{name}"),
        ("export", "reader", "/v1/status-history"),
    ]
    assert not [word for word in ("secret", NORDWIND, "Mine", "Okafor", MARA) if word in text]


# --- without a database, or with one that cannot be used ---


@pytest.mark.parametrize("path", PATHS)
def test_without_a_database_it_is_said_what_to_write(client: Client, path: str) -> None:
    detail = problem(client.get(path), 404)["detail"]
    assert "No [team] database is configured, so statuses are read-only." in detail
    assert 'write [team] with database = "team.db" into undertow.toml' in detail


@pytest.mark.parametrize("how", ["locked", "removed"])
def test_where_the_database_cannot_be_used_the_answer_is_503_and_lists_go_on(
    team: Client, put: Put, file: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    put(f"/v1/statuses/{NORDWIND}", status="contacted")
    holder = sqlite3.connect(file, isolation_level=None)
    if how == "locked":
        holder.execute("BEGIN EXCLUSIVE")
    else:
        file.unlink()
    for answer in (put(f"/v1/statuses/{NORDWIND}", status="done"), team.get("/v1/statuses")):
        assert "The team's database cannot be" in problem(answer, 503)["detail"]
        assert answer.headers["retry-after"] == "30"
    for url in ("/", f"/accounts/{NORDWIND}"):
        page = team.get(url)
        assert page.status_code == 200 and "Statuses cannot be read now: The team&#39;s database cannot be" in page.text
    assert team.get("/v1/at-risk").status_code == 200
    holder.close()
