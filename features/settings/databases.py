"""Databases that rows are read from, `[sources]`, and the entries of `[files]` that name one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, model_validator

from undertow.features.errors import did_you_mean
from undertow.features.settings.frozen import Frozen
from undertow.features.settings.source_files import SourceFiles

SECRETS = ("uri", "url", "dsn", "password", "user")  # never in undertow.toml, which is shared and kept


class DatabaseSource(Frozen):
    """[sources.NAME]: a database. Its address is in the environment, so that no password stands in undertow.toml."""

    kind: Literal["postgres", "sqlite"]
    uri_env: str = ""  # postgres: the environment variable with postgresql://user:password@host/database
    path: str = ""  # sqlite: the file, relative to undertow.toml
    timeout_seconds: int = Field(3600, ge=1)  # postgres: how long one SELECT may take
    overlap_minutes: int = Field(60, ge=0)  # postgres: how long a transaction may last, where `since` is a time

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, given: object) -> object:
        """Refuse fields that are not known by their names alone: what is written in them may be a password."""
        fields = given if isinstance(given, dict) else {}
        for name in fields:
            if name in SECRETS:
                raise ValueError(f"{name} must not stand here; name an environment variable: uri_env = \"MY_DATABASE\"")
            if name not in cls.model_fields:
                raise ValueError(f"{name} is not known.{did_you_mean(str(name), cls.model_fields)}")
        if not re.fullmatch(r"\w*", str(fields.get("uri_env", ""))):
            raise ValueError("uri_env must be the name of an environment variable that holds the address, not itself")
        return given

    @model_validator(mode="after")
    def _of_its_kind(self) -> DatabaseSource:
        wanted, other = ("uri_env", "path") if self.kind == "postgres" else ("path", "uri_env")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f'kind = "{self.kind}" needs {wanted}, and no {other}')
        return self


class FileOfDatabase(Frozen):
    """An entry of [files] that is read from a database: the rows of a SELECT in its SQL, or of a table."""

    source: str  # its name in [sources]
    sql: str = ""  # a SELECT, or a path ending in .sql
    table: str = ""  # such as "public.users", instead of a SELECT
    columns: tuple[str, ...] = ()  # of the table; all by default
    since: str = ""  # a column that grows: rows below the greatest value that was read are not read again

    @model_validator(mode="after")
    def _one_question(self) -> FileOfDatabase:
        if bool(self.sql.strip()) == bool(self.table.strip()):
            raise ValueError("give either sql or table")
        if self.columns and self.sql:
            raise ValueError("columns is for a table; in sql, the SELECT names them")
        if self.columns and self.since and self.since not in self.columns:
            raise ValueError(f"since = {self.since!r} must be one of columns.{did_you_mean(self.since, self.columns)}")
        return self


class SnapshotOf(FileOfDatabase):
    """An entry whose rows have been read: the Parquet files of its snapshot, in the order in which they were read."""

    paths: tuple[Path, ...] = ()
    read_as: SourceFiles | None = None  # the entry itself, where the files are copies of files at an address


def _kind_of_entry(entry: object) -> str:
    of_database = isinstance(entry, FileOfDatabase) or (isinstance(entry, dict) and "path" not in entry)
    return "database" if of_database else "path"


FileEntry = Annotated[
    Annotated[SourceFiles, Tag("path")] | Annotated[FileOfDatabase, Tag("database")], Discriminator(_kind_of_entry)
]


def stated_columns(entry: FileEntry) -> SourceFiles | None:
    """Return what undertow.toml says of the columns of files; None for rows of a database."""
    if isinstance(entry, SnapshotOf):
        return entry.read_as
    return entry if isinstance(entry, SourceFiles) else None


def refuse_folder_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name of a source that cannot be a folder of the store."""
    for name in names:
        if not re.fullmatch(r"[\w-]+", name):
            raise ValueError(f"'{name}' must be made of letters, digits, _ and -: it names a folder in the store")


def refuse_unknown_sources(files: Mapping[str, FileEntry], sources: Iterable[str]) -> None:
    """Raise ValueError for an entry of [files] whose source is not in [sources]."""
    known = list(sources)
    for name, entry in files.items():
        if isinstance(entry, FileOfDatabase) and entry.source not in known:
            raise ValueError(
                f"{name} names the source '{entry.source}', which is not in [sources] ({', '.join(known) or 'empty'})."
                f"{did_you_mean(entry.source, known)} Add [sources.{entry.source}]"
            )


def shown_address(path: str) -> str:
    """Return a path, or an address without what may be secret in it: user, password and query.

    >>> shown_address("https://me:secret@example.com/rows.csv?signature=abc")
    'https://example.com/rows.csv'
    """
    if "://" not in path:
        return path
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
