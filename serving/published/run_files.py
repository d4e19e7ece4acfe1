"""The files of one published run: written with their checksums, and verified before a reader trusts them.

    scores.parquet           one row per account, in the order of the list
    features.parquet         the features that each account was scored from
    drivers.json             what the scores react to
    described.json           what each feature is, for callers of the API
    model.json               the version of the model: dates, results, verdict, model card
    journeys.json            the touchpoints, with churn and value of those who met trouble there
    personas.json            groups of accounts by behaviour, with their churn and value
    drivers_by_month.json    what the scores react to, month by month and by group, beside business metrics
    bundle/                  the model
    manifest.json            what the run is, and the SHA-256 of every other file
    manifest.json.sha256     the SHA-256 of the manifest, as `sha256sum -c` reads it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.errors import Unreadable

if TYPE_CHECKING:
    from undertow.training.bundle.bundle import Bundle

FORMAT = 1  # of the files and their columns; a run of another format is not read
SCORES, FEATURES, BUNDLE = "scores.parquet", "features.parquet", "bundle"
DRIVERS, DESCRIBED, MODEL = "drivers.json", "described.json", "model.json"
JOURNEYS, PERSONAS, DRIVERS_BY_MONTH = "journeys.json", "personas.json", "drivers_by_month.json"
ADDED = (JOURNEYS, PERSONAS, DRIVERS_BY_MONTH)  # lists of earlier releases lack them
MANIFEST, SEAL = "manifest.json", "manifest.json.sha256"
AGAIN = "Run `undertow score` again."


def write_run(
    folder: Path,
    table: pa.Table,
    features: pa.Table,
    said: Mapping[str, Mapping[str, object]],
    manifest: Mapping[str, object],
    bundle: Bundle,
) -> None:
    """Write a run into a folder, the checksums last.

    `said`: what DRIVERS, DESCRIBED and MODEL hold, by name, and of ADDED those that are known.
    """
    pq.write_table(table, folder / SCORES, write_page_checksum=True)
    pq.write_table(features, folder / FEATURES, write_page_checksum=True)
    for name in (DRIVERS, DESCRIBED, MODEL, *(name for name in ADDED if name in said)):
        _write_json(folder / name, said[name])
    bundle.save(folder / BUNDLE)
    _write_json(folder / MANIFEST, {**manifest, "format": FORMAT, "files": checksums(folder)})
    (folder / SEAL).write_bytes(_seal(folder))


def verified_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run, after all its files were compared with their checksums.

    Raises Unreadable where a file is missing, has other bytes than were written, or is of another release's format.
    """
    written = read_json(folder, MANIFEST)
    if written.get("format") != FORMAT:
        raise Unreadable(f"It is of format {written.get('format', 0)}, this release reads {FORMAT}. {AGAIN}")
    if not (folder / SEAL).exists() or (folder / SEAL).read_bytes() != _seal(folder):
        raise Unreadable(f"{MANIFEST} is not as it was written. {AGAIN}")
    files, found = written["files"], checksums(folder)
    damaged = sorted(name for name in files if files[name] != found.get(name))
    if damaged:
        missing = [name for name in damaged if name not in found]
        what = f"{missing[0]} is missing" if missing else f"{damaged[0]} is not as it was written"
        raise Unreadable(f"{what} ({len(damaged)} of {len(files)} files). {AGAIN}")
    return written


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run but the manifest, by its path below the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SEAL))
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return an object that was written as JSON. Raises Unreadable where the file does not hold one."""
    try:
        read = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Unreadable(f"{name} is missing. {AGAIN}") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise Unreadable(f"{name} is not as it was written. {AGAIN}") from error
    if not isinstance(read, dict):
        raise Unreadable(f"{name} does not hold an object. {AGAIN}")
    return read


def read_table(folder: Path, name: str) -> pa.Table:
    """Return a Parquet file of a run as one table in memory."""
    file = pq.ParquetFile(folder / name, page_checksum_verification=True)  # pq.read_table would import pandas
    return file.read().combine_chunks()


def _seal(folder: Path) -> bytes:
    """Return the checksum of the manifest, as `sha256sum` writes it."""
    return f"{_digest(folder / MANIFEST)}  {MANIFEST}\n".encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, sha256).hexdigest()


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text, encoding="utf-8")
