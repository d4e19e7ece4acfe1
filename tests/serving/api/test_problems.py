"""Errors of every kind have one shape and the right status."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.api.app import make_app
from undertow.serving.published.requests import EXAMPLE_REQUEST
from undertow.training.bundle.bundle import FORMAT


def test_an_unknown_account_is_not_found(client: Client) -> None:
    assert "No account 'nobody'" in problem(client.get("/v1/accounts/nobody"), 404)["detail"]
    assert "No account 'nobody'" in problem(client.post("/v1/score", json={"account_ids": ["nobody"]}), 404)["detail"]


def test_an_unknown_route_and_a_wrong_method_have_the_same_shape(client: Client) -> None:
    assert "Did you mean '/v1/at-risk'?" in problem(client.get("/v1/at_risk"), 404)["detail"]
    wrong = client.get("/v1/score")
    assert "Use POST" in problem(wrong, 405)["detail"] and wrong.headers["allow"] == "POST"


def test_before_publication_every_route_says_what_to_run_and_then_answers(
    tmp_path: Path, publish_scores: Callable[..., Path], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_app(tmp_path))
    for url in ("/v1/at-risk", "/v1/accounts/zero", "/v1/drivers", "/readyz"):
        answer = client.get(url)
        assert "Run `undertow score`" in problem(answer, 503)["detail"] and answer.headers["retry-after"]
    problem(client.post("/v1/score", json=EXAMPLE_REQUEST), 503)
    assert client.get("/healthz").status_code == 200
    publish_scores(tmp_path)
    assert client.get("/v1/at-risk").json()["total"] == 6


def test_the_unforeseen_is_a_500_that_tells_nothing(
    tmp_path: Path,
    publish_scores: Callable[..., Path],
    make_client: Callable[..., Client],
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish_scores(tmp_path)
    app = make_app(tmp_path)
    app.state.queue = None  # a fault of ours
    with caplog.at_level(logging.INFO):
        answer = make_client(app).post("/v1/score", json={"rows": [{"account_id": "A-00042"}]})
    told = problem(answer, 500)
    incident = told["detail"].split()[-1].rstrip(".")
    assert f"Incident {incident}: AttributeError at serving/api/app.py:" in caplog.text
    assert "Traceback" not in caplog.text and "A-00042" not in caplog.text and "NoneType" not in answer.text


def test_an_incident_below_our_code_names_our_line_first(
    tmp_path: Path, publish_scores: Callable[..., Path], make_client: Callable[..., Client],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    publish_scores(tmp_path)
    app = make_app(tmp_path)
    app.state.reader.latest().drivers["segments"] = {object(): 1}  # a fault of ours that msgspec meets
    make_client(app).get("/v1/drivers")
    assert re.search(r"TypeError at serving/api/app.py:\d+", caplog.text)


def test_a_list_that_cannot_be_read_is_said_and_no_path_is_named(
    tmp_path: Path, publish_scores: Callable[..., Path], make_client: Callable[..., Client], feature_row: dict[str, Any]
) -> None:
    written = publish_scores(tmp_path) / "bundle" / "bundle.json"
    client = make_client(make_app(tmp_path))
    assert client.get("/v1/at-risk").status_code == 200
    written.write_text(written.read_text().replace(f'"format": {FORMAT}', '"format": 0'))
    told = problem(client.post("/v1/score", json={"rows": [feature_row]}), 503)
    assert told["detail"] == "bundle/bundle.json is not as it was written (1 of 13 files). Run `undertow score` again."
    again = problem(make_client(make_app(tmp_path)).get("/v1/at-risk"), 503)
    assert "bundle/bundle.json is not as it was written" in again["detail"]
    assert str(tmp_path) not in json.dumps([told, again])
