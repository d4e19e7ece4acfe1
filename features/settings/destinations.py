"""Destinations that `undertow push` sends the published list to, `[destinations.NAME]`, each with a kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from undertow.features.errors import did_you_mean
from undertow.features.settings.frozen import Frozen

# Of an account, as it is pushed; "probability" stands for probability_90, or another horizon of [training] headline.
DEFAULT_FIELDS = ("account_id", "as_of", "rank", "probability", "value_at_risk", "currency", "cause", "reason_1",
                  "reason_2", "model_version", "link")  # fmt: skip
# Fields that are pushed only where a destination names them, beside the carried columns
ON_REQUEST = ("name", "contact_value", "contact", "action", "action_by", "action_due")
PROBABILITY = re.compile(r"probability_\d+")
SECRETS = ("token", "secret", "password", "key", "api_key", "uri", "dsn", "webhook", "user")  # never in undertow.toml
ADDRESSES = ("url", "link_base", "base_url", "instance_url")
LOCAL = ("localhost", "127.0.0.1", "::1")


class Destination(Frozen):
    """What every destination has. Secrets are in the environment, so that none stands in undertow.toml."""

    link_base: str = ""  # address of the service; the field link is then the page of the account

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, given: object) -> object:
        """Refuse fields that are not known by their names alone: what is written in them may be a secret."""
        fields = given if isinstance(given, dict) else {}
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for name, value in fields.items():
            if name not in known and str(name).lower() in SECRETS:
                wanted = next((field for field in known if field.endswith("_env")), "")
                instead = f'; name an environment variable: {wanted} = "MY_SECRET"' if wanted else ""
                raise ValueError(f"{name} must not stand here{instead}")
            if name not in known:
                raise ValueError(f"{name} is not known.{did_you_mean(str(name), known)} Known: {', '.join(known)}")
            if str(name).endswith("_env") and not re.fullmatch(r"[A-Za-z_]\w*", str(value)):
                raise ValueError(f"{name} must be the name of the environment variable that holds the secret")
            if name in ADDRESSES and value:  # here, since a message about one field would quote it
                refuse_address(str(name), str(value))
        return given

    @field_validator(*ADDRESSES[1:], check_fields=False)
    @classmethod
    def _without_slash(cls, address: str) -> str:
        return address.rstrip("/")

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names beside the defaults."""
        return ()


def refuse_address(name: str, address: str) -> None:
    """Raise ValueError, without quoting it, for an address that is not https (http on this machine), or has a login."""
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and parts.hostname in LOCAL
        usable = bool(parts.hostname) and (parts.scheme == "https" or local) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{name} must begin with https:// (or http:// on this machine), so that nobody reads it")
    if "@" in parts.netloc:
        raise ValueError(f"{name} must hold no user and password")


class PostgresDestination(Destination):
    """Tables of a PostgreSQL database: undertow_scores, a row per account and list, and undertow_at_risk, the last."""

    kind: Literal["postgres"]
    uri_env: str = Field(min_length=1)  # environment variable with postgresql://user:password@host/database
    in_schema: str = Field("public", alias="schema", min_length=1)  # which exists; the tables are made in it
    also: tuple[str, ...] = ()  # fields beside the defaults: carried columns, name

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names beside the defaults."""
        return self.also


class FilesDestination(Destination):
    """A folder that gets one folder per list, with all its accounts as CSV or Parquet."""

    kind: Literal["files"]
    folder: Path  # relative to undertow.toml
    format: Literal["csv", "parquet"] = "csv"
    also: tuple[str, ...] = ()  # fields beside the defaults: carried columns, name

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names beside the defaults."""
        return self.also


class TopDestination(Destination):
    """A destination that gets the first accounts of the list."""

    top: int = Field(200, ge=1)  # accounts, highest value at risk first


class CrmDestination(TopDestination):
    """A CRM whose records exist already: fields of ours are written into fields of theirs, and none is created."""

    token_env: str = Field(min_length=1)  # environment variable with the access token
    percent: bool = False  # whether probabilities are sent as percentages, 0 to 100, instead of 0 to 1
    record_id_column: str = ""  # a column of [accounts] carry that holds the id of the record


