"""[team]: the database in which statuses of accounts and saved views of the list are kept."""

from __future__ import annotations

import re

from pydantic import model_validator

from undertow.features.errors import did_you_mean
from undertow.features.settings.databases import SECRETS
from undertow.features.settings.frozen import Frozen


class Team(Frozen):
    """[team]: a database of its own for what people do about the list, beside the store of scores.

    Neither given: there is none, and the service is read-only.
    """

    database: str = ""  # a SQLite file, relative to undertow.toml; made where it does not exist
    uri_env: str = ""  # the environment variable with postgresql://user:password@host/database, instead of the file

    @property
    def is_set(self) -> bool:
        """Whether a database is named."""
        return bool(self.database or self.uri_env)

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, given: object) -> object:
        """Refuse fields that are not known by their names alone: what is written in them may be a password."""
        fields = given if isinstance(given, dict) else {}
        for name in fields:
            if name in SECRETS:
                raise ValueError(f'{name} must not stand here; name an environment variable: uri_env = "MY_DATABASE"')
            if name not in cls.model_fields:
                raise ValueError(f"{name} is not known.{did_you_mean(str(name), cls.model_fields)}")
        if not re.fullmatch(r"\w*", str(fields.get("uri_env", ""))):
            raise ValueError("uri_env must be the name of an environment variable that holds the address, not itself")
        if "://" in str(fields.get("database", "")):
            raise ValueError("database must be a SQLite file; for PostgreSQL give uri_env")
        return given

    @model_validator(mode="after")
    def _one_database(self) -> Team:
        if self.database and self.uri_env:
            raise ValueError("give either database, a SQLite file, or uri_env, for PostgreSQL")
        return self
