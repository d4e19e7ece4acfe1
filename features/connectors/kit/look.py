"""Looks at exported files: their columns and first rows, without reading them whole."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from undertow.features.errors import SourceError
from undertow.features.sources.files.read import CSV, DELIMITERS, JSON, PARQUET

SAMPLE = 20  # rows
LONGEST_LINE = 1_000_000  # characters
PRETTY = 2_000_000  # characters of a file that holds one array or object over several lines
NOT_UTF_8 = "is not text in UTF-8. Export it as CSV in UTF-8 (of Qualtrics and Excel: CSV, not TSV or Unicode text)."


@dataclass(frozen=True)
class LookedAt:
    """One exported file. `columns`: names in its order; `rows`: its first rows, column -> value.

    `problem`: why it cannot be read, and what to do; "" where it can.
    """

    path: Path
    columns: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    problem: str = ""


def look(folders: Sequence[Path]) -> list[LookedAt]:
    """Return every data file in the folders, each once, searched to any depth. Raises SourceError for no folder."""
    found: dict[Path, LookedAt] = {}
    for folder in folders:
        if not folder.is_dir():
            raise SourceError(f"--data {folder} is not a folder. Give the folder that holds the exported files.")
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
        for path in files:
            if path.name.lower().endswith((*CSV, *PARQUET, *JSON)) and path.resolve() not in found:
                found[path.resolve()] = _look_at(path)
    if not found:
        listed = ", ".join(str(folder) for folder in folders)
        raise SourceError(f"--data {listed} holds no file of a known format ({', '.join((*CSV, *PARQUET, *JSON))}).")
    return list(found.values())


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _look_at(path: Path) -> LookedAt:
    try:
        if path.stat().st_size == 0:
            return LookedAt(path, problem="is empty (0 bytes). Export it again, or remove it.")
        if path.name.lower().endswith(PARQUET):
            return LookedAt(path, tuple(pq.read_schema(path).names), _parquet_rows(path))
        with _opened(path) as file:
            return _csv(path, file) if path.name.lower().endswith(CSV) else _json(path, file)
    except UnicodeDecodeError:
        return LookedAt(path, problem=NOT_UTF_8)
    except (OSError, EOFError, ValueError) as error:
        return LookedAt(path, problem=f"cannot be read: {str(error).splitlines()[0][:120]}")


def _opened(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parquet_rows(path: Path) -> tuple[dict[str, Any], ...]:
    batch = next(pq.ParquetFile(path).iter_batches(SAMPLE), None)
    return tuple(batch.to_pylist()) if batch is not None else ()


def _csv(path: Path, file: IO[str]) -> LookedAt:
    first = file.readline(LONGEST_LINE)
    delimiter = max(DELIMITERS, key=first.count)
    columns = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter), []))
    rows = csv.reader(_lines(file), delimiter=delimiter)
    return LookedAt(path, columns, tuple(dict(zip(columns, row, strict=False)) for row in islice(rows, SAMPLE)))


def _lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        yield line


def _json(path: Path, file: IO[str]) -> LookedAt:
    first = file.readline(LONGEST_LINE)
    try:
        row = json.loads(first)
        rows = row if isinstance(row, list) else [row, *(json.loads(line) for line in islice(_lines(file), SAMPLE - 1))]
    except json.JSONDecodeError:
        whole = json.loads(first + file.read(PRETTY))
        rows = whole if isinstance(whole, list) else [whole]
    objects = tuple(row for row in rows[:SAMPLE] if isinstance(row, dict))
    columns = dict.fromkeys(name for row in objects for name in row)
    return LookedAt(path, tuple(columns), objects)
