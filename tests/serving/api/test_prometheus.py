"""The service's own metrics: requests by route template, never by account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.serving.client import Client
from undertow.serving.api.app import make_app


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
