"""[destinations]: each kind has its fields, and no secret stands in undertow.toml or in a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from undertow.features.errors import SettingsError
from undertow.features.settings import Settings, make_settings

HUBSPOT = {"kind": "hubspot", "token_env": "T", "id_property": "undertow_id", "properties": {"rank": "churn_rank"}}
SALESFORCE = {"kind": "salesforce", "token_env": "T", "instance_url": "https://x.my.salesforce.com",
              "external_id": "Undertow_Id__c", "fields": {"rank": "Rank__c"}}  # fmt: skip
WEBHOOK = {"kind": "webhook", "url": "https://example.com/hook", "secret_env": "S"}
POSTGRES = {"kind": "postgres", "uri_env": "PG"}


def settings(project: Path, carry: tuple[str, ...] = (), /, **stated: Any) -> Settings:
    return make_settings(project, {"accounts": {"carry": list(carry)}, "destinations": {"there": stated}})


@pytest.mark.parametrize("stated", [HUBSPOT, SALESFORCE, WEBHOOK, POSTGRES, {"kind": "files", "folder": "out"},
                                    {"kind": "slack", "webhook_env": "W"}])  # fmt: skip
def test_each_kind_is_read(tmp_path: Path, stated: dict[str, Any]) -> None:
    assert settings(tmp_path, **stated).destinations["there"].kind == stated["kind"]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (WEBHOOK | {"secret": "hidden-1"}, 'secret must not stand here; name an environment variable: secret_env ='),
        (HUBSPOT | {"token": "hidden-1"}, 'token must not stand here; name an environment variable: token_env ='),
        (HUBSPOT | {"token_env": "pat-hidden-1"}, "token_env must be the name of the environment variable"),
        (WEBHOOK | {"url": "http://example.com/hidden-1"}, r"url must begin with https://"),
        (WEBHOOK | {"url": "https://me:hidden-1@example.com/"}, "url must hold no user and password"),
        (WEBHOOK | {"url": "https://example.com:hidden-1/"}, r"url must begin with https://"),
        (POSTGRES | {"uri": "postgresql://me:hidden-1@db/x"}, "uri must not stand here"),
        (POSTGRES | {"shema": "hidden-1"}, r"shema is not known\. Did you mean 'schema'\?"),
        ({"kind": "ftp", "password": "hidden-1"}, "needs kind, one of postgres, files, hubspot, salesforce, slack"),
    ],
)
def test_what_may_be_a_secret_is_refused_unseen(tmp_path: Path, stated: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        settings(tmp_path, **stated)
    assert "hidden-1" not in str(refused.value)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (HUBSPOT | {"record_id_column": "crm"}, "give either id_property or record_id_column"),
        (HUBSPOT | {"id_property": ""}, "give either id_property or record_id_column"),
        (HUBSPOT | {"id_property": "", "record_id_column": "hubspot_id"}, r"Add it: \[accounts\] carry = \[\"hubspot"),
        (HUBSPOT | {"properties": {"email": "email"}}, "names the field 'email', which no account has"),
        (HUBSPOT | {"properties": {"probability": "p"}}, "the field 'probability', .* Did you mean 'probability_90'"),
        (HUBSPOT | {"properties": {"rank": "undertow_id"}}, "must not write into undertow_id"),
        (HUBSPOT | {"properties": {"rank": "a", "cause": "A"}}, "must name distinct fields"),
        (SALESFORCE | {"fields": {"rank": "Id"}}, "must not write into Id"),
        (SALESFORCE | {"object": "Account WHERE"}, "object"),
        (WEBHOOK | {"also": ["owner"]}, "names the field 'owner'"),
        ({"kind": "slack", "webhook_env": "W", "also": ["hubspot_id"]}, "also"),
        ({"kind": "slack", "webhook_env": "W", "most": 11}, "most"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path: Path, stated: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(tmp_path, **stated)


def test_a_name_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it names a file in the store"):
        make_settings(tmp_path, {"destinations": {"../x": POSTGRES}})


def test_a_carried_column_may_be_named(tmp_path: Path) -> None:
    read = settings(tmp_path, ("crm_id",), **WEBHOOK | {"also": ["crm_id", "name", "probability_180"]})
    assert read.destinations["there"].named_fields() == ("crm_id", "name", "probability_180")


def test_the_record_of_a_run_names_no_destination(tmp_path: Path) -> None:
    assert "example.com" not in json.dumps(settings(tmp_path, **WEBHOOK).public())
