"""The service's own metrics: requests by route template, never by account."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.serving.client import Client
from undertow.serving.api.app import make_app
from undertow.serving.api.prometheus import forget_ended_processes


def test_metrics_count_by_route_template_and_never_by_account(store: Path, make_client: Callable[..., Client]) -> None:
    client = make_client(make_app(store))
    for account_id in ("zero", "A-00042", "A-1", "A-2"):
        client.get(f"/v1/accounts/{account_id}")
    client.get("/wp-admin/setup.php")
    asyncio.run(client.send("BREW", "/v1/drivers"))
    text = client.get("/metrics").text
    template = 'route="/v1/accounts/{account_id:path}"'
    assert f'undertow_requests_total{{method="GET",{template},status="200"}} 2.0' in text
    assert f'undertow_requests_total{{method="GET",{template},status="404"}} 2.0' in text
    assert 'method="other",route="/v1/drivers",status="405"' in text
    assert 'undertow_request_seconds_bucket{le="0.05",method="GET"' in text
    assert not any(word in text for word in ("A-00042", "A-1", "wp-admin", "BREW"))


def test_refusals_are_counted_by_the_type_of_the_problem(store: Path, make_client: Callable[..., Client]) -> None:
    client = make_client(make_app(store))
    client.get("/v1/accounts/nobody")
    client.get("/v1/at-risk?limit=0")
    client.post("/v1/score", content=b"{", headers={"Content-Type": "application/json"})
    client.post("/v1/score", content=b"", headers={"Content-Type": "text/plain"})
    text = client.get("/metrics").text
    for reason in ("unknown-account", "request-error", "malformed", "unsupported-media-type"):
        assert f'undertow_refusals_total{{reason="{reason}"}} 1.0' in text


def test_what_is_in_flight_and_what_waits_is_shown(store: Path, make_client: Callable[..., Client]) -> None:
    app = make_app(store)
    client = make_client(app)
    with app.state.queue.admitted(7):
        text = client.get("/metrics").text
        assert "undertow_rows_waiting 7.0" in text and "undertow_requests_in_flight 1.0" in text  # the one for metrics
    assert "undertow_rows_waiting 0.0" in client.get("/metrics").text


def test_the_list_that_is_shown_is_named_and_the_one_before_no_longer(
    tmp_path: Path, make_client: Callable[..., Client], publish_scores: Callable[..., Path]
) -> None:
    publish_scores(tmp_path, "run-1")
    app = make_app(tmp_path)
    client = make_client(app)
    client.get("/v1/at-risk")
    assert 'run="run-1"} 1.0' in client.get("/metrics").text
    publish_scores(tmp_path, "run-2")
    app.state.reader.latest()
    text = client.get("/metrics").text
    assert 'run="run-1"} 0.0' in text and 'run="run-2"} 1.0' in text


def test_what_a_process_that_is_gone_had_in_flight_is_forgotten(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    processes = (gone.pid, os.getpid())
    files = [tmp_path / f"{kind}_{each}.db" for kind in ("gauge_livesum", "counter") for each in processes]
    for file in files:
        file.write_bytes(b"")
    forget_ended_processes(tmp_path)
    assert [file.exists() for file in files] == [False, True, True, True]
