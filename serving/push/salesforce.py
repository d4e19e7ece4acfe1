"""Salesforce: updates records that exist through Bulk API 2.0, and creates none.

A job of the operation "update" takes the record's Id alone; "upsert" takes an external id and creates what it does not
find. So external ids are looked up first with a query, and those without a record are reported. A job is created
(POST jobs/ingest), its CSV is uploaded (PUT), it is closed (PATCH) and polled (GET) until it is complete; then the
successful and failed results are read. "#N/A" sets a field to null; an empty cell would leave it as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote

from undertow.features.errors import PushError
from undertow.features.settings.destinations import SalesforceDestination
from undertow.serving.push import http
from undertow.serving.push.accounts import Listed, as_text, cut, percentage
from undertow.serving.push.http import Client
from undertow.serving.push.outcome import Outcome
from undertow.serving.push.record import Difference
from undertow.serving.push.secrets import secret_of

ASKED = 100  # external ids per query, whose address must stay short
MOST = 50_000  # records per job
LONGEST_TEXT = 255  # characters of a text field
NULL = "#N/A"
LONGEST_PAUSE = 10.0  # seconds between two looks at a job
FINISHED = ("JobComplete", "Failed", "Aborted")


@dataclass(frozen=True)
class _Row:
    account: str
    record_id: str
    cells: list[str]


def send(name: str, destination: SalesforceDestination, listed: Listed, difference: Difference) -> Outcome:
    """Update the records of accounts that are new or changed, and set the fields of those that are gone to null."""
    token, outcome = secret_of(name, destination.token_env), Outcome()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    with Client(name, destination.instance_url, headers, [token]) as client:
        rows = _rows(client, destination, listed, difference, outcome)
        for start in range(0, len(rows), MOST):
            batch = rows[start : start + MOST]
            try:
                _run_job(client, destination, batch, outcome)
            except PushError as error:
                outcome.fail((row.account for row in rows[start:]), str(error))
                break
    return outcome


def _rows(
    client: Client,
    destination: SalesforceDestination,
    listed: Listed,
    difference: Difference,
    outcome: Outcome,
) -> list[_Row]:
    """Return what is written into which record: one row per record."""
    cells = {
        account.id: [
            _cell(percentage(ours, account.values[ours], destination.percent)) for ours in destination.fields
        ]
        for account in listed
        if difference.has(account)
    }
    cells |= {account: [NULL] * len(destination.fields) for account in difference.gone}
    records = _record_ids(client, destination, difference, list(cells), outcome)
    rows: dict[str, _Row] = {}
    for account, written in cells.items():
        record = records.get(account, "")
        if not record:
            if destination.record_id_column and account in difference.now:
                outcome.skipped.append(account)
        elif record in rows and account in difference.now:
            outcome.fail([account], f"the account {rows[record].account} has the same record, {record}")
        elif record not in rows and account not in outcome.failed:
            rows[record] = _Row(account, record, written)
    if destination.record_id_column:  # a record that an unchanged account holds is not cleared
        kept = {mark.record_id for mark in difference.now.values()}
        return [row for row in rows.values() if row.account in difference.now or row.record_id not in kept]
    return list(rows.values())


def _record_ids(
    client: Client,
    destination: SalesforceDestination,
    difference: Difference,
    accounts: Sequence[str],
    outcome: Outcome,
) -> dict[str, str]:
    """Return account -> Id of its record, looked up by the external id, or as it is carried."""
    if destination.record_id_column:
        marks = {**difference.before, **difference.now}
        return {account: marks[account].record_id for account in accounts}
    found: dict[str, list[str]] = {}
    for start in range(0, len(accounts), ASKED):
        for record in _query(client, destination, accounts[start : start + ASKED]):
            found.setdefault(str(record.get(destination.external_id)), []).append(str(record["Id"]))
        outcome.requests += 1
    what = f"{destination.object} with {destination.external_id}"
    for account in accounts:
        if (count := len(found.get(account, []))) != 1 and account in difference.now:
            outcome.fail([account], f"{count or 'no'} {what} '{account}'; expected one")
    return {account: ids[0] for account, ids in found.items() if len(ids) == 1}


def _query(client: Client, destination: SalesforceDestination, accounts: Sequence[str]) -> list[dict[str, Any]]:
    field, listed = destination.external_id, ",".join(_soql_text(account) for account in accounts)
    soql = f"SELECT Id, {field} FROM {destination.object} WHERE {field} IN ({listed})"
    path = f"{_service(destination)}/query?q={quote(soql, safe='')}"
    records: list[dict[str, Any]] = []
    while path:
        answer: Mapping[str, Any] = client.parsed(client.send("GET", path))
        records += answer.get("records") or []
        following = str(answer.get("nextRecordsUrl") or "")
        path = following if following.startswith("/services/") else ""  # the token goes to no other address
    return records


def _soql_text(text: str) -> str:
    r"""Return a text as SOQL writes it.

    >>> _soql_text("O'Neil")
    "'O\\'Neil'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _cell(value: Any) -> str:
    return cut(as_text(value), LONGEST_TEXT) or NULL


def _run_job(client: Client, destination: SalesforceDestination, rows: Sequence[_Row], outcome: Outcome) -> None:
    jobs = f"{_service(destination)}/jobs/ingest"
    wanted = {"object": destination.object, "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = f"{jobs}/{client.parsed(client.send_json('POST', jobs, wanted))['id']}"
    client.send("PUT", f"{job}/batches", _csv(destination, rows), lambda: {"Content-Type": "text/csv"})
    client.send_json("PATCH", job, {"state": "UploadComplete"})
    state = _wait(client, destination, job)
    done = {row["sf__Id"][:15] for row in _results(client, f"{job}/successfulResults")}
    failed = {row["Id"]: row["sf__Error"] for row in _results(client, f"{job}/failedResults")}
    outcome.requests += 6
    for row in rows:
        if row.record_id[:15] in done:  # an Id has 15 characters, or 18 with its check
            outcome.sent += 1
        else:
            unprocessed = f"not processed: {state.get('errorMessage') or state['state']}"
            outcome.fail([row.account], client.hidden(failed.get(row.record_id) or unprocessed))


def _wait(client: Client, destination: SalesforceDestination, job: str) -> Mapping[str, Any]:
    """Return the state of a job once it is finished. Raises PushError where it takes too long."""
    until, pause = monotonic() + destination.wait_seconds, 1.0
    while True:
        state = client.parsed(client.send("GET", job))
        if state.get("state") in FINISHED:
            return state
        if monotonic() > until:
            raise client.refused(
                f"the job {state.get('id')} is not finished after wait_seconds = {destination.wait_seconds}; what it "
                "was given is sent again by the next push"
            )
        http.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _csv(destination: SalesforceDestination, rows: Sequence[_Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Id", *destination.fields.values()])
    writer.writerows([row.record_id, *row.cells] for row in rows)
    return text.getvalue().encode()


def _results(client: Client, path: str) -> list[dict[str, str]]:
    answer = client.send("GET", path, headers=lambda: {"Accept": "text/csv"})
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def _service(destination: SalesforceDestination) -> str:
    return f"/services/data/v{destination.api_version}"
