"""[sources], and the entries of [files] that name one: no password, and nothing that cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow.features.errors import SettingsError
from undertow.features.settings import Settings, make_settings
from undertow.features.settings.databases import FileOfDatabase
from undertow.features.settings.source_files import SourceFiles

APP = {"kind": "postgres", "uri_env": "UNDERTOW_PG_APP"}
ADDRESS = "postgresql://me:secret@db.example/app"


def settings_of(files: dict[str, object], **sources: object) -> Settings:
    return make_settings(Path(), {"sources": sources or {"app": APP}, "files": files})


def test_entries_of_databases_stand_beside_paths() -> None:
    settings = settings_of({"users": {"source": "app", "table": "public.users"}, "clicks": "clicks/*.parquet"})
    assert settings.files == {
        "users": FileOfDatabase(source="app", table="public.users"), "clicks": SourceFiles(path=("clicks/*.parquet",))
    }  # fmt: skip
    assert settings.select("users") == "SELECT * FROM users"


@pytest.mark.parametrize(("entry", "said"), [
    ({"source": "ap", "table": "x"}, r"users names the source 'ap', which is not in \[sources\] \(app\)\. Did you"),
    ({"source": "app"}, "give either sql or table"),
    ({"source": "app", "sql": "SELECT 1", "table": "x"}, "give either sql or table"),
    ({"source": "app", "sql": "SELECT 1", "columns": ["a"]}, "columns is for a table"),
    ({"source": "app", "table": "x", "columns": ["id", "seen_at"], "since": "seen"}, "one of columns. Did you mean"),
    ({"source": "app", "tabel": "x"}, "files.users.database.tabel: Extra inputs are not permitted"),
    ({"table": "x"}, "files.users.database.source: Field required"),
    (7, "files.users.path: Input should be a valid dictionary"),
])  # fmt: skip
def test_an_entry_that_asks_for_nothing_or_too_much_is_refused(entry: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_of({"users": entry})


@pytest.mark.parametrize(("source", "said"), [
    ({"kind": "postgres", "uri": ADDRESS}, "uri must not stand here; name an environment variable"),
    ({"kind": "postgres", "uri_env": ADDRESS}, "uri_env must be the name of an environment variable"),
    ({"kind": "postgres", "uri_evn": ADDRESS}, "uri_evn is not known. Did you mean 'uri_env'"),
    ({**APP, "password": "secret"}, "password must not stand here"),
    ({"kind": "mysql", "uri_env": "X"}, "sources.app.kind: Input should be 'postgres' or 'sqlite', got 'mysql'"),
    ({"kind": "postgres"}, "needs uri_env, and no path"),
    ({"kind": "sqlite", "uri_env": "X"}, "needs path, and no uri_env"),
    ({**APP, "timeout_seconds": 0}, "greater than or equal to 1"),
])  # fmt: skip
def test_a_source_that_cannot_be_asked_is_refused_without_a_word_of_its_password(source: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        settings_of({}, app=source)
    assert "secret" not in str(refused.value)


def test_a_source_is_named_as_a_folder_may_be() -> None:
    with pytest.raises(SettingsError, match=r"'\.\./app' must be made of letters, digits, _ and -"):
        settings_of({}, **{"../app": APP})


def test_the_record_of_a_run_holds_the_name_of_the_variable_and_no_secret_of_an_address() -> None:
    settings = settings_of({"users": {"source": "app", "table": "users"}, "rows": "https://me:secret@x.example/a.csv?s=t"})
    written = json.dumps(settings.public())
    assert "UNDERTOW_PG_APP" in written
    assert "https://x.example/a.csv" in written
    assert "secret" not in written and "s=t" not in written
