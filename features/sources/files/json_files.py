"""Reads JSON files as text, as CSV is read: no type is guessed, and every key of every file becomes a column.

A value that is an object or an array becomes a JSON column, whose parts are reached with `column.key` or
`column ->> '$.key'`. Read are JSON lines, one top-level array, and objects written over several lines.
"""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from undertow.features.engines.duckdb import Connection, literal, path_literal, quoted, rows
from undertow.features.errors import SourceError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class JsonFile:
    """A JSON file to read. `layout`: DuckDB's name for how objects are laid out; `path`: the file, without a BOM."""

    name: str
    path: Path
    layout: str

    def objects(self) -> str:
        """Return the SELECT of the file's objects, one per row, as the column `json`; null for a line that is none."""
        skip = ", ignore_errors = true" if self.layout == "newline_delimited" else ""
        return f"SELECT * FROM read_json_objects({path_literal(self.path)}, format = '{self.layout}'{skip})"


def look_at(connection: Connection, name: str, file: Path, spill: Path) -> tuple[JsonFile, dict[str, bool], int]:
    """Return a JSON file, its keys with whether their values are nested, and the number of lines that are no JSON.

    `name`: its entry in [files], for messages. `spill`: a folder for a copy without a byte order mark.
    """
    found = JsonFile(name, *_plain(name, file, spill))
    sql = f"SELECT json_group_structure(json) AS keys, count(*) - count(json) AS broken FROM ({found.objects()})"
    [row] = rows(connection, sql, f"[files] {name}: {file}")
    keys = json.loads(str(row["keys"])) if row["keys"] is not None else {}
    if not isinstance(keys, dict):
        raise SourceError(
            f"[files] {name}: {file} must hold JSON objects with named keys; got {str(row['keys'])[:80]}."
        )
    return found, {key: isinstance(kind, (dict, list)) for key, kind in keys.items()}, int(str(row["broken"]))


def declared(
    connection: Connection, name: str, file: Path, spill: Path, columns: dict[str, str]
) -> tuple[JsonFile, dict[str, bool], int]:
    """Return what `look_at` does for a file whose keys are declared (key -> VARCHAR or JSON): only its lines are read.

    Objects that have none of these keys yield no row.
    """
    found = JsonFile(name, *_plain(name, file, spill))
    sql = f"SELECT count(*) - count(json) AS broken FROM ({found.objects()})"
    [row] = rows(connection, sql, f"[files] {name}: {file}")
    return found, {key: kind == "JSON" for key, kind in columns.items()}, int(str(row["broken"]))


def select_json(file: JsonFile, keys: dict[str, bool]) -> str:
    """Return the SELECT that reads these keys (key -> is its value nested) from a JSON file, one column per key.

    Keys that differ only in case are one column; of several values in a row the first that is not null counts.
    """
    columns: dict[str, list[str]] = {}
    for key in keys:
        columns.setdefault(key.lower(), []).append(key)
    if not columns:
        return f"{file.objects()} WHERE false"
    if any(len(spellings) > 1 for spellings in columns.values()):
        values = [_value(spellings, keys) for spellings in columns.values()]
        return f"SELECT {', '.join(values)} FROM ({file.objects()}) WHERE json IS NOT NULL"
    types = ", ".join(f"{literal(key)}: '{'JSON' if nested else 'VARCHAR'}'" for key, nested in keys.items())
    skip = ", ignore_errors = true" if file.layout == "newline_delimited" else ""
    source = f"read_json({path_literal(file.path)}, format = '{file.layout}', columns = {{{types}}}{skip})"
    any_value = f"coalesce({', '.join(f'CAST({quoted(key)} AS VARCHAR)' for key in keys)})"
    return f"SELECT * FROM {source} WHERE {any_value} IS NOT NULL"


def _value(spellings: list[str], keys: dict[str, bool]) -> str:
    operator = "->" if any(keys[key] for key in spellings) else "->>"
    parts = [f"json {operator} {literal('/' + key.replace('~', '~0').replace('/', '~1'))}" for key in spellings]
    return f"coalesce({', '.join(parts)}) AS {quoted(spellings[0])}"


def _plain(name: str, file: Path, spill: Path) -> tuple[Path, str]:
    """Return the path to read and the layout of a JSON file; a file with a byte order mark is copied without it."""
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rb") as content:
            first_line = content.readline()
    except (gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"[files] {name}: {file} cannot be unpacked: {error}") from error
    has_mark = first_line.startswith(BYTE_ORDER_MARK)
    path = _without_mark(file, spill, opener) if has_mark else file
    return path, _layout(path, opener if path == file else open)


def _without_mark(file: Path, spill: Path, opener: object) -> Path:
    copy = next(path for number in count() if not (path := spill / f"plain-{number}.json").exists())
    with opener(file, "rb") as content, copy.open("wb") as plain:  # type: ignore[operator]
        content.seek(len(BYTE_ORDER_MARK))
        shutil.copyfileobj(content, plain)
    return copy


def _layout(path: Path, opener: object) -> str:
    """Return how objects are laid out, by the first line that is not blank: lines, one array, or free."""
    with opener(path, "rb") as content:  # type: ignore[operator]
        line = next((line for line in content if line.strip()), b"{}")
    if line.lstrip().startswith(b"["):
        return "array"
    try:
        json.loads(line)
    except (ValueError, UnicodeDecodeError):
        is_cut = line.lstrip().startswith(b"{") and not line.rstrip().endswith(b"}")
        return "unstructured" if is_cut else "newline_delimited"
    return "newline_delimited"
