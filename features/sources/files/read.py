"""Finds the source files of an entry of [files], and writes the SELECTs that read them (CSV, Parquet, JSON).

The header of a CSV is read here and passed to DuckDB. DuckDB's own detection takes lines that differ
from the header for another CSV dialect, and then drops the rest without an error. A line with fewer fields than
the header has ends in nulls; a line with more is left out, and counted in DuckDB's table `reject_errors`.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Any

from undertow.features.engines.duckdb import Connection, literal, path_literal, quoted, rows
from undertow.features.errors import SourceError
from undertow.features.settings import Settings
from undertow.features.settings.databases import FileOfDatabase, SnapshotOf, stated_columns
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.files.json_files import declared, look_at, select_json

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
PARQUET = (".parquet",)
JSON = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
DELIMITERS = ",;\t|"
FILE_NUMBER = "undertow_file"
MOST_NUMBERED = 200  # Parquet files; of more, the order is not looked at


def source_files(settings: Settings, name: str) -> list[Path]:
    """Return the files that match an entry of [files], of each path in the order of their names.

    Raises SourceError if there is none at a path, or one is empty.
    """
    entry = settings.files[name]
    if isinstance(entry, FileOfDatabase):
        return list(snapshot_files(entry, name))
    files = []
    for pattern in entry.path:
        found = sorted(settings.folder / path for path in glob(pattern, root_dir=settings.folder, recursive=True))
        if not found:
            where = settings.folder / pattern
            raise SourceError(f"[files] {name}: no file at {where}. Correct the path in undertow.toml.")
        files += found
    for path in files:
        if path.stat().st_size == 0:
            raise SourceError(f"[files] {name}: {path} is empty (0 bytes). Export it again, or remove it.")
    return files


def stated_of(settings: Settings) -> list[tuple[str, str]]:
    """Return (entry of [files], its columns and optional ones as text) of those that state some."""
    stated = [(name, stated_columns(entry)) for name, entry in settings.files.items()]
    return [(name, repr((each.columns, each.optional))) for name, each in stated if each and each.states_columns]


def snapshot_files(entry: FileOfDatabase, name: str) -> tuple[Path, ...]:
    """Return the files of an entry of a database, which must have been read before."""
    if not isinstance(entry, SnapshotOf):
        raise SourceError(f"[files] {name}: its rows are in a database and were not read. Run `undertow check`.")
    return entry.paths


@dataclass(frozen=True)
class Source:
    """One entry of [files]: its files, a SELECT of each, whose columns are matched by name, and unreadable lines.

    `broken`: (file, number of lines, reason) of lines that are known to be unreadable before they are read.
    `optional`: columns that are null where no file has them.
    """

    name: str
    files: tuple[Path, ...]
    selects: tuple[str, ...]
    broken: tuple[tuple[str, int, str], ...] = ()
    optional: tuple[str, ...] = ()

    def select(self, is_numbered: bool = False) -> str:
        """Return the SELECT of all files; `is_numbered`: with the column FILE_NUMBER, from 0, in order of names."""
        if is_numbered:
            selects = [f"SELECT *, {number} AS {FILE_NUMBER} FROM ({each})" for number, each in enumerate(self.selects)]
        else:
            selects = list(self.selects)
        if self.optional:
            nulls = ", ".join(f"CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in self.optional)
            selects.append(f"SELECT {nulls} WHERE false")
        return " UNION ALL BY NAME ".join(selects)


def read_source(
    connection: Connection, name: str, files: list[Path], spill: Path, is_careful: bool,
    entry: SourceFiles | None = None,
) -> Source:  # fmt: skip
    """Return how to read the files of one entry of [files]; all columns of CSV and JSON files are read as text.

    `spill`: a folder for copies that are needed while reading. `is_careful`: read a CSV with one thread, which DuckDB
    needs where a quoted value holds a line break, and count the lines of a JSON file with declared columns that are no
    JSON objects; else such a line is an error of DuckDB. `entry`: what undertow.toml says of its columns. Raises
    SourceError for an unknown file ending, a CSV without a usable header, or JSON that is not made of objects.
    """
    columns = entry.columns if entry else {}
    source = _of_format(connection, name, files, spill, is_careful, columns)
    if columns and not str(files[0]).lower().endswith(JSON):
        raise SourceError(
            f"[files] {name}: columns are for JSON files, and {files[0]} is none. Leave them out, and name columns "
            "that may be absent under optional."
        )
    return replace(source, optional=entry.optional) if entry else source


def _of_format(
    connection: Connection, name: str, files: list[Path], spill: Path, is_careful: bool, columns: dict[str, str]
) -> Source:
    ending = str(files[0]).lower()
    if ending.endswith(CSV):
        return Source(name, tuple(files), tuple(_select_csv(name, file, is_careful) for file in files))
    if ending.endswith(PARQUET):
        if len(files) <= MOST_NUMBERED:
            return Source(
                name, tuple(files), tuple(f"SELECT * FROM read_parquet({path_literal(file)})" for file in files)
            )
        listed = ", ".join(path_literal(file) for file in files)
        return Source(name, (files[0],), (f"SELECT * FROM read_parquet([{listed}], union_by_name = true)",))
    if ending.endswith(JSON):
        return _json_source(connection, name, files, spill, is_careful, columns)
    known = ", ".join((*CSV, *PARQUET, *JSON))
    raise SourceError(f"[files] {name}: unknown file format: {files[0]}. Known endings: {known}.")


def _json_source(
    connection: Connection, name: str, files: list[Path], spill: Path, is_careful: bool, columns: dict[str, str]
) -> Source:
    if columns:
        looked = [declared(connection, name, file, spill, is_careful, columns) for file in files]
    else:
        looked = [look_at(connection, name, file, spill) for file in files]
    keys: dict[str, bool] = {}
    for _, of_file, _ in looked:
        for key, is_nested in of_file.items():
            keys[key] = keys.get(key, False) or is_nested
    broken = tuple(
        (str(file), lines, "no valid JSON") for file, (_, _, lines) in zip(files, looked, strict=True) if lines
    )
    return Source(name, tuple(files), tuple(select_json(file, keys) for file, _, _ in looked), broken)


def with_file_number(connection: Connection, select: str) -> str | None:
    """Return a SELECT that also yields FILE_NUMBER of its source; None where it is not a plain selection of rows.

    Whether the column exists, and whether the rows stay the same, shows when it is run.
    """
    [row] = rows(connection, f"SELECT json_serialize_sql({literal(select)}) AS parsed", "[tables]")
    parsed = json.loads(str(row["parsed"]))
    node = parsed["statements"][0]["node"] if not parsed.get("error") else {}
    if node.get("type") != "SELECT_NODE" or node["group_expressions"] or node["modifiers"]:
        return None
    if not any(each["class"] == "STAR" for each in node["select_list"]):
        reference = {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": 0,
                     "column_names": [FILE_NUMBER]}  # fmt: skip
        node["select_list"].append(reference)
    [row] = rows(connection, f"SELECT json_deserialize_sql({literal(json.dumps(parsed))}) AS sql", "[tables]")
    return str(row["sql"])


def is_plain_selection(connection: Connection, select: str) -> bool:
    """Return whether each row that a SELECT yields follows from one row of one source alone, whenever it is run."""
    [row] = rows(connection, f"SELECT json_serialize_sql({literal(select)}) AS parsed", "[tables]")
    parsed = json.loads(str(row["parsed"]))
    node = parsed["statements"][0]["node"] if not parsed.get("error") else {}
    if node.get("type") != "SELECT_NODE" or node["from_table"]["type"] != "BASE_TABLE":
        return False
    if any(node[part] for part in ("group_expressions", "modifiers", "having", "qualify", "sample")):
        return False
    if node["cte_map"]["map"]:
        return False
    others = "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE function_type = 'aggregate' " \
             "OR (function_type = 'scalar' AND stability <> 'CONSISTENT') OR function_type = 'macro'"  # fmt: skip
    unsteady = {str(found["name"]) for found in rows(connection, others, "[tables]")}
    return all(
        each["class"] not in ("WINDOW", "SUBQUERY") and each.get("function_name", "").lower() not in unsteady
        for each in _expressions(node)
    )


def _expressions(node: object) -> Iterator[dict[str, Any]]:
    """Yield every expression of a parsed query."""
    if isinstance(node, dict):
        if "class" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _expressions(each)


def _select_csv(name: str, file: Path, is_careful: bool) -> str:
    line = _first_line(name, file)
    outside_quotes = re.sub(r'"[^"]*"', "", line)
    delimiter = max(DELIMITERS, key=outside_quotes.count)
    header = [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    if not all(header) or len({column.lower() for column in header}) < len(header):
        raise SourceError(
            f"[files] {name}: {file} must begin with a line of column names, each given once; "
            f"got '{line.strip()[:120]}'."
        )
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in header)
    return (
        f"SELECT * FROM read_csv({path_literal(file)}, auto_detect = false, header = true, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', columns = {{{columns}}}, null_padding = true, "
        f"store_rejects = true, parallel = {str(not is_careful).lower()})"
    )


def _first_line(name: str, file: Path) -> str:
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8-sig") as text:
            return str(text.readline())
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"[files] {name}: {file} cannot be read as UTF-8 text: {error}") from error
