"""HubSpot: updates companies that exist, 100 per request, and creates none.

POST /crm/v3/objects/companies/batch/update takes inputs of id, idProperty and properties. It answers 200, or 207 where
some failed: the errors name their ids, or the objectWriteTraceId of the input. An empty text clears a property.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from undertow.features.errors import PushError
from undertow.features.settings.destinations import HubspotDestination
from undertow.serving.push.accounts import Listed, as_text, percentage
from undertow.serving.push.http import Client, Refused
from undertow.serving.push.outcome import Outcome
from undertow.serving.push.record import Difference
from undertow.serving.push.secrets import secret_of

PATH = "/crm/v3/objects/companies/batch/update"
MOST = 100  # inputs per request


@dataclass(frozen=True)
class _Input:
    account: str
    id: str
    properties: dict[str, str]
    is_gone: bool = False


def send(name: str, destination: HubspotDestination, listed: Listed, difference: Difference) -> Outcome:
    """Update the companies of accounts that are new or changed, and clear the properties of those that are gone."""
    token, outcome = secret_of(name, destination.token_env), Outcome()
    inputs = _inputs(destination, listed, difference, outcome)
    with Client(name, destination.base_url, {"Authorization": f"Bearer {token}"}, [token]) as client:
        for start in range(0, len(inputs), MOST):
            batch = inputs[start : start + MOST]
            try:
                _send_batch(client, destination, batch, outcome)
            except Refused as error:
                outcome.fail((each.account for each in batch), str(error))
            except PushError as error:
                outcome.fail((each.account for each in inputs[start:]), str(error))
                break
    return outcome


def _inputs(
    destination: HubspotDestination, listed: Listed, difference: Difference, outcome: Outcome
) -> list[_Input]:
    inputs: dict[str, _Input] = {}
    held: dict[str, str] = {}  # id -> account, of the whole list
    for account in listed:
        found = account.record_id if destination.record_id_column else account.id
        if found in held and difference.has(account):
            outcome.fail([account.id], f"the account {held[found]} has the same company, {found}")
        elif found:
            held[found] = account.id
        if not difference.has(account) or account.id in outcome.failed:
            continue
        if not found:
            outcome.skipped.append(account.id)
            continue
        values = {
            theirs: as_text(percentage(ours, account.values[ours], destination.percent))
            for ours, theirs in destination.properties.items()
        }
        inputs[found] = _Input(account.id, found, values)
    for account_id in difference.gone:
        found = difference.before[account_id].record_id if destination.record_id_column else account_id
        if found and found not in held:
            inputs[found] = _Input(account_id, found, dict.fromkeys(destination.properties.values(), ""), True)
    return list(inputs.values())


def _send_batch(client: Client, destination: HubspotDestination, batch: Sequence[_Input], outcome: Outcome) -> None:
    by = {"idProperty": destination.id_property} if destination.id_property else {}
    body = [
        {"id": each.id, **by, "properties": each.properties, "objectWriteTraceId": str(number)}
        for number, each in enumerate(batch)
    ]
    answer = client.parsed(client.send_json("POST", PATH, {"inputs": body}))
    outcome.requests += 1
    failed = _failed(client, answer, batch, destination.id_property)
    for each in batch:
        if each.account not in failed:
            outcome.sent += 1
        elif not each.is_gone or not failed[each.account][1]:  # a company that no longer exists has nothing to clear
            outcome.fail([each.account], failed[each.account][0])


def _failed(
    client: Client, answer: Mapping[str, Any], batch: Sequence[_Input], id_property: str
) -> dict[str, tuple[str, bool]]:
    """Return the accounts that were not updated: why, and whether because HubSpot has no such company."""
    failed: dict[str, tuple[str, bool]] = {}
    errors, unnamed = answer.get("errors") or [], ""
    for error in errors:
        context = error.get("context") or {}
        ids = {str(each) for each in [*_list(context.get("ids")), *_list(context.get("id"))]}
        traces = {str(each) for each in _list(context.get("objectWriteTraceId"))}
        said = client.hidden(str(error.get("message") or "no reason given"))
        named = [each for number, each in enumerate(batch) if each.id in ids or str(number) in traces]
        is_missing = error.get("category") == "OBJECT_NOT_FOUND"
        failed.update({each.account: (said, is_missing) for each in named})
        unnamed = unnamed or ("" if named else said)
    if unnamed:  # what is not confirmed counts as failed
        confirmed = _confirmed(answer, id_property)
        for number, each in enumerate(batch):
            if each.id not in confirmed and f"trace {number}" not in confirmed and each.account not in failed:
                failed[each.account] = (unnamed, False)
    return failed


def _confirmed(answer: Mapping[str, Any], id_property: str) -> set[str]:
    found = set()
    for result in answer.get("results") or []:
        found |= {str(result.get("id")), f"trace {result.get('objectWriteTraceId')}"}
        found.add(str((result.get("properties") or {}).get(id_property)))
    return found


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]
