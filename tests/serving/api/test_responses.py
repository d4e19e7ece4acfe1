"""Answers are private, and a list comes as JSON or as CSV."""

from __future__ import annotations

from tests.serving.client import Client


def test_the_list_comes_as_csv(client: Client) -> None:
    answer = client.get("/v1/at-risk?format=csv&owner=Tom%20Okafor")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="at-risk-2025-01-31.csv"'
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("account_id,name,") and len(lines) == 3


def test_an_answer_is_private_and_asked_for_again(client: Client) -> None:
    headers = client.get("/v1/at-risk").headers
    assert headers["cache-control"] == "private, no-cache" and headers["x-content-type-options"] == "nosniff"
