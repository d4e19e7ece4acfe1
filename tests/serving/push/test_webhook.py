"""Webhook: signed as Standard Webhooks describes it, with one id per message however often it is tried."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.push.conftest import ROWS, Push, run
from tests.serving.push.vendors import Request, Vendor, as_json

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver(Vendor):
    """A receiver that verifies each message as the standard says, written apart from the sender."""

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        name, moment = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        if abs(time.time() - int(moment)) > 300:
            return 400, {}, b"too old"
        content = b".".join([name.encode(), moment.encode(), request.body])
        expected = base64.b64encode(hmac.digest(KEY, content, "sha256")).decode()
        given = [each.split(",", 1) for each in request.headers["webhook-signature"].split(" ")]
        ok = any(version == "v1" and hmac.compare_digest(code, expected) for version, code in given)
        return (204, {}, b"") if ok else (401, {}, b"bad signature")


@pytest.fixture
def receiver(served: Callable[[Vendor], Vendor], monkeypatch: pytest.MonkeyPatch) -> Receiver:
    vendor = Receiver()
    served(vendor)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return vendor


def destination(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"kind": "webhook", "url": f"{receiver.address}/hook?team=cs", "secret_env": "HOOK_SECRET"} | more


def ids(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.requests]


def test_a_message_is_signed_and_holds_the_listed_fields_alone(receiver: Receiver, pushed: Push) -> None:
    report = pushed(**destination(receiver))
    assert (report.sent, report.failed, report.error) == (3, 0, None)
    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook?team=cs")
    assert request.headers["content-type"] == "application/json"
    body = request.json()
    assert body["type"] == "undertow.scores" and body["timestamp"] == "2025-02-01T04:00:00Z"
    assert body["data"]["run_id"] == "2025-01-31-a" and body["data"]["gone"] == []
    assert body["data"]["accounts"][0] == {
        "account_id": "A-1", "as_of": "2025-01-31", "rank": 1, "probability_90": 0.62, "value_at_risk": 5974.12,
        "currency": "EUR", "cause": "voluntary", "reason_1": ROWS[0][5], "reason_2": None, "model_version": "v7",
    }  # fmt: skip


def test_the_link_and_carried_columns_come_on_request(receiver: Receiver, pushed: Push) -> None:
    pushed(**destination(receiver, also=["hubspot_id", "probability_30"], link_base="https://undertow.example"))
    account = receiver.requests[0].json()["data"]["accounts"][1]
    assert account["link"] == "https://undertow.example/accounts/O%27Neil"
    assert (account["hubspot_id"], account["probability_30"]) == ("502", 0.205)
    assert "email" not in account and "name" not in account


def test_a_retry_has_the_same_id_and_is_signed_for_its_own_time(
    receiver: Receiver, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([time.time() - 100, time.time()])
    monkeypatch.setattr("undertow.serving.push.webhook.time", lambda: next(moments))
    receiver.next = [as_json(500, {})]
    assert pushed(**destination(receiver)).sent == 3
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_batches_hold_500_accounts_and_what_is_left_comes_again_under_its_id(receiver: Receiver, pushed: Push) -> None:
    many = tuple((f"A-{i}", None, None, 0.5, 10.0, None, None) for i in range(1_100))
    receiver.next = [as_json(200, {}), as_json(410, {"detail": "gone"})]
    report = pushed(run(many), **destination(receiver, top=1_100))
    assert (report.sent, report.failed, len(receiver.requests)) == (500, 600, 2)
    assert "refused it with 410: gone" in report.failures["A-500"]
    again = pushed(run(many), **destination(receiver, top=1_100))
    assert (again.sent, again.failed, again.unchanged) == (600, 0, 500)
    assert ids(receiver)[1] == ids(receiver)[2]
    assert [len(request.json()["data"]["accounts"]) for request in receiver.requests] == [500, 500, 500, 100]
    assert len(set(ids(receiver))) == 3


def test_other_content_has_another_id(receiver: Receiver, pushed: Push) -> None:
    pushed(**destination(receiver))
    pushed(**destination(receiver, also=["name"]))
    assert len(set(ids(receiver))) == 2


def test_accounts_that_are_gone_are_named(receiver: Receiver, pushed: Push) -> None:
    pushed(**destination(receiver))
    report = pushed(run(ROWS[:2], "b"), **destination(receiver))
    assert (report.gone, report.unchanged) == (1, 2)
    data = receiver.requests[1].json()["data"]
    assert (data["accounts"], data["gone"]) == ([], ["A-3"])


def test_a_redirect_is_not_followed(receiver: Receiver, pushed: Push) -> None:
    receiver.next = [(307, {"Location": f"{receiver.address}/elsewhere"}, b"")]
    assert "refused it with 307" in pushed(**destination(receiver)).failures["A-1"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("secret", ["whsec_", "abc", "whsec_c2hvcnQ=", base64.b64encode(KEY).decode(), "whsec_%%%"])
def test_a_secret_in_another_form_is_refused_unseen(
    receiver: Receiver, pushed: Push, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("HOOK_SECRET", secret)
    report = pushed(**destination(receiver))
    assert report.error is not None and "HOOK_SECRET must hold whsec_ and 24 to 64 random bytes" in report.error
    assert secret == "whsec_" or secret not in report.error
    assert receiver.requests == []
