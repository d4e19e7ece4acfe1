"""HubSpot: companies are updated by a unique property or a record id, and never created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.push.conftest import ROWS, Push, run
from tests.serving.push.vendors import Hubspot, Vendor, as_json

PROPERTIES = {"probability_90": "churn_probability", "rank": "churn_rank", "reason_1": "churn_reason"}


@pytest.fixture
def hubspot(served: Callable[[Vendor], Vendor], monkeypatch: pytest.MonkeyPatch) -> Hubspot:
    companies = {str(501 + i): {"undertow_account": row[0]} for i, row in enumerate(ROWS)}
    vendor = Hubspot(companies=companies)
    monkeypatch.setenv("HS_TOKEN", vendor.token)
    served(vendor)
    return vendor


def destination(hubspot: Hubspot, **more: Any) -> dict[str, Any]:
    by = {} if "record_id_column" in more else {"id_property": "undertow_account"}
    base = {"kind": "hubspot", "token_env": "HS_TOKEN", "base_url": hubspot.address, "properties": PROPERTIES}
    return base | by | more


def test_companies_get_the_mapped_fields_and_no_others(hubspot: Hubspot, pushed: Push) -> None:
    report = pushed(**destination(hubspot, percent=True))
    assert (report.new, report.sent, report.failed, report.error) == (3, 3, 0, None)
    assert hubspot.companies["501"] == {
        "undertow_account": "A-1", "churn_probability": "62", "churn_rank": "1", "churn_reason": ROWS[0][5],
    }  # fmt: skip
    assert hubspot.companies["503"] == {
        "undertow_account": "A-3", "churn_probability": "5", "churn_rank": "3", "churn_reason": "",
    }  # fmt: skip
    sent = hubspot.requests[0].json()["inputs"]
    assert all(set(each["properties"]) == set(PROPERTIES.values()) for each in sent)


def test_the_same_list_again_sends_nothing_and_says_so(hubspot: Hubspot, pushed: Push) -> None:
    pushed(**destination(hubspot))
    again = pushed(**destination(hubspot))
    assert len(hubspot.requests) == 1
    assert (again.unchanged, again.sent) == (3, 0)
    assert again.said == ["nothing to send: it holds this list already"]


def test_only_what_changed_is_sent_and_what_is_gone_is_cleared(hubspot: Hubspot, pushed: Push) -> None:
    pushed(**destination(hubspot))
    changed = (ROWS[0], ("O'Neil", "Bluebird", "Tom", 0.5, 900.0, "ux: error rate 12 %", "502"))
    report = pushed(run(changed, "b"), **destination(hubspot))
    assert (report.new, report.changed, report.gone, report.unchanged) == (0, 1, 1, 1)
    assert [each["id"] for each in hubspot.requests[1].json()["inputs"]] == ["O'Neil", "A-3"]
    assert hubspot.companies["502"]["churn_probability"] == "0.5"
    assert hubspot.companies["503"]["churn_probability"] == ""
    assert pushed(run(changed, "b"), **destination(hubspot)).sent == 0


def test_another_mapping_sends_all_again(hubspot: Hubspot, pushed: Push) -> None:
    pushed(**destination(hubspot))
    assert pushed(**destination(hubspot, percent=True)).changed == 3
    assert hubspot.companies["501"]["churn_probability"] == "62"


def test_a_company_that_does_not_exist_is_reported_not_created_and_tried_again(hubspot: Hubspot, pushed: Push) -> None:
    held = hubspot.companies.pop("502")
    report = pushed(**destination(hubspot))
    assert (report.sent, report.failed) == (2, 1)
    assert report.failures == {"O'Neil": "Could not get some COMPANY objects, they may be deleted or not exist."}
    assert len(hubspot.companies) == 2
    hubspot.companies["502"] = held
    again = pushed(**destination(hubspot))
    assert (again.new, again.sent, again.unchanged) == (1, 1, 2)
    assert [each["id"] for each in hubspot.requests[1].json()["inputs"]] == ["O'Neil"]


def test_a_gone_company_that_no_longer_exists_is_no_failure(hubspot: Hubspot, pushed: Push) -> None:
    pushed(**destination(hubspot))
    del hubspot.companies["503"]
    assert not pushed(run(ROWS[:2], "b"), **destination(hubspot)).has_failed
    assert pushed(run(ROWS[:2], "b"), **destination(hubspot)).gone == 0


def test_an_error_that_names_no_input_fails_what_is_not_confirmed(hubspot: Hubspot, pushed: Push) -> None:
    errors = [{"status": "error", "category": "VALIDATION_ERROR", "message": "something", "context": {}}]
    results = [{"id": "501", "properties": {"undertow_account": "A-1"}}]
    hubspot.next = [as_json(207, {"status": "COMPLETE", "results": results, "numErrors": 1, "errors": errors})]
    report = pushed(**destination(hubspot))
    assert (report.sent, set(report.failures)) == (1, {"O'Neil", "A-3"})


def test_records_are_found_by_a_carried_column_and_accounts_without_are_skipped(hubspot: Hubspot, pushed: Push) -> None:
    report = pushed(**destination(hubspot, record_id_column="hubspot_id"))
    assert (report.sent, report.skipped, report.has_failed) == (2, 1, False)
    sent = hubspot.requests[0].json()["inputs"]
    assert [(each["id"], each.get("idProperty")) for each in sent] == [("501", None), ("502", None)]


def test_two_accounts_of_one_record_are_not_sent_twice(hubspot: Hubspot, pushed: Push) -> None:
    twice = (ROWS[0], ("A-9", "Twin", "Tom", 0.3, 80.0, None, "501"))
    report = pushed(run(twice), **destination(hubspot, record_id_column="hubspot_id"))
    assert report.failures == {"A-9": "the account A-1 has the same company, 501"}
    assert hubspot.companies["501"]["churn_probability"] == "0.62"


def test_batches_hold_a_hundred_and_one_that_is_refused_leaves_the_others(hubspot: Hubspot, pushed: Push) -> None:
    many = tuple((f"A-{i}", None, None, 0.5, 10.0, None, None) for i in range(250))
    hubspot.companies = {str(i): {"undertow_account": f"A-{i}"} for i in range(250)}
    hubspot.next = [as_json(400, {"message": "Property values were not valid"})]
    report = pushed(run(many), **destination(hubspot, top=230))
    assert [len(request.json()["inputs"]) for request in hubspot.requests] == [100, 100, 30]
    assert (report.sent, report.failed, len(report.failures)) == (130, 100, 10)
    assert "refused it with 400: Property values were not valid" in report.failures["A-0"]
    assert pushed(run(many), **destination(hubspot, top=230)).sent == 100


def test_a_busy_server_is_asked_again_after_the_pause_it_names(
    hubspot: Hubspot, pushed: Push, pauses: list[float]
) -> None:
    hubspot.next = [(429, {"Retry-After": "7"}, b"{}"), (502, {}, b""), (0, {}, b"")]
    report = pushed(**destination(hubspot))
    assert (report.sent, report.error) == (3, None)
    assert pauses == [7.0, 2.0, 4.0]
    assert len({request.body for request in hubspot.requests}) == 1


def test_retries_end(hubspot: Hubspot, pushed: Push, pauses: list[float]) -> None:
    hubspot.next = [(503, {}, b"down")] * 9
    report = pushed(**destination(hubspot))
    assert (len(hubspot.requests), report.sent, report.failed) == (5, 0, 3)
    assert "refused it with 503: down" in report.failures["A-1"]
    assert pushed(**destination(hubspot)).last_run is None


def test_a_pause_that_is_too_long_is_not_waited_for(hubspot: Hubspot, pushed: Push, pauses: list[float]) -> None:
    hubspot.next = [(429, {"Retry-After": "86400"}, b'{"message": "daily limit"}')]
    report = pushed(**destination(hubspot))
    assert (len(hubspot.requests), pauses) == (1, [])
    assert "refused it with 429: daily limit; it asks to wait 86,400 s" in report.failures["A-1"]


def test_a_refused_token_is_said_without_it(
    hubspot: Hubspot, pushed: Push, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HS_TOKEN", "pat-wrong-token")
    with caplog.at_level("DEBUG"):
        report = pushed(**destination(hubspot))
    assert len(hubspot.requests) == 1
    assert "refused it with 401: Authentication Bearer *** failed" in report.failures["A-1"]
    assert "pat-wrong-token" not in str(report.as_json()) + caplog.text


def test_a_secret_is_hidden_where_a_message_is_cut(hubspot: Hubspot, pushed: Push) -> None:
    hubspot.next = [as_json(401, {"message": "x" * 292 + f" {hubspot.token}"})]
    said = pushed(**destination(hubspot)).failures["A-1"]
    assert "xxx ***" in said and hubspot.token[:4] not in said


def test_a_message_cannot_steer_the_terminal(hubspot: Hubspot, pushed: Push) -> None:
    hubspot.next = [as_json(403, {"message": "no\x1b[2J\nscope"})]
    assert "refused it with 403: no [2J scope." in pushed(**destination(hubspot)).failures["A-1"]


@pytest.mark.parametrize("token", ["", "two\nlines", "ümlaut"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(
    hubspot: Hubspot, pushed: Push, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HS_TOKEN", token)
    report = pushed(**destination(hubspot))
    assert report.error is not None and "HS_TOKEN" in report.error
    assert not token or token not in report.error
    assert hubspot.requests == []


def test_a_server_that_is_not_there_is_named(hubspot: Hubspot, pushed: Push, pauses: list[float]) -> None:
    report = pushed(**destination(hubspot) | {"base_url": "http://127.0.0.1:9"})
    assert "[destinations.there]: cannot be reached (ConnectError" in report.failures["A-1"]
    assert len(pauses) == 4
