"""Slack: one message, of what is new or rose, without e-mail addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.push.conftest import EMAIL, ROWS, Push, run
from tests.serving.push.vendors import Slack, Vendor


@pytest.fixture
def slack(served: Callable[[Vendor], Vendor], monkeypatch: pytest.MonkeyPatch) -> Slack:
    vendor = Slack()
    served(vendor)
    monkeypatch.setenv("SLACK_HOOK", vendor.address + vendor.secret)
    return vendor


DESTINATION: dict[str, Any] = {"kind": "slack", "webhook_env": "SLACK_HOOK", "link_base": "https://undertow.example/"}


def with_probability(*probabilities: float) -> tuple[tuple[Any, ...], ...]:
    return tuple((*row[:3], each, *row[4:]) for row, each in zip(ROWS, probabilities, strict=True))


def text_of(slack: Slack, number: int = -1) -> str:
    return str(slack.requests[number].json()["text"])


def test_the_first_message_names_the_accounts_of_the_list(slack: Slack, pushed: Push) -> None:
    report = pushed(**DESTINATION)
    assert (report.sent, report.requests, report.error) == (3, 1, None)
    assert set(slack.requests[0].json()) == {"text"}
    lines = text_of(slack).split("\n")
    assert lines[0] == "*Accounts at risk as of 2025-01-31*: 3 new"
    assert lines[1] == (
        "1. <https://undertow.example/accounts/A-1|A-1>: 62 % in 90 days, EUR 5,974 at risk, voluntary"
    )
    assert lines[2] == "      cx: asked by (e-mail); &lt;!channel&gt; tickets open: 3"
    assert EMAIL not in text_of(slack) and "Nordwind" not in text_of(slack) and "Mara" not in text_of(slack)


def test_the_name_is_told_on_request_alone(slack: Slack, pushed: Push) -> None:
    pushed(**DESTINATION, also=["name"])
    assert "accounts/A-1|Nordwind &lt;GmbH&gt;>" in text_of(slack)


def test_later_messages_name_only_what_is_new_or_rose(slack: Slack, pushed: Push) -> None:
    pushed(run(ROWS[:2]), **DESTINATION)
    report = pushed(run(with_probability(0.60, 0.48, 0.05), "b"), **DESTINATION)
    assert report.sent == 2
    text = text_of(slack)
    assert text.startswith("*Accounts at risk as of 2025-01-31*: 1 new, 1 rose\n2. ")
    assert "48 % (was 41 %) in 90 days" in text and "|A-3>" in text and "|A-1>" not in text


def test_nothing_is_sent_where_nothing_rose(slack: Slack, pushed: Push) -> None:
    pushed(**DESTINATION)
    report = pushed(run(with_probability(0.60, 0.41, 0.05), "b", "2025-02-28"), **DESTINATION)
    assert (len(slack.requests), report.sent) == (1, 0)
    assert report.said == ["nothing is new or rose, so no message was sent"]


def test_small_rises_add_up(slack: Slack, pushed: Push) -> None:
    for number, probability in enumerate((0.40, 0.406, 0.412)):
        pushed(run(with_probability(0.62, probability, 0.05), str(number)), **DESTINATION)
    assert len(slack.requests) == 2
    assert "41 % (was 40 %)" in text_of(slack)


def test_a_message_names_ten_accounts(slack: Slack, pushed: Push) -> None:
    many = tuple((f"A-{i}", None, None, 0.5, 10.0, "ux: " + "word " * 90, None) for i in range(30))
    pushed(run(many), **DESTINATION, top=25)
    assert text_of(slack).count(" in 90 days") == 10
    assert text_of(slack).endswith("and 15 more on the list")
    assert len(text_of(slack)) < 4_000
    pushed(run(many), **DESTINATION, top=25)
    assert len(slack.requests) == 1


def test_a_message_that_may_have_arrived_is_not_sent_twice(slack: Slack, pushed: Push, pauses: list[float]) -> None:
    slack.next = [(0, {}, b"")]
    report = pushed(**DESTINATION)
    assert (len(slack.requests), pauses) == (1, [])
    assert report.error is not None and "cannot be reached (RemoteProtocolError" in report.error


def test_a_message_that_was_refused_for_haste_is_sent_again(slack: Slack, pushed: Push, pauses: list[float]) -> None:
    slack.next = [(429, {"Retry-After": "3"}, b"rate_limited")]
    assert pushed(**DESTINATION).sent == 3
    assert (pauses, len(slack.requests)) == ([3.0], 2)


def test_the_address_is_secret(
    slack: Slack, pushed: Push, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slack.next = [(404, {}, b"no_service for " + slack.secret.encode())]
    with caplog.at_level("DEBUG"):
        report = pushed(**DESTINATION)
    assert report.error is not None and "refused it with 404: no_service" in report.error
    assert "slacksecret" not in str(report.as_json()) + caplog.text
    monkeypatch.setenv("SLACK_HOOK", "http://hooks.example/services/slacksecret")
    refused = pushed(**DESTINATION).error or ""
    assert refused.startswith("[destinations.there]: SLACK_HOOK must begin with https://")
    assert "slacksecret" not in refused


def test_an_account_whose_id_is_an_address_is_told_without_it(slack: Slack, pushed: Push) -> None:
    pushed(run((("mira@nordwind.example", *ROWS[1][1:]),)), **DESTINATION)
    assert "1. (e-mail): 41 %" in text_of(slack) and "nordwind" not in text_of(slack)
