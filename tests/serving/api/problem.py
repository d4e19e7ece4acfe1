"""The one shape of an error answer."""

from __future__ import annotations

from typing import Any

import httpx


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem in an answer, having checked that it has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= told.keys() <= {"type", "title", "status", "detail", "errors"}
    assert told["status"] == status and told["type"].startswith("urn:undertow:") and told["detail"]
    return told
