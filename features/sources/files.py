"""Finds the source files of an entry of [files], and writes the SELECT that reads them (CSV, Parquet, JSON lines).

The header of a CSV is read here and passed to DuckDB. DuckDB's own detection takes lines that differ
from the header for another CSV dialect, and then drops the rest without an error.
"""

from __future__ import annotations

import csv
import gzip
from glob import escape, glob
from pathlib import Path

from undertow.features.engines.duckdb import literal
from undertow.features.errors import SourceError
from undertow.features.settings import Settings

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
PARQUET = (".parquet",)
JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
DELIMITERS = ",;\t|"


def source_files(settings: Settings, name: str) -> list[Path]:
    """Return the files that match an entry of [files], sorted. Raises SourceError if none exists or one is empty."""
    pattern = settings.files[name]
    files = sorted(settings.folder / path for path in glob(pattern, root_dir=settings.folder, recursive=True))
    if not files:
        raise SourceError(f"[files] {name}: no file at {settings.folder / pattern}. Correct the path in undertow.toml.")
    for path in files:
        if path.stat().st_size == 0:
            raise SourceError(f"[files] {name}: {path} is empty (0 bytes). Export it again, or remove it.")
    return files


def select_from_files(name: str, files: list[Path]) -> str:
    """Return the SELECT that reads all files of one source; columns are matched by name.

    Raises SourceError for an unknown file ending, or a CSV without a usable header.
    """
    ending = str(files[0]).lower()
    if ending.endswith(CSV):
        return " UNION ALL BY NAME ".join(_select_csv(name, file) for file in files)
    listed = "[" + ", ".join(_path(file) for file in files) + "]"
    if ending.endswith(PARQUET):
        return f"SELECT * FROM read_parquet({listed}, union_by_name = true)"
    if ending.endswith(JSON_LINES):
        return f"SELECT * FROM read_json({listed}, format = 'newline_delimited', sample_size = -1)"
    known = ", ".join((*CSV, *PARQUET, *JSON_LINES))
    raise SourceError(f"[files] {name}: unknown file format: {files[0]}. Known endings: {known}.")


def _select_csv(name: str, file: Path) -> str:
    line = _first_line(name, file)
    delimiter = max(DELIMITERS, key=line.count)
    header = [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    if not all(header) or len({column.lower() for column in header}) < len(header):
        raise SourceError(
            f"[files] {name}: {file} must begin with a line of column names, each given once; "
            f"got '{line.strip()[:120]}'."
        )
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in header)
    return (
        f"SELECT * FROM read_csv({_path(file)}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _first_line(name: str, file: Path) -> str:
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8-sig") as text:
            return str(text.readline())
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"[files] {name}: {file} cannot be read as UTF-8 text: {error}") from error


def _path(file: Path) -> str:
    """Return a path as an SQL literal, escaped: DuckDB would read brackets and stars in it as a glob pattern."""
    return literal(escape(str(file)))
