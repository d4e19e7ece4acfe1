"""The snapshots of a source in the store: per entry the Parquet files of its rows, and one manifest that names all.

    store/sources/<source>/manifest.json          what was read, when, and in which state of the database
    store/sources/<source>/<hash>/000001.parquet  the rows of an entry; <hash> is that of its SELECT and columns

The manifest is replaced as a whole, so that readers see all entries of a source as one transaction showed them. Files
that neither it nor the manifest before it names are removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from undertow.features.publishing.versions import replace_text
from undertow.features.sources.databases.entry import Entry, Mark

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Snapshot:
    """The rows of one entry. `files`: relative to the folder of the source, in the order in which they were read.

    `asked`: hash of the entry as it stands in the settings; `key`: hash of the SELECT, its columns and the database.
    `rows`: of all files; `added`: by the last reading. `digest`: of the last file. `without_zone`: the columns of times
    that name no time zone. `mark`: where the next reading begins, where it need not read everything.
    """

    asked: str
    key: str
    sql: str
    files: tuple[str, ...]
    rows: int
    added: int
    digest: str
    without_zone: tuple[str, ...] = ()
    mark: Mark | None = None


@dataclass(frozen=True)
class Manifest:
    """What was read from a source in one transaction: when (UTC), from which version and state of the database."""

    source: str
    read_at: datetime
    version: str
    state: str
    snapshots: Mapping[str, Snapshot]


def asked(entry: Entry) -> str:
    """Return a hash, 16 hex digits, of an entry as it stands in the settings."""
    return _hash(entry.name, entry.sql, entry.since)


def snapshot_key(entry: Entry, columns: object, identity: str) -> str:
    """Return a hash, 16 hex digits, of an entry, the columns of its result, and the database that it was read from."""
    return _hash(entry.name, entry.sql, entry.since, columns, identity)


def read_manifest(root: Path) -> Manifest | None:
    """Return the manifest in the folder of a source; None where there is none, or one of its files is gone."""
    try:
        written = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        if written.pop("format") != FORMAT:
            return None
        snapshots = {name: _snapshot(each) for name, each in written.pop("snapshots").items()}
        manifest = Manifest(**written | {"read_at": datetime.fromisoformat(written["read_at"])}, snapshots=snapshots)
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return manifest if all((root / file).is_file() for file in _files(manifest)) else None


def publish_manifest(root: Path, manifest: Manifest, before: Manifest | None) -> None:
    """Replace the manifest of a source, and remove files that neither it nor the one `before` names."""
    snapshots = {name: asdict(each) for name, each in manifest.snapshots.items()}
    written = asdict(replace(manifest, snapshots={})) | {
        "format": FORMAT, "read_at": manifest.read_at.isoformat(), "snapshots": snapshots
    }  # fmt: skip
    replace_text(root / MANIFEST, json.dumps(written, indent=1) + "\n")
    _remove_others(root, {*_files(manifest), *(_files(before) if before else ())})


def _snapshot(written: dict[str, Any]) -> Snapshot:
    mark = written["mark"] and Mark(**written["mark"])
    lists = {name: tuple(written[name]) for name in ("files", "without_zone")}
    return Snapshot(**written | lists | {"mark": mark})


def _files(manifest: Manifest) -> list[str]:
    return [file for each in manifest.snapshots.values() for file in each.files]


def _remove_others(root: Path, kept: set[str]) -> None:
    for folder in (path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for file in folder.iterdir():
            if f"{folder.name}/{file.name}" not in kept:
                file.unlink()
        if not any(folder.iterdir()):
            shutil.rmtree(folder)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
