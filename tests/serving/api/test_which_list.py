"""Every answer names the list it was made from, and says where a newer one cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.serving.client import Client
from tests.serving.published_by_hand import People
from undertow.serving.api.app import make_app

URLS = ("/v1/at-risk", "/v1/accounts/A-00042", "/v1/drivers", "/", "/accounts/A-00042", "/v1/accounts/nobody")


def _after_a_damaged_publication(store: Path, publish_scores: Callable[..., Path], people: People) -> Client:
    client = Client(make_app(store))
    publish_scores(store, "run-1", people[:2])
    client.get("/v1/at-risk")
    (publish_scores(store, "run-2") / "scores.parquet").write_bytes(b"damaged")

    async def until_it_was_tried() -> None:
        while client.app.state.reader.failure is None:
            await client.send("GET", "/v1/at-risk")
            await asyncio.sleep(0.01)

    asyncio.run(until_it_was_tried())
    return client


def test_every_answer_names_its_list(client: Client) -> None:
    for answer in [client.get(url) for url in URLS] + [client.post("/v1/score", json={"account_ids": ["zero"]})]:
        assert answer.headers["undertow-list"] == "run-1"
        assert "undertow-newer-list" not in answer.headers


def test_a_newer_list_that_cannot_be_read_is_said_in_headers_pages_and_metrics(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    client = _after_a_damaged_publication(tmp_path, publish_scores, people)
    answers = {url: client.get(url) for url in URLS}
    for answer in answers.values():
        assert (answer.headers["undertow-list"], answer.headers["undertow-newer-list"]) == ("run-1", "unreadable")
    assert answers["/v1/at-risk"].json()["total"] == 2
    for page in (answers["/"], answers["/accounts/A-00042"]):
        assert "A newer list was published and cannot be read; this is the one before it." in page.text
        assert "scores.parquet is not as it was written" in page.text
    metrics = client.get("/metrics").text
    assert "undertow_publication_unreadable 1.0" in metrics
    assert "undertow_publications_failed 1.0" in metrics and "undertow_publications_read 1.0" in metrics


def test_metrics_say_when_the_list_was_published_and_what_its_model_knew(client: Client) -> None:
    client.get("/v1/at-risk")
    metrics = client.get("/metrics").text
    assert "undertow_publication_timestamp_seconds 1.7383824e+09" in metrics
    assert "undertow_publication_as_of_timestamp_seconds 1.7382816e+09" in metrics


def test_lists_are_answered_while_a_newer_one_is_read(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    client = Client(make_app(tmp_path))
    publish_scores(tmp_path, "run-1", people[:2])
    client.get("/v1/at-risk")
    publish_scores(tmp_path, "run-2")

    async def asked() -> list[httpx.Response]:
        answers = [await client.send("GET", "/v1/at-risk")]
        while answers[-1].json()["total"] == 2:
            await asyncio.sleep(0)
            answers.append(await client.send("GET", "/v1/at-risk"))
        return answers

    totals = [answer.json()["total"] for answer in asyncio.run(asked())]
    assert totals[0] == 2 and totals[-1] == 6
    assert len(totals) > 3  # reading it takes longer than many answers
