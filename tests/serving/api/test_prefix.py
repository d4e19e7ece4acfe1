"""Links behind a reverse proxy stay below its prefix, and lead to no other host."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from tests.serving.client import Client

LINK = re.compile(r'(?:href|action)="(?!data:)([^"]*)"')
BROWSER = {"Accept": "text/html"}


def links(client: Client, path: str, **headers: str) -> list[str]:
    found = LINK.findall(client.get(path, headers={**BROWSER, **headers}).text)
    assert found
    return [link for link in found if not link.startswith("#")]


@pytest.mark.parametrize(
    "path",
    ["/", "/?owner=Tom+Okafor&limit=1", "/?min_value=9e9", "/accounts/A-00042", "/accounts/kunde%207%2Fb",
     "/accounts/kunde%207/b", "/accounts/nobody/at/all", "/nope/at/all", "/?limit=x"],
)  # fmt: skip
def test_every_link_and_form_stays_below_the_prefix_that_the_proxy_strips(client: Client, path: str) -> None:
    seen = [urljoin(f"https://host/undertow{path}", link) for link in links(client, path)]
    assert all(url.startswith("https://host/undertow/") for url in seen)
    assert "https://host/undertow/" in seen  # the list itself


@pytest.mark.parametrize("path", ["/", "/accounts/A-00042", "/nope/at/all"])
def test_a_prefix_that_the_proxy_names_begins_every_link(client: Client, path: str) -> None:
    assert all(link.startswith("/a/b-1/") for link in links(client, path, **{"X-Forwarded-Prefix": "/a/b-1"}))


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "https://evil.example", "/a/", "a", "/a//b", "/..", "/a/../b", "/a b", "/a?b", '/"><b>', "/a\n",
     "/a, /b", "/" + "a" * 300],
)  # fmt: skip
def test_a_prefix_that_is_no_plain_path_is_ignored(client: Client, prefix: str) -> None:
    assert links(client, "/", **{"X-Forwarded-Prefix": prefix}) == links(client, "/")


def test_the_links_of_a_list_lead_to_its_accounts(client: Client) -> None:
    [link] = [link for link in links(client, "/") if "kunde" in link]
    answer = client.get(urljoin("http://test/", link))
    assert answer.status_code == 200
    assert urljoin("http://test/accounts/kunde%207%2Fb", LINK.findall(answer.text)[1]) == "http://test/"
