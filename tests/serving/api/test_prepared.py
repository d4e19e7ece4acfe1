"""Answers to GET: revalidated by their ETag, and gzipped once for those who take it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request

from tests.serving.client import Client
from tests.serving.published_by_hand import People
from undertow.serving.api.app import make_app
from undertow.serving.api.prepared import gzipped, takes_gzip

URLS = ("/v1/at-risk", "/v1/at-risk?format=csv", "/v1/at-risk?format=ndjson", "/v1/accounts/zero", "/v1/drivers",
        "/v1/journeys", "/v1/personas", "/v1/features", "/v1/model")  # fmt: skip
PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("url", URLS)
def test_an_answer_that_the_caller_has_is_not_sent_again(client: Client, url: str) -> None:
    answer = client.get(url)
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    for given in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = client.get(url, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["undertow-list"] == "run-1" and again.headers["cache-control"] == "private, no-cache"
    assert client.get(url, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_what_is_refused_is_refused_whatever_the_caller_has(client: Client) -> None:
    for url, status in (("/v1/accounts/nobody", 404), ("/v1/at-risk?owner=nobody", 422), ("/v1/at-risk?limit=0", 422)):
        assert client.get(url, headers={"If-None-Match": "*"}).status_code == status


def test_another_query_another_list_and_the_same_list_published_again_have_other_tags(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    publish_scores(tmp_path, "run-1", people[:2])
    tags = {Client(make_app(tmp_path)).get(url).headers["etag"] for url in ("/v1/at-risk", "/v1/at-risk?limit=1")}
    publish_scores(tmp_path, "run-2", people[:2])
    tags.add(Client(make_app(tmp_path)).get("/v1/at-risk").headers["etag"])
    publish_scores(tmp_path, "run-2")
    tags.add(Client(make_app(tmp_path)).get("/v1/at-risk").headers["etag"])
    assert len(tags) == 4


def test_every_process_of_the_service_gives_the_same_tag(store: Path) -> None:
    first, second = (Client(make_app(store)).get("/v1/at-risk?owner=Tom%20Okafor").headers["etag"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("url", ["/v1/at-risk", "/v1/at-risk?format=csv", "/v1/at-risk?format=ndjson", "/v1/drivers"])
def test_gzip_holds_the_same_bytes(client: Client, url: str) -> None:
    packed, plain = client.get(url, headers={"Accept-Encoding": "gzip"}), client.get(url, headers=PLAIN)
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content  # httpx unpacks
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Authorization, Cookie"
    assert packed.headers["etag"] == plain.headers["etag"]


def test_a_list_is_compressed_once(client: Client) -> None:
    kept = client.app.state.reader.latest().answers
    before = len(kept._answers)
    for _ in range(3):
        client.get("/v1/at-risk?min_value=0.125", headers={"Accept-Encoding": "gzip"})
    assert len(kept._answers) == before + 2  # as it is, and gzipped


def test_short_answers_single_accounts_posts_and_pages_are_not_compressed(client: Client) -> None:
    """A page holds forms, and repeats what a request says: its length must not tell what is secret in it."""
    packed = {"Accept-Encoding": "gzip"}
    answers = [client.get(url, headers=packed) for url in ("/", "/accounts/zero", "/nope", "/v1/accounts/zero")]
    answers.append(client.post("/v1/score", json={"account_ids": ["zero"]}, headers=packed))
    answers.append(client.get("/v1/at-risk?offset=1000", headers=packed))
    assert not [answer.url for answer in answers if "content-encoding" in answer.headers]


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("br, *;q=0.1", True), ("", False), ("br", False),
     ("gzip;q=0", False), ("gzip; q=0.000, *", False), ("identity", False), ("xgzip", False)],
)  # fmt: skip
def test_gzip_is_sent_to_those_who_name_it(accepted: str, takes: bool) -> None:
    request = Request({"type": "http", "headers": [(b"accept-encoding", accepted.encode())]})
    assert takes_gzip(request) == takes


def test_pieces_are_one_gzip_member() -> None:
    pieces = [bytes([number]) * 70_000 for number in range(20)]
    assert gzip.decompress(b"".join(gzipped(pieces))) == b"".join(pieces)


def test_pages_scores_and_errors_are_not_kept_by_anyone(client: Client) -> None:
    answers = [client.get(url) for url in ("/", "/accounts/zero", "/v1/accounts/nobody", "/healthz", "/readyz")]
    for answer in [*answers, client.post("/v1/score", json={"account_ids": ["zero"]})]:
        assert answer.headers["cache-control"] == "no-store" and "etag" not in answer.headers


def test_head_answers_with_the_headers_of_get(client: Client) -> None:
    for url in ("/v1/at-risk", "/v1/at-risk?format=csv"):
        head, get = asyncio.run(client.send("HEAD", url)), client.get(url)
        for name in ("etag", "content-type", "cache-control", "content-encoding"):
            assert head.headers[name] == get.headers[name]
