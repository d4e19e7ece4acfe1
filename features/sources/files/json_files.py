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

from undertow.features.engines.duckdb import Connection, literal, path_literal, quoted, rows, run
from undertow.features.errors import SourceError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SHAPES = "undertow_json_shapes"
KEYS = f"""
    SELECT key FROM (SELECT unnest(keys) AS key, unnest(range(len(keys))) AS place, first FROM {SHAPES})
    GROUP BY key ORDER BY min((first, place))"""


@dataclass(frozen=True)
class JsonFile:
    """A JSON file to read. `layout`: DuckDB's name for how objects are laid out; `path`: the file, without a BOM.

    `is_strict`: a line that is no JSON object is an error of DuckDB, not a row of nulls.
    """

    name: str
    path: Path
    layout: str
    is_strict: bool = False

    @property
    def skipping(self) -> str:
        """Return DuckDB's option to read past lines that are no JSON, where the file has lines."""
        return ", ignore_errors = true" if self.layout == "newline_delimited" and not self.is_strict else ""

    def objects(self) -> str:
        """Return the SELECT of the file's objects, one per row, as the column `json`; null for a line that is none."""
        return f"SELECT * FROM read_json_objects({path_literal(self.path)}, format = '{self.layout}'{self.skipping})"


def look_at(connection: Connection, name: str, file: Path, spill: Path) -> tuple[JsonFile, dict[str, bool], int]:
    """Return a JSON file, its keys with whether their values are nested, and the number of lines that are no JSON.

    `name`: its entry in [files], for messages. `spill`: a folder for a copy without a byte order mark.
    """
    found = JsonFile(name, *_plain(name, file, spill))
    where = f"[files] {name}: {file}"
    run(connection, f"CREATE OR REPLACE TEMP TABLE {SHAPES} AS {_shapes(found)}", where)
    found_kinds = rows(connection, f"SELECT kind, sum(n) AS n FROM {SHAPES} GROUP BY kind ORDER BY n DESC", where)
    kinds = {each["kind"]: int(str(each["n"])) for each in found_kinds}
    others = [kind for kind in kinds if kind not in ("OBJECT", "NULL", None)]
    if others or "OBJECT" not in kinds:
        got = others[0] if others else "none"
        raise SourceError(f"{where} must hold JSON objects with named keys; got {str(got).lower()}.")
    keys = [str(each["key"]) for each in rows(connection, KEYS, where)]
    run(connection, f"DROP TABLE {SHAPES}", where)
    return found, _nested(connection, found, keys), kinds.get(None, 0)


def _shapes(file: JsonFile) -> str:
    """Return the SELECT of the lists of keys that a file's objects have, with how many have them (`n`); null: no JSON.

    `kind`: the type of the value, such as OBJECT; `first`: the row of the first. Unlike DuckDB's
    `json_group_structure`, this needs no memory per object.
    """
    kind = "CASE WHEN len(keys) > 0 THEN 'OBJECT' ELSE json_type(json) END"
    numbered = f"SELECT json, row_number() OVER () AS place FROM ({file.objects()})"
    return (
        f"SELECT json_keys(json) AS keys, {kind} AS kind, count(*) AS n, min(place) AS first FROM ({numbered}) "
        "GROUP BY ALL"
    )


def _nested(connection: Connection, file: JsonFile, keys: list[str]) -> dict[str, bool]:
    """Return key -> whether all of its values are objects or arrays, nulls aside."""
    if not keys:
        return {}
    as_columns = len({key.lower() for key in keys}) == len(keys)
    values = [f"CAST({quoted(key) if as_columns else f'json -> {_pointer(key)}'} AS VARCHAR)" for key in keys]
    source = _columns(file, dict.fromkeys(keys, "JSON")) if as_columns else f"({file.objects()})"
    tests = [f"bool_and({value} ^@ '{{' OR {value} ^@ '[') FILTER ({value} <> 'null')" for value in values]
    sql = ", ".join(f"{test} AS key_{number}" for number, test in enumerate(tests))
    [row] = rows(connection, f"SELECT {sql} FROM {source}", f"[files] {file.name}: {file.path}")
    return {key: bool(is_nested) for key, is_nested in zip(keys, row.values(), strict=True)}


def declared(
    connection: Connection, name: str, file: Path, spill: Path, is_careful: bool, columns: dict[str, str]
) -> tuple[JsonFile, dict[str, bool], int]:
    """Return what `look_at` does for a file whose keys are declared (key -> VARCHAR or JSON), without looking for them.

    Objects that have none of these keys yield no row. `is_careful`: its lines are read to count those that are no JSON
    object; else such a line is an error of DuckDB when the file is read.
    """
    found = JsonFile(name, *_plain(name, file, spill), is_strict=not is_careful)
    keys = {key: kind == "JSON" for key, kind in columns.items()}
    if not is_careful:
        return found, keys, 0
    sql = f"SELECT count_if(json IS NULL OR NOT json ^@ '{{') AS broken FROM ({found.objects()})"
    [row] = rows(connection, sql, f"[files] {name}: {file}")
    return found, keys, int(str(row["broken"]))


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
    source = _columns(file, {key: "JSON" if nested else "VARCHAR" for key, nested in keys.items()})
    any_value = f"coalesce({', '.join(f'CAST({quoted(key)} AS VARCHAR)' for key in keys)})"
    return f"SELECT * FROM {source} WHERE {any_value} IS NOT NULL"


def _columns(file: JsonFile, types: dict[str, str]) -> str:
    """Return the table function that reads these keys (key -> VARCHAR or JSON) as columns."""
    listed = ", ".join(f"{literal(key)}: '{kind}'" for key, kind in types.items())
    of_objects = f"records = true, columns = {{{listed}}}"
    return f"read_json({path_literal(file.path)}, format = '{file.layout}', {of_objects}{file.skipping})"


def _value(spellings: list[str], keys: dict[str, bool]) -> str:
    operator = "->" if any(keys[key] for key in spellings) else "->>"
    parts = [f"json {operator} {_pointer(key)}" for key in spellings]
    return f"coalesce({', '.join(parts)}) AS {quoted(spellings[0])}"


def _pointer(key: str) -> str:
    """Return the JSON pointer to a key as an SQL literal."""
    return literal("/" + key.replace("~", "~0").replace("/", "~1"))


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
