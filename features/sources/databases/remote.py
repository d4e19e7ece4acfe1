"""Files at an address, such as s3:// or https://, copied into the store by DuckDB's extension `httpfs`.

The extension must be installed on the machine; it is loaded, never fetched. A copy is named by its content, so that a
file that did not change stays as it is. Who may read is settled by DuckDB's own secrets.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from undertow.features.engines.duckdb import Connection, literal, rows, run
from undertow.features.errors import DataError, SourceError
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.publishing.versions import sync
from undertow.features.settings.databases import shown_address
from undertow.features.sources.databases.entry import OutOfReach

SCHEMES = ("s3", "gs", "gcs", "r2", "http", "https", "hf")
NOT_INSTALLED = (
    "DuckDB's extension httpfs is not installed: run `python -c \"import duckdb; duckdb.sql('INSTALL httpfs')\"` once "
    "where extensions.duckdb.org can be reached, or copy the files to a folder"
)


def is_address(path: str) -> bool:
    """Return whether an entry of [files] is an address and not a path.

    >>> is_address("s3://bucket/clicks/*.parquet"), is_address("clicks/*.parquet")
    (True, False)
    """
    return "://" in path


def refuse_scheme(name: str, address: str) -> None:
    """Raise SourceError for an address of a kind that is not read, which may hold a password and is not quoted."""
    scheme = address.partition("://")[0].strip().lower()
    if scheme not in SCHEMES:
        raise SourceError(
            f"[files] {name}: addresses that begin with {scheme}:// are not read. Expected a path, or one of "
            f"{', '.join(f'{each}://' for each in SCHEMES)}; PostgreSQL and SQLite are read as [sources]."
        )


def load_httpfs(connection: Connection) -> None:
    """Load the extension that reads addresses. Raises OutOfReach where it is not installed."""
    run(connection, "SET autoinstall_known_extensions = false", "httpfs")
    try:
        run(connection, "LOAD httpfs", "httpfs")
    except DataError as error:
        raise OutOfReach(NOT_INSTALLED) from error


def copy_files(connection: Connection, root: Path, key: str, name: str, address: str) -> tuple[str, ...]:
    """Copy every file at an address to `root`/`key`; return their paths relative to `root`, in the order of names.

    Parquet is copied row by row, other files whole. Raises OutOfReach where the address cannot be read, and SourceError
    where no file is there.
    """
    where = f"[files] {name}"
    try:
        listed = rows(connection, f"SELECT file FROM glob({literal(address)}) ORDER BY file", where)
        if not listed:
            raise SourceError(f"{where}: no file at {shown_address(address)}. Correct the address in undertow.toml.")
        return tuple(_copy(connection, root, key, where, str(row["file"])) for row in listed)
    except SourceError as error:
        if str(error).startswith(f"{where}: no file"):
            raise
        raise _unread(error, address) from None  # whose text quotes the address
    except DataError as error:
        raise _unread(error, address) from None


def _copy(connection: Connection, root: Path, key: str, where: str, file: str) -> str:
    """Copy one file, and return its path relative to `root`."""
    ending = PurePosixPath(file.partition("?")[0]).name
    with unfinished_path(root, "copy") as hidden:
        hidden.mkdir()
        copy = hidden / "rows.parquet"
        if ending.lower().endswith(".parquet"):
            found = f"FROM read_parquet({literal(file)})"
            run(connection, f"COPY ({found}) TO {literal(str(copy))} (FORMAT parquet)", where)
        else:
            [row] = rows(connection, f"SELECT content FROM read_blob({literal(file)})", where)
            content = row["content"]
            assert isinstance(content, bytes)
            copy.write_bytes(content)
        with copy.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()[:12]
        final = root / key / f"{digest}-{ending}"
        final.parent.mkdir(exist_ok=True)
        if not final.exists():
            sync(hidden)
            copy.replace(final)
            sync(final.parent)
    return f"{key}/{final.name}"


def _unread(error: DataError, address: str) -> OutOfReach:
    return OutOfReach(f"{shown_address(address)} cannot be read: {str(error).replace(address, shown_address(address))}")
