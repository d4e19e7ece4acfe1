"""The files behind an entry of [files], and the SELECT that reads them.

A CSV's header is read here and told to DuckDB: its sniffer takes lines that differ from the
header for another dialect, and then loses the rest without a word.
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
    """Return the files behind an entry of [files]. Raises SourceError if missing or empty."""
    pattern = settings.files[name]
    found = sorted(settings.folder / path for path in glob(pattern, root_dir=settings.folder, recursive=True))
    if not found:
        raise SourceError(f"[files] {name}: no file at {settings.folder / pattern}. Mend the path in undertow.toml.")
    for path in found:
        if path.stat().st_size == 0:
            raise SourceError(f"[files] {name}: {path} is empty (0 bytes). Export it again, or remove it.")
    return found


def select_from_files(name: str, files: list[Path]) -> str:
    """Return the SELECT that reads all of them, by column name.

    Raises SourceError for an ending that tells no format, or a CSV without a usable header.
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
    raise SourceError(f"[files] {name}: cannot tell the format of {files[0]}; endings known: {known}")


def _select_csv(name: str, file: Path) -> str:
    line = _first_line(name, file)
    delimiter = max(DELIMITERS, key=line.count)
    header = [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    if not all(header) or len({column.lower() for column in header}) < len(header):
        raise SourceError(
            f"[files] {name}: {file} must begin with a line of column names, each given once; it begins with "
            f"'{line.strip()[:120]}'."
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
    """Return a path as a literal; DuckDB would read brackets and stars in it as a pattern."""
    return literal(escape(str(file)))
