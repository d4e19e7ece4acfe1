"""The roll-up by owner and by segment: sums, what moved, who came and left, and for whom."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.serving.api.guarded import MARA, guard
from tests.serving.cli.typed import json_of, undertow
from tests.serving.client import Client
from tests.serving.lists_by_hand import DECEMBER, publish_compared
from tests.serving.published_by_hand import PEOPLE
from undertow.serving.api.app import make_app
from undertow.training.bundle.bundle import Bundle

Row = dict[str, Any]


@pytest.fixture(scope="module")
def shown(compared: Client) -> Row:
    found: Row = compared.get("/v1/portfolio").json()
    return found


@pytest.fixture(scope="module")
def accounts(compared: Client) -> list[Row]:
    found: list[Row] = compared.get("/v1/at-risk?limit=1000").json()["accounts"]
    return found


def expected(accounts: list[Row], left: int) -> Row:
    """A book by a plain reading of its accounts."""
    both = [each["moved"] for each in accounts if not each["moved"]["is_new"]]
    moved = [each["probability"] for each in both]
    return {
        "accounts": len(accounts),
        "mrr": sum(each["mrr"] for each in accounts),
        "value_at_risk": pytest.approx(sum(each["value_at_risk"] for each in accounts)),
        "probability": pytest.approx(sum(each["probability"]["90"] for each in accounts) / len(accounts)),
        "risen": sum(each >= 0.01 for each in moved),
        "fallen": sum(each <= -0.01 for each in moved),
        "new": len(accounts) - len(both),
        "moved": pytest.approx(sum(each["value_at_risk"] for each in both)),
        "left": left,
    }


@pytest.mark.parametrize("by", ["owner", "segment"])
def test_each_book_is_the_sum_of_its_accounts(shown: Row, accounts: list[Row], by: str) -> None:
    books = {book["name"]: book for book in shown[f"{by}s"]}
    assert set(books) == {each[by] for each in accounts}
    gone = {"owner": "Tom Okafor", "segment": "startup"}[by]
    for name, book in books.items():
        wanted = expected([each for each in accounts if each[by] == name], int(name == gone))
        assert {field: book[field] for field in wanted} == wanted
    values = [book["value_at_risk"] for book in shown[f"{by}s"] if book["name"] is not None]
    assert values == sorted(values, reverse=True) and shown[f"{by}s"][-1]["name"] is None


def test_the_total_is_that_of_all_and_of_both_lists(shown: Row, accounts: list[Row], compared: Client) -> None:
    total = shown["total"]
    wanted = expected(accounts, left=1)
    assert {field: total[field] for field in wanted} == wanted
    before = compared.get("/v1/accounts/gone/history").json()["points"][0]["value_at_risk"]
    assert total["left_value_at_risk"] == pytest.approx(before)
    new = next(each["value_at_risk"] for each in accounts if each["account_id"] == "zero")
    assert total["new_value_at_risk"] == new
    assert (shown["since"], shown["why_not"]) == ("2024-12-31", None)


def test_the_page_links_to_the_filtered_list(compared: Client, shown: Row) -> None:
    html = compared.get("/portfolio").text
    links = {unescape(link) for link in re.findall(r'href="(\./\?[^"]+)"', html)}
    assert {"./?owner=Mara+Lindqvist", "./?segment=startup", "./?moved=new"} <= links
    for link in links:
        listed = compared.get(f"/v1/at-risk{unquote(link.removeprefix('./'))}").json()
        assert listed["total"] > 0
    assert "Compared with the list of 31 Dec 2024" in html and "no owner" in html


def test_a_key_of_an_owner_sees_its_own_book_alone(two_lists: Path, tmp_path: Path) -> None:
    shutil.copytree(two_lists / "store", tmp_path / "store")
    guarded = guard(tmp_path / "store")
    mine = guarded.get("mara", "/v1/portfolio").json()
    assert [book["name"] for book in mine["owners"]] == [MARA]
    assert (mine["total"]["accounts"], mine["total"]["left"]) == (2, 0)
    assert guarded.get("tom", "/v1/portfolio").json()["total"]["left"] == 1
    page = guarded.get("mara", "/portfolio").text
    assert "Tom Okafor" not in page and "startup" not in page
    empty = guarded.get("nobody", "/v1/portfolio").json()
    assert (empty["total"]["accounts"], empty["owners"], empty["segments"]) == (0, [], [])
    assert guarded.get("nobody", "/portfolio").status_code == 200


def test_a_first_list_and_one_of_an_earlier_release_say_why_nothing_is_compared(
    tmp_path: Path, bundle: Bundle, client: Client
) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, PEOPLE)
    first = Client(make_app(tmp_path))
    for service, why in ((first, "this is the first list"), (client, "this list was published before lists were")):
        found = service.get("/v1/portfolio").json()
        assert found["why_not"].startswith(why) and found["since"] is None
        assert {found["total"][name] for name in ("moved", "risen", "fallen", "new", "left")} == {None}
        assert why[1:] in service.get("/portfolio").text


def test_the_printed_list_ends_with_what_contacts_are_worth_whatever_moved(two_lists: Path) -> None:
    shown = undertow("at-risk", "--project", str(two_lists)).stdout
    assert " pt since " in shown
    assert "contacts recommended, worth EUR" in shown.partition("accounts, as of")[2]


def test_the_command_prints_what_the_service_answers(two_lists: Path, shown: Row) -> None:
    assert json_of("portfolio", "--json", "--project", str(two_lists)) == shown
    printed = undertow("portfolio", "--project", str(two_lists)).stdout
    assert "Mara Lindqvist" in printed and "no owner" in printed and "compared with the list of 2024-12-31" in printed
