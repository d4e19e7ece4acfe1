"""The real thing: `bentoml serve` in its own processes, on a free port, with nothing published at first."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from undertow.serving.api.limits import MAX_BODY
from undertow.serving.published.requests import EXAMPLE_REQUEST

ROOT = Path(__file__).parents[2]
PATIENCE = 90  # seconds until a busy machine has started the service
GENERATORS = {
    "client": ["openapi-python-client", "generate", "--path", "openapi.json", "--output-path", "undertow_client",
               "--meta", "none"],
    "models": ["datamodel-codegen", "--input", "openapi.json", "--input-file-type", "openapi",
               "--output", "undertow_models.py", "--output-model-type", "pydantic_v2.BaseModel"],
}  # fmt: skip
BENTOML = [sys.executable, "-m", "bentoml", "serve", "undertow.serving.service:Undertow"]


@pytest.fixture(scope="module")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store folder."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(store_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Start the service over the empty store, hand out a client, and stop it."""
    home = tmp_path_factory.mktemp("bentoml")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = _environment(home) | {"UNDERTOW_STORE": str(store_folder)}
    with (home / "log.txt").open("w") as log:
        command = [*BENTOML, "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait_until_alive(client, process, home / "log.txt")
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert "Traceback" not in (home / "log.txt").read_text()


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERTOW")}
    return kept | {"BENTOML_HOME": str(home), "PYTHONPATH": str(ROOT), "UNDERTOW_WORKERS": "1", "UNDERTOW_OPEN": "1"}


def _wait_until_alive(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/healthz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"The service did not start:\n{log.read_text()}")


def test_the_service_starts_with_nothing_published_and_goes_live_without_a_restart(
    service: httpx.Client, store_folder: Path, publish_scores: Callable[..., Path]
) -> None:
    assert service.get("/readyz").status_code == 503
    waiting = service.get("/v1/at-risk")
    assert waiting.status_code == 503 and "undertow score" in waiting.json()["detail"]
    publish_scores(store_folder)
    assert service.get("/readyz").status_code == 200
    assert service.get("/v1/at-risk").json()["total"] == 6


@pytest.fixture
def live(service: httpx.Client, store_folder: Path, publish_scores: Callable[..., Path]) -> httpx.Client:
    """The service with the tiny accounts published."""
    if not (store_folder / "scores").exists():
        publish_scores(store_folder)
    return service


def test_pages_lists_accounts_and_scores_are_answered(live: httpx.Client) -> None:
    assert "At risk" in live.get("/").text
    assert live.get("/accounts/kunde%207%2Fb").status_code == 200
    assert live.get("/v1/accounts/kunde%207%2Fb").json()["account_id"] == "kunde 7/b"
    scored = live.post("/v1/score", json=EXAMPLE_REQUEST).json()["results"][0]
    account = live.get("/v1/accounts/A-00042").json()
    assert scored["probability"] == pytest.approx(account["probability"])


@pytest.mark.parametrize(
    ("method", "url", "body", "kind", "status"),
    [
        ("POST", "/v1/score", b"{", "application/json", 400),
        ("POST", "/v1/score", b"--x\r\nnonsense", "multipart/form-data; boundary=x", 415),
        ("POST", "/v1/score", b" " * (MAX_BODY + 1), "application/json", 413),
        ("POST", "/v1/at-risk", b"", "application/json", 405),
        ("GET", "/nope", b"", "", 404),
        ("GET", "/docs.json", b"", "", 404),
        ("POST", "/healthz", b"", "", 405),
        ("GET", "/v1/accounts/..%2f..%2fetc%2fpasswd", b"", "", 404),
    ],
)
def test_errors_keep_their_shape_through_bentoml(
    live: httpx.Client, method: str, url: str, body: bytes, kind: str, status: int
) -> None:
    answer = live.request(method, url, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_tags_gzip_ids_and_whole_lists_come_through_bentoml(live: httpx.Client) -> None:
    url = "/v1/at-risk?format=ndjson"
    answer = live.get(url, headers={"X-Request-ID": "order-7"})
    assert (answer.headers["x-request-id"], answer.headers["content-encoding"]) == ("order-7", "gzip")
    assert len(answer.content.splitlines()) == 6
    assert live.get(url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    page = live.get("/v1/at-risk?limit=5")
    assert live.get(page.url.join(page.json()["next"])).json()["next"] is None


@pytest.mark.parametrize("made_by", GENERATORS)
def test_a_generated_client_gets_typed_answers(
    live: httpx.Client, feature_row: dict[str, Any], generators: Path, tmp_path: Path, made_by: str
) -> None:
    (tmp_path / "openapi.json").write_bytes(live.get("/openapi.json").content)
    tool, *options = GENERATORS[made_by]
    _run([str(generators / tool), *options], tmp_path)
    asked = [sys.executable, str(ROOT / "tests/serving/generated_client.py"), made_by, str(live.base_url)]
    told = json.loads(_run([*asked, json.dumps(feature_row)], tmp_path))
    probability = live.get("/v1/accounts/A-00042").json()["probability"]["90"]
    assert told["row"] == pytest.approx(probability)
    assert told["unknown"] == [404, "Unknown account"] and len(told["listed"]) == 2
    if made_by == "client":
        assert told["scored"] == ["A-00042", pytest.approx(probability), ["nobody"]]
        assert told["as_of"] == "2025-01-31T00:00:00+00:00"
        assert told["refused"][0].startswith("rows[0]: Unknown feature 'mrrr'. Did you mean 'mrr'?")


@pytest.fixture
def generators() -> Path:
    """The commands that make clients: in an environment of their own, since one needs an older typer than ours."""
    folder = Path(os.environ.get("UNDERTOW_CLIENTS", Path(sys.prefix) / "clients")) / "bin"
    if not all((folder / tool).exists() for tool, *_ in GENERATORS.values()):
        pytest.skip(f"no openapi-python-client and datamodel-codegen in {folder}; `make test` installs them")
    return folder


def _run(command: list[str], folder: Path) -> str:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # where the generators find their formatter
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_body_without_an_announced_end_is_cut_off(live: httpx.Client) -> None:
    chunks = (b" " * 1_000_000 for _ in range(60))
    answer = live.post("/v1/score", content=chunks, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_metrics_are_ours_by_route_template(live: httpx.Client) -> None:
    for number in range(20):
        live.get(f"/v1/accounts/nobody-{number}")
    answer = live.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    assert 'undertow_requests_total{method="GET",route="/v1/accounts/{account_id:path}",status="404"}' in answer.text
    assert "undertow_request_seconds_bucket" in answer.text
    assert "nobody-" not in answer.text and "bentoml_service" not in answer.text


def test_without_a_store_the_service_stops_at_once_and_says_why(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    done = subprocess.run(BENTOML, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert "UNDERTOW_STORE" in done.stdout + done.stderr