class HubspotDestination(CrmDestination):
    """Companies of HubSpot, found by a property with unique values or by their record id."""

    kind: Literal["hubspot"]
    base_url: str = "https://api.hubapi.com"
    id_property: str = ""  # a property of companies with unique values that holds our account_id
    properties: dict[str, str] = Field(min_length=1)  # field of ours -> internal name of a property

    @model_validator(mode="after")
    def _found_one_way(self) -> HubspotDestination:
        if bool(self.id_property) == bool(self.record_id_column):
            raise ValueError("give either id_property or record_id_column, by which a company is found")
        _refuse_targets(self.properties, "properties", self.id_property)
        return self

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names."""
        return tuple(self.properties)


class SalesforceDestination(CrmDestination):
    """Records of Salesforce, found by an external id or by their Salesforce id."""

    kind: Literal["salesforce"]
    instance_url: str = Field(min_length=1)  # https://MY_DOMAIN.my.salesforce.com
    api_version: str = Field("62.0", pattern=r"^\d{2,3}\.0$")
    object: str = Field("Account", pattern=r"^[A-Za-z]\w*$")
    external_id: str = Field("", pattern=r"^\w*$")  # a field of it that holds our account_id, such as Undertow_Id__c
    fields: dict[str, str] = Field(min_length=1)  # field of ours -> API name of a field
    wait_seconds: int = Field(600, ge=1)  # how long a job is waited for

    @model_validator(mode="after")
    def _found_one_way(self) -> SalesforceDestination:
        if bool(self.external_id) == bool(self.record_id_column):
            raise ValueError("give either external_id or record_id_column, by which a record is found")
        _refuse_targets(self.fields, "fields", self.external_id or "Id")
        return self

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names."""
        return tuple(self.fields)


class SlackDestination(TopDestination):
    """A channel of Slack: one message per list, with accounts that are new on it or whose probability rose."""

    kind: Literal["slack"]
    webhook_env: str = Field(min_length=1)  # environment variable with the address of the incoming webhook
    most: int = Field(10, ge=1, le=10)  # accounts in the message
    rise: float = Field(0.01, gt=0, le=1)  # probability: a smaller rise since the last push is not told
    also: tuple[Literal["name"], ...] = ()  # beside the defaults

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names beside the defaults."""
        return self.also


class WebhookDestination(TopDestination):
    """An address that takes signed JSON (Standard Webhooks), up to 500 accounts per request."""

    kind: Literal["webhook"]
    url: str = Field(min_length=1)
    secret_env: str = Field(min_length=1)  # environment variable with the secret, whsec_...
    also: tuple[str, ...] = ()  # fields beside the defaults: carried columns, name

    def named_fields(self) -> tuple[str, ...]:
        """Return the fields of an account that this destination names beside the defaults."""
        return self.also


KINDS: Mapping[str, type[Destination]] = {
    "postgres": PostgresDestination,
    "files": FilesDestination,
    "hubspot": HubspotDestination,
    "salesforce": SalesforceDestination,
    "slack": SlackDestination,
    "webhook": WebhookDestination,
}


def _kind(given: object) -> str | None:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return kind if kind in KINDS else None


AnyDestination = Annotated[
    Annotated[PostgresDestination, Tag("postgres")]
    | Annotated[FilesDestination, Tag("files")]
    | Annotated[HubspotDestination, Tag("hubspot")]
    | Annotated[SalesforceDestination, Tag("salesforce")]
    | Annotated[SlackDestination, Tag("slack")]
    | Annotated[WebhookDestination, Tag("webhook")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f"needs kind, one of {', '.join(KINDS)}",
    ),
]


def refuse_destinations(destinations: Mapping[str, Destination], carried: Iterable[str]) -> None:
    """Raise ValueError for a name that cannot be a file of the store, and for a field that no account has."""
    carried = tuple(carried)
    defaults = (f"{each}_90" if each == "probability" else each for each in DEFAULT_FIELDS)
    known = (*defaults, *ON_REQUEST, *carried)
    for name, destination in destinations.items():
        if not re.fullmatch(r"[\w-]+", name):
            raise ValueError(f"'{name}' must be made of letters, digits, _ and -: it names a file in the store")
        for field in destination.named_fields():
            if field not in known and not PROBABILITY.fullmatch(field):
                raise ValueError(
                    f"{name} names the field '{field}', which no account has.{did_you_mean(field, known)} Known: "
                    f"{', '.join(known)}; other columns of accounts go into [accounts] carry"
                )
        column = getattr(destination, "record_id_column", "")
        if column and column not in carried:
            raise ValueError(
                f"{name} finds records by the column '{column}', which is not carried.{did_you_mean(column, carried)} "
                f'Add it: [accounts] carry = ["{column}"]'
            )


def _refuse_targets(mapping: Mapping[str, str], setting: str, found_by: str) -> None:
    """Raise ValueError where two fields go into one of theirs, or one into that by which records are found."""
    targets = [target.lower() for target in mapping.values()]
    for target in mapping.values():
        if not re.fullmatch(r"[A-Za-z]\w*", target) or targets.count(target.lower()) > 1:
            raise ValueError(f"{setting} must name distinct fields by their internal names, got '{target}'")
        if target.lower() in (found_by.lower(), "id", "hs_object_id"):
            raise ValueError(f"{setting} must not write into {target}, by which records are found")
