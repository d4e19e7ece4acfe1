"""Pushes the published list to destinations: what is new or changed since the last push, and what is gone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from undertow.features.errors import SettingsError, UndertowError, did_you_mean
from undertow.features.publishing.unfinished import locked
from undertow.features.settings import Settings
from undertow.features.settings.destinations import (
    AnyDestination,
    Destination,
    FilesDestination,
    HubspotDestination,
    PostgresDestination,
    SalesforceDestination,
    SlackDestination,
    WebhookDestination,
)
from undertow.serving.published.scores import PublishedScores
from undertow.serving.push import files, http, hubspot, postgres, salesforce, slack, webhook
from undertow.serving.push.accounts import Listed, listed
from undertow.serving.push.outcome import Outcome
from undertow.serving.push.record import FORMAT, Difference, Mark, Record, marks, read_record, record_path, write_record

# Settings that say in which form accounts are sent, or how many, and not where they go.
FORM = {"properties", "fields", "percent"}
NOT_PLACE = FORM | {"also", "top", "link_base", "wait_seconds", "most", "rise", "api_version"}
MOST_FAILURES = 10  # accounts whose refusal is reported in words
SLACK_PAUSE = 1.0  # seconds between two messages
ADD_ONE = """No destination is configured, so nothing was sent. Add one to undertow.toml, for example

  [destinations.warehouse]
  kind = "postgres"             # or files, hubspot, salesforce, slack, webhook
  uri_env = "UNDERTOW_PG"       # the environment variable that holds its address
  schema = "analytics"

`undertow init` in an empty folder writes a template that explains each kind."""


@dataclass
class PushReport:
    """What one push did, or with `dry_run` would do. All counts are of accounts.

    `new`, `changed`, `gone`, `unchanged`: against the last push. `failed`: not taken, sent again by the next push;
    `failures`: account -> why, of the first. `skipped`: without a record in the CRM. `error`: why nothing (more) was
    sent.
    """

    destination: str
    kind: str
    run_id: str
    last_run: str | None
    dry_run: bool
    new: int = 0
    changed: int = 0
    gone: int = 0
    unchanged: int = 0
    sent: int = 0
    requests: int = 0
    skipped: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    error: str | None = None

    @property
    def has_failed(self) -> bool:
        """Return whether something was not taken."""
        return bool(self.error or self.failed)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return asdict(self)


def chosen(settings: Settings, names: Sequence[str]) -> dict[str, AnyDestination]:
    """Return the destinations of these names, or all. Raises SettingsError where there are none."""
    known = settings.destinations
    if not known:
        raise SettingsError(ADD_ONE)
    for name in names:
        if name not in known:
            raise SettingsError(f"No destination '{name}'. Known: {', '.join(known)}.{did_you_mean(name, known)}")
    return {name: destination for name, destination in known.items() if not names or name in names}


def push(
    settings: Settings,
    destinations: dict[str, AnyDestination],
    published: PublishedScores,
    now: datetime,
    dry_run: bool = False,
) -> list[PushReport]:
    """Push a published list to destinations, one after the other; what one refuses does not stop the others."""
    reports, told = [], False
    for name, destination in destinations.items():
        if isinstance(destination, SlackDestination) and told and not dry_run:
            http.wait(SLACK_PAUSE)
        report = PushReport(name, destination.kind, str(published.manifest["run_id"]), None, dry_run)
        try:
            _push_to(settings, destination, published, now, report)
        except UndertowError as error:
            report.error = str(error)
        told = told or destination.kind == "slack"
        reports.append(report)
    return reports


def _push_to(
    settings: Settings, destination: AnyDestination, published: PublishedScores, now: datetime, report: PushReport
) -> None:
    path = record_path(settings.store_path(), report.destination)
    part = listed(report.destination, destination, published)
    if report.dry_run:
        _compare(part, destination, read_record(path, _target(destination)), report)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock")):  # two pushes at once would both send
        last = read_record(path, _target(destination))
        difference = _compare(part, destination, last, report)
        if not difference and (not isinstance(destination, FilesDestination) or report.last_run == part.run_id):
            report.said.append("nothing to send: it holds this list already")
            outcome = Outcome()
        else:
            outcome = _send(settings, destination, part, difference, report.destination)
        _describe(outcome, report)
        if not outcome.failed or outcome.sent or outcome.skipped:
            held = _held(destination, difference, outcome)
            moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"
            write_record(path, Record(FORMAT, part.run_id, _target(destination), moment, held))


def _compare(part: Listed, destination: AnyDestination, last: Record | None, report: PushReport) -> Difference:
    difference = Difference(last.accounts if last else {}, marks(part, _form(destination), part.headline))
    report.last_run = last.run_id if last else None
    report.new, report.changed = len(difference.new), len(difference.changed)
    report.gone, report.unchanged = len(difference.gone), difference.unchanged
    return difference


def _send(
    settings: Settings, destination: AnyDestination, part: Listed, difference: Difference, name: str
) -> Outcome:
    match destination:
        case PostgresDestination():
            return postgres.send(name, destination, part)
        case FilesDestination():
            return files.send(name, destination, part, settings.folder)
        case HubspotDestination():
            return hubspot.send(name, destination, part, difference)
        case SalesforceDestination():
            return salesforce.send(name, destination, part, difference)
        case SlackDestination():
            return slack.send(name, destination, part, difference)
        case WebhookDestination():
            return webhook.send(name, destination, part, difference)


def _describe(outcome: Outcome, report: PushReport) -> None:
    report.sent, report.requests, report.failed = outcome.sent, outcome.requests, len(outcome.failed)
    report.skipped = len(outcome.skipped)
    report.failures = dict(list(outcome.failed.items())[:MOST_FAILURES])
    report.said += outcome.said


def _held(destination: AnyDestination, difference: Difference, outcome: Outcome) -> dict[str, Mark]:
    """Return what the destination holds after a push: what failed is as it was before."""
    marks = difference.now
    if isinstance(destination, SlackDestination):
        marks = slack.marks_after(destination, difference)
    held = {account: mark for account, mark in marks.items() if account not in outcome.failed}
    return held | {account: mark for account, mark in difference.before.items() if account in outcome.failed}


def _target(destination: Destination) -> str:
    """Return a hash of where a destination is: another one has got nothing yet."""
    return _hash(destination.model_dump(mode="json", exclude=NOT_PLACE))


def _form(destination: Destination) -> str:
    """Return a hash of the form in which accounts are sent: in another one, all are sent again."""
    return _hash(destination.model_dump(mode="json", include=FORM))


def _hash(stated: dict[str, Any]) -> str:
    return sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]
