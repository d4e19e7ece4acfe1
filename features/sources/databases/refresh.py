"""Brings the snapshots of all sources up to date before tables are loaded, and says how old they are where it cannot.

Every job reads the databases anew: a list from old rows is a wrong number. Where a database is out of reach, its last
snapshot stands in, and a warning beside every result names its age.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from undertow.features.engines.duckdb import one_select, open_duckdb, quoted
from undertow.features.errors import SourceError
from undertow.features.settings import Settings
from undertow.features.settings.databases import DatabaseSource, FileOfDatabase, SnapshotOf, shown_address
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.databases.entry import Entry, OpenDatabase, OutOfReach
from undertow.features.sources.databases.postgres import open_postgres
from undertow.features.sources.databases.reading import read_entries, reading_lock
from undertow.features.sources.databases.remote import copy_files, is_address, load_httpfs, refuse_scheme
from undertow.features.sources.databases.snapshots import Manifest, Snapshot, asked, publish_manifest, read_manifest
from undertow.features.sources.databases.sqlite import open_sqlite
from undertow.features.sources.loaded import counted

Databases = Literal["read", "whole", "offline"]  # rows of databases: read what is new, read everything, read nothing
COPIES = "@files"  # of files at an address; no source has such a name
KINDS = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True)
class Refreshed:
    """The settings with every entry of a database as the files of its snapshot, and what is said about these.

    `notes`: what `undertow check` says; `cautions`: what every command says.
    """

    settings: Settings
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def refresh(
    settings: Settings, now: datetime, how: Databases = "read", progress: Callable[[str, float], None] | None = None
) -> Refreshed:
    """Read every database that [files] names, and return the settings with the snapshots in its place.

    Raises SourceError where a database refuses a SELECT, or is out of reach and no snapshot can stand in.
    """
    used = {entry.source: settings.sources[entry.source] for entry in _entries(settings).values()}
    manifests, notes, cautions = {}, [], []
    for name, source in used.items():
        step = _step(progress, name)
        if how == "offline":
            reason = "was not read (--offline)"
        else:
            try:
                manifests[name] = _read(settings, name, source, now, how == "whole", step)
                notes += _notes(settings, manifests[name], KINDS[source.kind])
                continue
            except OutOfReach as error:
                reason = f"is out of reach ({error})"
        manifests[name] = _last(settings, name, source, reason)
        cautions.append(_caution(name, manifests[name], reason, now))
    found, said = _with_copies(settings, now, how)
    return Refreshed(_with_snapshots(found, manifests), tuple(notes), (*cautions, *said))


def _entries(settings: Settings) -> dict[str, FileOfDatabase]:
    entries = {name: entry for name, entry in settings.files.items() if isinstance(entry, FileOfDatabase)}
    return {name: entry for name, entry in entries.items() if not isinstance(entry, SnapshotOf)}


def _asked_of(settings: Settings, source: str) -> list[Entry]:
    """Return what is asked of a source, entry by entry."""
    found = []
    for name, entry in _entries(settings).items():
        if entry.source == source:
            where = f"[files] {name}"
            sql = one_select(settings.read_sql(entry.sql, where), where) if entry.sql else _select(entry)
            found.append(Entry(name, sql, entry.since))
    return found


def _select(entry: FileOfDatabase) -> str:
    """Return the SELECT of an entry that names a table."""
    columns = ", ".join(f"t.{quoted(name)}" for name in entry.columns) or "*"
    return f"SELECT {columns} FROM {'.'.join(quoted(part) for part in entry.table.strip().split('.'))} AS t"


def _read(
    settings: Settings, name: str, source: DatabaseSource, now: datetime, whole: bool, step: Callable[[float], None]
) -> Manifest:
    root = settings.store_path("sources", name)
    with (
        reading_lock(root),
        _open(settings, name, source) as database,
        open_duckdb(settings.engine, settings.store_path("spill")) as connection,
    ):
        return read_entries(root, name, _asked_of(settings, name), database, connection, now, whole, step)


def _open(settings: Settings, name: str, source: DatabaseSource) -> AbstractContextManager[OpenDatabase]:
    if source.kind == "sqlite":
        return open_sqlite(name, source, settings.folder)
    return open_postgres(name, source)


def _last(settings: Settings, name: str, source: DatabaseSource, reason: str) -> Manifest:
    """Return the last snapshots of a source. Raises SourceError where one of its entries has none."""
    manifest = read_manifest(settings.store_path("sources", name))
    for entry in _asked_of(settings, name):
        if manifest is None or entry.name not in manifest.snapshots:
            raise SourceError(f"[sources] {name} {reason}, and {entry.where} has no snapshot yet. {_do(source)}")
        if manifest.snapshots[entry.name].asked != asked(entry):
            raise SourceError(
                f"[sources] {name} {reason}, and {entry.where} was changed since its last snapshot. {_do(source)}"
            )
    assert manifest is not None
    return manifest


def _do(source: DatabaseSource) -> str:
    if source.kind == "sqlite":
        return "Correct path, which is relative to undertow.toml."
    return (
        f"Set the environment variable {source.uri_env} to postgresql://user:password@host/database, check that the "
        "server is up and lets this machine in, then run `undertow check`."
    )


def _with_snapshots(settings: Settings, manifests: dict[str, Manifest]) -> Settings:
    files = dict(settings.files)
    for name, entry in _entries(settings).items():
        root, snapshot = settings.store_path("sources", entry.source), manifests[entry.source].snapshots[name]
        paths = tuple(root / file for file in snapshot.files)
        files[name] = SnapshotOf(**entry.model_dump(), paths=paths)
    return settings.model_copy(update={"files": files})


# --- files at an address -----------------------------------------------------------------------------


def _with_copies(settings: Settings, now: datetime, how: Databases) -> tuple[Settings, list[str]]:
    """Return the settings with copies in the place of files at an address, and cautions about those not read anew."""
    addresses = _addresses(settings)
    if not addresses:
        return settings, []
    for name, address in addresses.items():
        refuse_scheme(name, address)
    root = settings.store_path("sources", COPIES)
    reason = "were not read (--offline)"
    if how != "offline":
        try:
            return _with_paths(settings, root, _copy_all(settings, root, addresses, now)), []
        except OutOfReach as error:
            reason = f"are out of reach ({error})"
    manifest = read_manifest(root)
    for name, address in addresses.items():
        held = manifest.snapshots.get(name) if manifest else None
        if manifest is None or held is None or held.asked != asked(Entry(name, address)):
            raise SourceError(f"[files] {name}: files at an address {reason}, and {name} was not copied before.")
    assert manifest is not None
    return _with_paths(settings, root, manifest), [_caution("files at an address", manifest, reason, now, "their")]


def _addresses(settings: Settings) -> dict[str, str]:
    """Return name -> address of the entries that have one. Raises SourceError for several addresses in one entry."""
    found = {}
    for name, entry in settings.files.items():
        if isinstance(entry, SourceFiles) and any(is_address(path) for path in entry.path):
            if len(entry.path) > 1:
                raise SourceError(f"[files] {name}: expected one address, got {len(entry.path)} paths. Use a glob, or "
                                  "an entry for each.")  # fmt: skip
            found[name] = entry.path[0]
    return found


def _copy_all(settings: Settings, root: Path, addresses: dict[str, str], now: datetime) -> Manifest:
    with reading_lock(root), open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        load_httpfs(connection)
        snapshots = {}
        for name, address in addresses.items():
            key = asked(Entry(name, address))
            files = copy_files(connection, root, key, name, address)
            snapshots[name] = Snapshot(key, key, shown_address(address), files, 0, 0, "")
        manifest = Manifest(COPIES, now, "", "", snapshots)
        publish_manifest(root, manifest, read_manifest(root))
    return manifest


def _with_paths(settings: Settings, root: Path, manifest: Manifest) -> Settings:
    copies = {}
    for name, each in manifest.snapshots.items():
        entry, paths = settings.files.get(name), tuple(root / file for file in each.files)
        if isinstance(entry, SourceFiles):
            copies[name] = SnapshotOf(source=COPIES, table=name, paths=paths, read_as=entry)
    return settings.model_copy(update={"files": settings.files | copies})


# --- what is said ------------------------------------------------------------------------------------


def _caution(name: str, manifest: Manifest, reason: str, now: datetime, whose: str = "its") -> str:
    age = now - manifest.read_at
    return (
        f"{name} {reason}: {whose} rows are those of {manifest.read_at:%Y-%m-%d %H:%M} UTC, {_ago(age)}. What happened "
        "since is missing."
    )


def _ago(age: timedelta) -> str:
    """Return an age in words.

    >>> _ago(timedelta(days=3)), _ago(timedelta(hours=5)), _ago(timedelta(seconds=20))
    ('3 days ago', '5 hours ago', 'less than an hour ago')
    """
    for number, unit in ((age // timedelta(days=1), "day"), (age // timedelta(hours=1), "hour")):
        if number >= 1:
            return f"{number} {unit}{'s' * (number > 1)} ago"
    return "less than an hour ago"


def _notes(settings: Settings, manifest: Manifest, kind: str) -> list[str]:
    read = ", ".join(_rows_of(name, each) for name, each in manifest.snapshots.items())
    notes = [f"{manifest.source}: read in one transaction of {kind} {manifest.version.split()[0]}: {read}."]
    growing = [name for name, each in _entries(settings).items() if each.since and each.source == manifest.source]
    if growing:
        notes.append(
            f"{', '.join(growing)}: read from where the last reading ended (since). Rows that were deleted, or changed "
            "without a newer value in that column, are not seen: `undertow check --refresh` reads all of them again."
        )
    zoneless = [f"{name}.{column}" for name, each in manifest.snapshots.items() for column in each.without_zone]
    if zoneless:
        notes.append(f"{', '.join(zoneless)}: timestamp without time zone, taken as UTC.")
    return notes


def _rows_of(name: str, snapshot: Snapshot) -> str:
    more = f" ({snapshot.added:,} of them new)" if len(snapshot.files) > 1 else ""
    return f"{counted(snapshot.rows, 'row')} of {name}{more}"


def _step(progress: Callable[[str, float], None] | None, name: str) -> Callable[[float], None]:
    def step(share: float) -> None:
        if progress:
            progress(f"reading {name}", share)

    return step
