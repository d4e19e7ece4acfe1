"""Salesforce: records are looked up, updated by a bulk job, and never created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.push.conftest import ROWS, Push, run
from tests.serving.push.vendors import Salesforce, Vendor, as_json

FIELDS = {"probability_90": "Churn__c", "reason_1": "Reason__c", "as_of": "Scored_On__c"}


@pytest.fixture
def salesforce(served: Callable[[Vendor], Vendor], monkeypatch: pytest.MonkeyPatch) -> Salesforce:
    records: dict[str, dict[str, str | None]] = {
        f"00100000000000{i}AAA": {"Undertow_Id__c": row[0], "Name": "kept"} for i, row in enumerate(ROWS)
    }
    vendor = Salesforce(records=records)
    monkeypatch.setenv("SF_TOKEN", vendor.token)
    served(vendor)
    return vendor


def destination(salesforce: Salesforce, **more: Any) -> dict[str, Any]:
    base = {"kind": "salesforce", "token_env": "SF_TOKEN", "instance_url": salesforce.address, "fields": FIELDS}
    by = {} if "record_id_column" in more else {"external_id": "Undertow_Id__c"}
    return base | by | more


def steps(salesforce: Salesforce) -> list[str]:
    paths = [request.path.partition("/v62.0/")[2].partition("?")[0] for request in salesforce.requests]
    return [f"{request.method} {path}" for request, path in zip(salesforce.requests, paths, strict=True)]


def test_records_are_looked_up_and_updated_by_one_job(salesforce: Salesforce, pushed: Push) -> None:
    report = pushed(**destination(salesforce, percent=True))
    assert (report.sent, report.failed, report.error) == (3, 0, None)
    assert steps(salesforce) == [
        "GET query", "POST jobs/ingest", "PUT jobs/ingest/7500/batches", "PATCH jobs/ingest/7500",
        "GET jobs/ingest/7500", "GET jobs/ingest/7500", "GET jobs/ingest/7500/successfulResults",
        "GET jobs/ingest/7500/failedResults",
    ]  # fmt: skip
    assert salesforce.records["001000000000001AAA"] == {
        "Undertow_Id__c": "O'Neil", "Name": "kept", "Churn__c": "41", "Reason__c": "ux: error rate 12 %",
        "Scored_On__c": "2025-01-31",
    }  # fmt: skip
    assert salesforce.jobs["7500"]["csv"].splitlines()[0] == "Id,Churn__c,Reason__c,Scored_On__c"


def test_what_is_missing_or_gone_is_set_to_null(salesforce: Salesforce, pushed: Push) -> None:
    pushed(**destination(salesforce))
    without = (*ROWS[0][:5], None, ROWS[0][6])
    report = pushed(run((without,), "b"), **destination(salesforce))
    assert (report.changed, report.gone) == (1, 2)
    assert salesforce.records["001000000000000AAA"]["Reason__c"] is None
    assert salesforce.records["001000000000002AAA"]["Churn__c"] is None
    assert salesforce.records["001000000000002AAA"]["Name"] == "kept"


def test_the_same_list_again_asks_nothing(salesforce: Salesforce, pushed: Push) -> None:
    pushed(**destination(salesforce))
    many = len(salesforce.requests)
    assert pushed(**destination(salesforce)).said == ["nothing to send: it holds this list already"]
    assert len(salesforce.requests) == many


def test_an_account_without_a_record_is_reported_and_not_created(salesforce: Salesforce, pushed: Push) -> None:
    del salesforce.records["001000000000001AAA"]
    report = pushed(**destination(salesforce))
    assert (report.sent, len(salesforce.records)) == (2, 2)
    assert report.failures == {"O'Neil": "no Account with Undertow_Id__c 'O'Neil'; expected one"}


def test_a_record_that_salesforce_refuses_is_reported_and_sent_again(salesforce: Salesforce, pushed: Push) -> None:
    salesforce.refused = {"001000000000000AAA": "FIELD_CUSTOM_VALIDATION_EXCEPTION:owner is missing:--"}
    report = pushed(**destination(salesforce))
    assert (report.sent, report.failed) == (2, 1)
    assert report.failures == {"A-1": "FIELD_CUSTOM_VALIDATION_EXCEPTION:owner is missing:--"}
    salesforce.refused = {}
    again = pushed(**destination(salesforce))
    assert (again.new, again.sent, again.unchanged) == (1, 1, 2)


def test_texts_are_cut_at_a_word(salesforce: Salesforce, pushed: Push) -> None:
    long = (*ROWS[0][:5], "ux: " + "errors " * 60, ROWS[0][6])
    assert pushed(run((long,)), **destination(salesforce)).failed == 0
    written = salesforce.records["001000000000000AAA"]["Reason__c"]
    assert written is not None and 245 < len(written) <= 255 and written.endswith(" errors …")


def test_a_carried_id_needs_no_query(salesforce: Salesforce, pushed: Push) -> None:
    salesforce.records = {"501": {}, "502": {}}
    report = pushed(**destination(salesforce, record_id_column="hubspot_id"))
    assert (report.sent, report.skipped, report.has_failed) == (2, 1, False)
    assert "GET query" not in steps(salesforce)


def test_a_job_that_takes_too_long_is_sent_again_next_time(
    salesforce: Salesforce, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 400))
    monkeypatch.setattr("undertow.serving.push.salesforce.monotonic", lambda: next(clock))
    monkeypatch.setattr(Salesforce, "_work", lambda self, job: job.update(looks=-99))
    report = pushed(**destination(salesforce))
    assert (report.sent, report.failed) == (0, 3)
    assert "the job 7500 is not finished after wait_seconds = 600" in report.failures["A-1"]


def test_a_job_that_fails_is_reported_with_its_reason(salesforce: Salesforce, pushed: Push) -> None:
    salesforce.failure = "InvalidBatch : Field name not found : Churn__c"
    report = pushed(**destination(salesforce))
    assert (report.sent, report.failed) == (0, 3)
    assert report.failures["A-1"] == "not processed: InvalidBatch : Field name not found : Churn__c"


def test_a_query_is_read_to_its_end(salesforce: Salesforce, pushed: Push) -> None:
    salesforce.page = 2
    assert pushed(**destination(salesforce)).sent == 3
    assert steps(salesforce)[:2] == ["GET query", "GET query/01g-2000"]


def test_the_token_goes_to_no_other_address(
    salesforce: Salesforce, pushed: Push, served: Callable[[Vendor], Vendor]
) -> None:
    other = served(Vendor())
    salesforce.page, salesforce.elsewhere = 2, other.address
    assert set(pushed(**destination(salesforce)).failures) == {"A-3"}
    assert other.requests == []


def test_an_expired_token_is_said_in_the_words_of_the_vendor(
    salesforce: Salesforce, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_TOKEN", "other-secret")
    report = pushed(**destination(salesforce))
    assert report.error == "[destinations.there]: refused it with 401: Session expired or invalid."


def test_a_busy_server_is_asked_again(salesforce: Salesforce, pushed: Push, pauses: list[float]) -> None:
    salesforce.next = [as_json(503, [{"message": "Server unavailable", "errorCode": "SERVER_UNAVAILABLE"}])]
    assert pushed(**destination(salesforce)).sent == 3
    assert pauses == [1.0, 1.0]  # once for the server, once between two looks at the job
