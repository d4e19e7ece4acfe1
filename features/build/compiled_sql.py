"""Keeps compiled SQL in the store, under a hash of all that it depends on, so that definitions are compiled once.

Compiling the whole catalogue takes about two seconds, and sqlglot, which it needs, a third of a second to import.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undertow.features.catalogue.cards import Column, definition_id
from undertow.features.compiler.compiled import CompiledFeatures, QueryStep
from undertow.features.compiler.timeline import Timeline
from undertow.features.publishing.versions import replace_text
from undertow.features.tables import ALL_TABLES

FLOOR = Path(__file__).parents[1]
SOURCES = (  # the files that decide the SQL
    "compiler/*.py",
    "catalogue/cards.py",
    "catalogue/language.py",
    "engines/account_key.py",
    "engines/duckdb.py",
    "tables.py",
)
KEPT = 50  # files


def compiled_features(
    folder: Path, columns: Sequence[Column], as_of_count: int | None, dialect: str
) -> CompiledFeatures:
    """Return what `compile_features` does, read from `folder`; if it is not there yet, compiled and kept there.

    A file that is damaged or cannot be read is replaced. A folder that cannot be written to is no error.
    """
    name = sql_id(columns, as_of_count, dialect, compiler_id())
    path = folder / f"{name}.json"
    try:
        return _from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        compiled = _compiled(name, tuple(columns), as_of_count, dialect)
    with suppress(OSError):
        replace_text(path, _as_json(compiled))
        _remove_oldest(folder)
    return compiled


def sql_id(columns: Sequence[Column], as_of_count: int | None, dialect: str, compiler: str) -> str:
    """Return a hash, 24 hex digits, of the definitions, the data contracts and all else that decides the SQL.

    `as_of_count`: the number of as_ofs, or None for the range join; which days they are is not in the SQL that is kept.
    `compiler`: a hash of the compiler.
    """
    definitions = [(c.name, c.window, c.against, c.before, c.feature.unit, definition_id(c.feature)) for c in columns]
    return _hash(repr((definitions, ALL_TABLES, as_of_count, dialect, compiler)).encode())[:24]


@cache
def compiler_id(floor: Path = FLOOR) -> str:
    """Return a hash of the compiler: of its source files and those that it reads, and of sqlglot's version."""
    files = [file for pattern in SOURCES for file in sorted(floor.glob(pattern))]
    texts = {file.relative_to(floor).as_posix(): _hash(file.read_bytes()) for file in files}
    return _hash(repr((texts, version("sqlglot"))).encode())


@lru_cache(maxsize=8)  # an audit builds features in stores of its own, which begin empty
def _compiled(name: str, columns: tuple[Column, ...], as_of_count: int | None, dialect: str) -> CompiledFeatures:
    """Return the compiled features; `name`, their `sql_id`, is there for the cache alone."""
    from undertow.features.compiler.plan import compile_features  # imports sqlglot, which is slow and seldom needed

    return compile_features(columns, as_of_count, dialect)


def _as_json(compiled: CompiledFeatures) -> str:
    fields = asdict(compiled)
    return json.dumps({"sha256": _checksum(fields), **fields})


def _from_json(text: str) -> CompiledFeatures:
    fields = json.loads(text)
    if fields.pop("sha256") != _checksum(fields):
        raise ValueError("The file is damaged: its checksum is another.")
    steps = tuple(QueryStep(**step) for step in fields.pop("steps"))
    lines = tuple(Timeline(**line | {"offsets": tuple(line["offsets"])}) for line in fields.pop("timelines"))
    return CompiledFeatures(**fields, steps=steps, timelines=lines)


def _checksum(fields: dict[str, Any]) -> str:
    return _hash(json.dumps(fields, sort_keys=True).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove_oldest(folder: Path) -> None:
    """Remove all but the newest files, those of writers that were killed included."""
    newest_first = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in newest_first[KEPT:]:
        file.unlink(missing_ok=True)
