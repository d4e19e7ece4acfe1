"""Webhook: signed JSON in batches of 500 accounts, as Standard Webhooks describes it.

The id of a message names the list, the batch and its content, so that it is the same for every try, now or by a later
push, and a receiver that has seen it can drop it. The signature is HMAC-SHA256 over id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from time import time
from typing import Any

from undertow.features.errors import PushError
from undertow.features.settings.destinations import WebhookDestination
from undertow.serving.push.accounts import Listed
from undertow.serving.push.http import Client, Refused
from undertow.serving.push.outcome import Outcome
from undertow.serving.push.record import Difference
from undertow.serving.push.secrets import secret_of

MOST = 500  # accounts per message
PREFIX = "whsec_"
SIZES = range(24, 65)  # bytes of a secret
TYPE = "undertow.scores"


def send(name: str, destination: WebhookDestination, listed: Listed, difference: Difference) -> Outcome:
    """Send the accounts that are new or changed, and the ids of those that are gone from the list."""
    secret, outcome = secret_of(name, destination.secret_env), Outcome()
    key = _key(name, destination.secret_env, secret)
    with Client(name, "", {}, [secret, secret.removeprefix(PREFIX), destination.url]) as client:
        batches = list(_batches(listed, difference))
        for place, (number, accounts, gone) in enumerate(batches):
            body = _body(listed, accounts, gone)
            message = f"{listed.run_id}-{number}-{hashlib.sha256(body).hexdigest()[:12]}"
            try:
                client.send("POST", destination.url, body, lambda i=message, b=body: headers(i, b, key))  # type: ignore[misc]
            except PushError as error:
                left = batches[place : place + 1] if isinstance(error, Refused) else batches[place:]
                for _, others, removed in left:
                    outcome.fail([*(each["account_id"] for each in others), *removed], str(error))
                if not isinstance(error, Refused):
                    break
            else:
                outcome.requests += 1
                outcome.sent += len(accounts) + len(gone)
    return outcome


def headers(message: str, body: bytes, key: bytes) -> dict[str, str]:
    """Return the headers of one try: the id of the message, the time now, and the signature of both and the body."""
    moment = str(int(time()))
    return {"Content-Type": "application/json", "webhook-id": message, "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature(message, moment, body, key)}"}  # fmt: skip


def signature(message: str, moment: str, body: bytes, key: bytes) -> str:
    """Return the signature of a message, base64."""
    signed = f"{message}.{moment}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _batches(listed: Listed, difference: Difference) -> Iterator[tuple[int, list[Mapping[str, Any]], list[str]]]:
    """Yield batches by place in the list, so that what is left of a push comes again in the batch it was in."""
    accounts: list[Mapping[str, Any]] = []
    for place, account in enumerate(listed):
        if place and place % MOST == 0:
            if accounts:
                yield place // MOST, accounts, []
            accounts = []
        if difference.has(account):
            accounts.append(account.values)
    last = max(1, -(-listed.table.num_rows // MOST))
    if accounts:
        yield last, accounts, []
    for start in range(0, len(difference.gone), MOST):
        yield last + 1 + start // MOST, [], list(difference.gone[start : start + MOST])


def _body(listed: Listed, accounts: list[Mapping[str, Any]], gone: list[str]) -> bytes:
    data = {"run_id": listed.run_id, "as_of": listed.as_of, "model_version": listed.model_version,
            "currency": listed.currency, "accounts": accounts, "gone": gone}  # fmt: skip
    body = {"type": TYPE, "timestamp": listed.published_at, "data": data}
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _key(name: str, variable: str, secret: str) -> bytes:
    """Return the key in a secret. Raises PushError, without quoting it, where it is not in the form of the standard."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in SIZES:
        raise PushError(
            f"[destinations.{name}]: {variable} must hold {PREFIX} and 24 to 64 random bytes in base64, such as "
            f'"{PREFIX}$(openssl rand -base64 32)".'
        )
    return key
