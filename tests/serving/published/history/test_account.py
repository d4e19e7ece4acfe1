"""The history of one account: over HTTP, on its page and on the command line; also of one that has left the list."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.serving.api.guarded import guard
from tests.serving.api.problem import problem
from tests.serving.cli.typed import json_of, undertow
from tests.serving.client import Client
from tests.serving.lists_by_hand import JANUARY, publish_compared
from tests.serving.pages.reading import words
from tests.serving.published_by_hand import PEOPLE
from undertow.serving.api.app import make_app
from undertow.serving.pages.one_account.over_time import MOST_DOTS, over_time
from undertow.serving.published.history.account import AccountHistory, HistoryPoint
from undertow.serving.published.history.files import publications
from undertow.training.bundle.bundle import Bundle

# --- over HTTP ---


def test_the_history_of_an_account_is_what_each_list_said_oldest_first(compared: Client) -> None:
    found = compared.get("/v1/accounts/A-00042/history").json()
    now = compared.get("/v1/accounts/A-00042").json()
    assert [each["as_of"] for each in found["points"]] == ["2024-12-31", "2025-01-31"]
    before, last = found["points"]
    assert (found["on_list"], found["gone_since"], found["unread"]) == (True, None, [])
    assert before["probability"] == now["moved"]["before"]
    assert (last["by_cause"], last["value_at_risk"]) == (now["by_cause"], now["value_at_risk"])
    parts = before["like_probability"] + sum(before["contributions"].values())
    assert parts == pytest.approx(before["probability"], abs=1e-6)
    assert sum(of["90"] for of in before["by_cause"].values()) == pytest.approx(before["probability"], abs=1e-6)
    assert last["first_family"] == now["reasons"][0]["family"] == "billing"


def test_an_account_that_has_left_is_answered_from_the_history(compared: Client) -> None:
    found = compared.get("/v1/accounts/gone/history").json()
    assert (found["name"], found["on_list"], found["gone_since"]) == ("Gone & Co", False, "2025-01-31")
    assert [each["as_of"] for each in found["points"]] == ["2024-12-31"]
    assert problem(compared.get("/v1/accounts/gone"), 404)["title"] == "Unknown account"


@pytest.mark.parametrize("account", ["kunde%207%2Fb", "kunde 7/b", " A-00042 "])
def test_ids_are_read_as_elsewhere(compared: Client, account: str) -> None:
    assert len(compared.get(f"/v1/accounts/{account}/history").json()["points"]) == 2


def test_an_account_that_no_list_names_is_unknown(compared: Client) -> None:
    said = "No account 'nobody' among those scored as of 2025-01-31."
    assert problem(compared.get("/v1/accounts/nobody/history"), 404)["detail"] == said
    page = compared.get("/accounts/nobody", headers={"Accept": "text/html"})
    assert page.status_code == 404 and said in words(page.text)


def test_a_damaged_file_is_named_and_the_others_are_read(two_lists: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(two_lists / "store", store)
    broken = publications(store / "history")[0].path
    broken.write_bytes(b"nothing")
    client = Client(make_app(store))
    found = client.get("/v1/accounts/A-00042/history").json()
    assert [each["as_of"] for each in found["points"]] == ["2025-01-31"]
    assert found["unread"] == [f"history/{broken.name} cannot be read and is passed over; remove it if it stays so."]
    page = words(client.get("/accounts/A-00042").text)
    assert f"history/{broken.name} cannot be read" in page and "One list so far names this account" in page


# --- for whom ---


def test_a_key_of_an_owner_sees_the_history_of_that_owners_accounts_alone(two_lists: Path, tmp_path: Path) -> None:
    shutil.copytree(two_lists / "store", tmp_path / "store")
    guarded = guard(tmp_path / "store")
    assert len(guarded.get("mara", "/v1/accounts/A-00042/history").json()["points"]) == 2
    assert guarded.get("tom", "/v1/accounts/gone/history").json()["gone_since"] == "2025-01-31"
    assert guarded.get("tom", "/accounts/gone").status_code == 200
    assert guarded.get("admin", "/v1/accounts/gone/history").status_code == 200
    for who, account in (("tom", "A-00042"), ("mara", "gone"), ("nobody", "gone")):
        told = problem(guarded.get(who, f"/v1/accounts/{account}/history"), 404)["detail"]
        assert told == f"No account '{account}' among those scored as of 2025-01-31."
        assert guarded.get(who, f"/accounts/{account}").status_code == 404
    assert guarded.get("scorer", "/v1/accounts/A-00042/history").status_code == 403


def test_an_account_that_went_to_another_owner_and_left_is_its_last_owners(tmp_path: Path, bundle: Bundle) -> None:
    moved = ("gone", "Gone & Co", "Mara Lindqvist", *PEOPLE[0][3:])
    before = ("gone", "Gone", "Tom Okafor", *PEOPLE[0][3:])
    publish_compared(tmp_path, bundle, JANUARY - timedelta(62), (before, *PEOPLE))
    publish_compared(tmp_path, bundle, JANUARY - timedelta(31), (moved, *PEOPLE))
    publish_compared(tmp_path, bundle, JANUARY, PEOPLE)
    guarded = guard(tmp_path)
    assert len(guarded.get("mara", "/v1/accounts/gone/history").json()["points"]) == 2
    assert guarded.get("tom", "/v1/accounts/gone/history").status_code == 404


def test_an_account_that_is_another_owners_now_is_not_told_to_its_former_one(tmp_path: Path, bundle: Bundle) -> None:
    was_toms = ("A-00042", PEOPLE[0][1], "Tom Okafor", *PEOPLE[0][3:])
    publish_compared(tmp_path, bundle, JANUARY - timedelta(31), (was_toms, *PEOPLE[1:]))
    publish_compared(tmp_path, bundle, JANUARY, PEOPLE)
    publications(tmp_path / "history")[-1].path.unlink()  # so that the history alone would still say Tom
    guarded = guard(tmp_path)
    assert guarded.get("tom", "/v1/accounts/A-00042/history").status_code == 404
    assert len(guarded.get("mara", "/v1/accounts/A-00042/history").json()["points"]) == 2


# --- on the pages and the command line ---


def test_the_page_shows_the_score_over_time_and_what_moved_in_parts_that_add_up(compared: Client) -> None:
    html = compared.get("/accounts/A-00042").text
    read = words(html)
    assert "The score over time" in read and '<svg class="time"' in html
    section = read.partition("Since the list before")[2].partition("The score over time")[0]
    assert "on the list of 31 Dec 2024 and is" in section and "it is the same model" in section
    said = re.search(r"(\d+\.\d) %((?: [+−] \d+\.\d)+) = (\d+\.\d) %", section)
    assert said is not None
    parts = [float(part.replace("−", "-").replace(" ", "")) for part in re.findall(r"[+−] \d+\.\d", said[2])]
    end = float(said[3])
    assert len(parts) == 6 and float(said[1]) + sum(parts) == pytest.approx(end, abs=1e-9)
    now = compared.get("/v1/accounts/A-00042").json()
    assert end == pytest.approx(100 * now["probability"]["90"], abs=0.051)


def test_the_page_of_a_new_account_says_so(compared: Client) -> None:
    read = words(compared.get("/accounts/zero").text)
    assert "New: the account was not on the list of 31 Dec 2024." in read
    assert "One list so far names this account" in read


def test_the_page_of_an_account_that_has_left_says_since_when_and_its_last_score(compared: Client) -> None:
    answer = compared.get("/accounts/gone")
    read = words(answer.text)
    last = compared.get("/v1/accounts/gone/history").json()["points"][0]
    assert answer.status_code == 200 and "Gone & Co" in read and "<b>" not in answer.text
    assert "No longer on the list since 31 Jan 2025" in read
    assert f"{100 * last['probability']:.1f} %" in read and "Of the list of 31 Dec 2024" in read


def test_a_list_of_an_earlier_release_says_that_it_was_not_compared(client: Client) -> None:
    read = words(client.get("/accounts/A-00042").text)
    assert "This list was published before lists were compared." in read
    assert [each["as_of"] for each in client.get("/v1/accounts/A-00042/history").json()["points"]] == ["2025-01-31"]


def test_the_command_prints_what_the_service_answers(two_lists: Path, compared: Client) -> None:
    for account in ("A-00042", "gone"):
        told = json_of("history", account, "--json", "--project", str(two_lists))
        assert told == compared.get(f"/v1/accounts/{account}/history").json()
    shown = undertow("history", "gone", "--project", str(two_lists)).stdout
    assert "gone (Gone & Co) is no longer on the list since 2025-01-31." in shown
    refused = undertow("history", "nobody", "--project", str(two_lists))
    assert refused.exit_code == 1 and "No account 'nobody'" in refused.stderr


# --- the drawing ---


def points(*shares: float, models: tuple[str, ...] = ()) -> AccountHistory:
    made = [
        HistoryPoint(
            as_of=f"{datetime(2024, 1, 1) + timedelta(days=10 * number):%Y-%m-%d}", run_id=f"{number}",
            model_version=models[number] if models else "m", horizon=90, probability=share,
            by_cause={"voluntary": {"90": 0.75 * share}, "involuntary": {"90": 0.25 * share}}, like_probability=0.1,
            contributions={}, cause="voluntary", first_family=None, value_at_risk=1.0, clv=2.0, currency="EUR",
        )
        for number, share in enumerate(shares)
    ]  # fmt: skip
    return AccountHistory("a", None, True, None, made, [])


def test_the_scale_begins_at_0_and_ends_above_the_highest_score() -> None:
    for highest, end in ((0.03, 0.05), (0.05, 0.05), (0.06, 0.1), (0.3, 0.5), (0.51, 1.0)):
        grid = over_time(points(0.01, highest), 90).grid
        assert (min(grid), max(grid)) == (0.0, end)


def test_lists_lie_where_their_days_lie_and_causes_are_stacked() -> None:
    drawn = over_time(points(0.1, 0.2, 0.4), 90)
    first, middle, last = drawn.dots
    assert middle.x - first.x == pytest.approx(last.x - middle.x)
    assert first.y > middle.y > last.y
    assert last.voluntary + last.involuntary == pytest.approx(last.probability) == pytest.approx(0.4)
    bottom, top = drawn.grid[0.0], drawn.grid[0.5]
    height = {"voluntary": 0.3, "total": 0.4}
    for line, share in height.items():
        place = getattr(drawn, line).split()[-2 if line == "voluntary" else -1]
        assert float(place.split(",")[1]) == pytest.approx(bottom - (bottom - top) * share / 0.5, abs=0.1)


def test_another_model_is_marked_where_it_begins() -> None:
    drawn = over_time(points(0.1, 0.1, 0.1, 0.1, models=("a", "a", "b", "b")), 90)
    assert [dot.new_model for dot in drawn.dots] == [False, False, True, False]
    many = over_time(points(*[0.1] * (MOST_DOTS + 1)), 90)
    assert [dot.is_drawn for dot in many.dots] == [False] * MOST_DOTS + [True]


def test_lists_without_the_horizon_are_left_out_and_none_at_all_draws_nothing() -> None:
    assert over_time(points(0.1, 0.2), 60).dots == ()
    assert over_time(points(), 90).dots == ()
