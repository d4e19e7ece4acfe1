"""Saved views: one's own, shared ones, and queries that the list would not answer."""

from __future__ import annotations

import pytest

from tests.serving.team.conftest import NOW
from undertow.features.errors import ChangedSince, RequestError, UnknownView
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.team import views
from undertow.serving.team.database import Database
from undertow.serving.team.requests import ViewRequest
from undertow.serving.team.views import checked_name, find_view, list_views, query_text, remove_view, save_view

BOOK = "owner=Mira+Holt"


def save(database: Database, who: str, name: str, query: str = BOOK, shared: bool = False) -> None:
    save_view(database, who, name, ViewRequest(query, shared), NOW)


def test_a_view_is_ones_own_unless_it_is_shared(database: Database) -> None:
    save(database, "mira", "My book")
    save(database, "tom", "Payments", "cause=involuntary", shared=True)
    assert [(view.name, view.mine) for view in list_views(database, "mira", True)] == [
        ("My book", True), ("Payments", False),
    ]  # fmt: skip
    assert [view.name for view in list_views(database, "tom", True)] == ["Payments"]
    assert [view.name for view in list_views(database, "mira", False)] == ["My book"]
    found = find_view(database, "mira", "Payments", True)
    assert (found.query, found.made_by, found.made_at) == ("cause=involuntary", "tom", NOW.replace(microsecond=0))


def test_two_have_views_of_one_name_and_each_gets_its_own(database: Database) -> None:
    save(database, "tom", "My book", "owner=Tom", shared=True)
    save(database, "mira", "My book")
    assert find_view(database, "mira", "My book", True).query == BOOK
    assert find_view(database, "ada", "My book", True).query == "owner=Tom"


def test_a_view_saved_again_is_replaced_and_a_shared_name_is_taken(database: Database) -> None:
    save(database, "mira", "Big", "min_value=500")
    save(database, "mira", "Big", "min_value=900", shared=True)
    assert [view.query for view in list_views(database, "mira", True)] == ["min_value=900.0"]
    with pytest.raises(ChangedSince, match=r"mira shares a view named 'Big' already\. Choose another name"):
        save(database, "tom", "Big", shared=True)


def test_a_view_is_removed_by_who_made_it_alone(database: Database) -> None:
    save(database, "mira", "Big", shared=True)
    with pytest.raises(UnknownView, match="You have no saved view named 'Big'"):
        remove_view(database, "tom", "Big")
    assert remove_view(database, "mira", "Big").name == "Big"
    with pytest.raises(UnknownView, match="No saved view is named 'Big'"):
        find_view(database, "mira", "Big", True)


@pytest.mark.parametrize(("query", "why"), [
    ("oner=Mira", "Unknown query parameter 'oner'. Did you mean 'owner'?"),
    ("min_value=much", "min_value"),
    ("cause=weather", "cause: expected"),
    ("cause=voluntary&cause=involuntary", "given more than once"),
    ("x" * 2_001, "expected at most 2,000 characters"),
])  # fmt: skip
def test_a_query_that_the_list_refuses_is_no_view(database: Database, query: str, why: str) -> None:
    with pytest.raises(RequestError, match=why):
        save(database, "mira", "Book", query)
    assert list_views(database, "mira", True) == []


def test_a_view_keeps_filters_and_forgets_the_page_and_the_list(database: Database) -> None:
    save(database, "mira", "Book", "?offset=50&run=2025-01&format=csv&limit=20&segment=a%26b")
    assert find_view(database, "mira", "Book", True).query == "limit=20&segment=a%26b"
    assert query_text(AtRiskQuery()) == ""


@pytest.mark.parametrize("name", ["", "  ", "a/b", "<b>", "x" * 61, "=cmd", "a\nb", "-x"])
def test_a_name_is_short_and_plain(name: str) -> None:
    with pytest.raises(RequestError, match="is no name of a view"):
        checked_name(name)
    assert checked_name(" Renewals in Q1 (Mira) ") == "Renewals in Q1 (Mira)"


def test_a_key_has_a_hundred_views_at_most(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_VIEWS", 1)
    save(database, "mira", "One")
    save(database, "mira", "One", "limit=5")
    with pytest.raises(RequestError, match="You have 1 saved views; remove one first"):
        save(database, "mira", "Two")
