"""[team]: one database, without a password, and none by default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow.features.connectors import EMPTY, FOLDER
from undertow.features.errors import SettingsError
from undertow.features.settings import FILE_NAME, Settings, load_settings, make_settings


def settings_of(**team: object) -> Settings:
    return make_settings(Path(), {"team": team})


def test_there_is_a_file_or_an_address_in_the_environment_or_none() -> None:
    assert not settings_of().team.is_set and not make_settings(Path(), {}).team.is_set
    assert settings_of(database="team.db").team.is_set and settings_of(uri_env="TEAM").team.is_set


@pytest.mark.parametrize(("team", "said"), [
    ({"database": "team.db", "uri_env": "TEAM"}, "give either database, a SQLite file, or uri_env, for PostgreSQL"),
    ({"database": "postgresql://me:secret@db/team"}, "database must be a SQLite file; for PostgreSQL give uri_env"),
    ({"uri_env": "postgresql://me:secret@db/team"}, "must be the name of an environment variable"),
    ({"uri": "postgresql://me:secret@db/team"}, "uri must not stand here; name an environment variable"),
    ({"databse": "secret"}, "databse is not known. Did you mean 'database'?"),
])  # fmt: skip
def test_what_is_written_wrongly_is_refused_without_its_value(team: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_of(**team)
    assert said in str(refused.value) and "secret" not in str(refused.value)


def test_the_run_record_does_not_say_where_statuses_are_kept() -> None:
    assert "team" not in json.dumps(settings_of(database="team.db").public())


def test_a_new_project_is_read_only_and_the_demo_is_not(tmp_path: Path) -> None:
    for name, is_set in ((EMPTY, False), ("demo", True)):
        (tmp_path / FILE_NAME).write_text((FOLDER / name / FILE_NAME).read_text(encoding="utf-8"), encoding="utf-8")
        assert load_settings(tmp_path).team.is_set is is_set
