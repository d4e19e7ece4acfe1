"""Every answer names its request: by the id that the caller sent, where it may stand in a log, or by a new one."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.client import Client
from undertow.serving.api.app import make_app

URLS = ("/v1/at-risk", "/v1/at-risk?format=csv", "/", "/accounts/zero", "/v1/accounts/nobody", "/nope", "/metrics")


@pytest.mark.parametrize("url", URLS)
def test_a_well_formed_id_comes_back(client: Client, url: str) -> None:
    assert client.get(url, headers={"X-Request-ID": "Order-7.b_2"}).headers["x-request-id"] == "Order-7.b_2"
    assert client.get(url, headers={"X-Request-ID": "a" * 64}).headers["x-request-id"] == "a" * 64


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "a\tb", "a\xe9", "<b>", "a/b", 'a"'])
def test_another_is_replaced_by_a_new_one(client: Client, given: str) -> None:
    made = client.get("/v1/drivers", headers={"X-Request-ID": given.encode("latin-1")}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", made)


def test_requests_without_an_id_get_different_ones(client: Client) -> None:
    assert len({client.get("/healthz").headers["x-request-id"] for _ in range(10)}) == 10


def test_the_log_names_the_request_of_an_incident(
    tmp_path: Path, publish_scores: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    publish_scores(tmp_path)
    app = make_app(tmp_path)
    app.state.queue = None  # a fault of ours
    with caplog.at_level(logging.INFO):
        answer = Client(app).post("/v1/score", json={"rows": [{}]}, headers={"X-Request-ID": "order-7"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "order-7")
    assert "request order-7" in caplog.text
