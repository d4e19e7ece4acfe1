"""Reads all entries of one source in one transaction into Parquet files, and publishes them together.

Rows go to the disk batch by batch. Where the rows of an entry are those of the last reading, its file stays as it is,
so that nothing that follows from it is computed again. Where a column grows (`since`), rows from the last mark on are
read and those that are held already left out; the rest becomes one more file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.engines.duckdb import Connection, literal, path_literal, quoted, run
from undertow.features.publishing.unfinished import locked, unfinished_path
from undertow.features.publishing.versions import sync, sync_entries
from undertow.features.sources.databases.entry import Column, Entry, Mark, OpenDatabase
from undertow.features.sources.databases.snapshots import (
    Manifest,
    Snapshot,
    asked,
    publish_manifest,
    read_manifest,
    snapshot_key,
)

MOST_FILES = 100  # of one entry; then it is read whole again
LOCK = ".reading"


def read_entries(
    root: Path, name: str, entries: Sequence[Entry], database: OpenDatabase, connection: Connection, now: datetime,
    whole: bool = False, progress: Callable[[float], None] | None = None,
) -> Manifest:  # fmt: skip
    """Read every entry of the source `name` into its folder `root`, and return the manifest that was published.

    `whole`: read everything, also where a column grows. `connection`: a DuckDB that compares rows.
    """
    before = read_manifest(root)
    with unfinished_path(root, "rows") as hidden:
        hidden.mkdir()
        drafts = []
        for number, entry in enumerate(entries):
            held = before.snapshots.get(entry.name) if before else None
            reading = _Reading(root, hidden / f"{number}.parquet", entry, held, database, connection)
            drafts.append((reading.read(whole), reading.target))
            if progress:
                progress((number + 1) / len(entries))
        _move(root, hidden, drafts)
    described = database.described
    snapshots = {entry.name: snapshot for entry, (snapshot, _) in zip(entries, drafts, strict=True)}
    manifest = Manifest(name, now, described.version, described.state, snapshots)
    publish_manifest(root, manifest, before)
    return manifest


def reading_lock(root: Path) -> AbstractContextManager[None]:
    """Return the lock of a source: two jobs that read it do so one after the other."""
    root.mkdir(parents=True, exist_ok=True)
    return locked(root / LOCK)


def _move(root: Path, hidden: Path, drafts: Sequence[tuple[Snapshot, Path]]) -> None:
    """Move the files that were written to their places, where no manifest names them yet."""
    sync(hidden)
    for snapshot, written in drafts:
        if written.exists():
            final = root / snapshot.files[-1]
            final.parent.mkdir(exist_ok=True)
            written.replace(final)
            sync(final.parent)
    sync_entries(root)


@dataclass(frozen=True)
class _Reading:
    """One reading of one entry into the file `target`, which is removed again where it holds nothing new."""

    root: Path
    target: Path
    entry: Entry
    held: Snapshot | None
    database: OpenDatabase
    connection: Connection

    def read(self, whole: bool) -> Snapshot:
        """Return the snapshot with the rows since the mark of the one that is held, or with all rows."""
        columns = self.database.columns(self.entry)
        key = snapshot_key(self.entry, columns, self.database.described.identity)
        held = self.held if self.held and self.held.key == key else None
        if held and held.mark and not whole and len(held.files) < MOST_FILES:
            return self._read_added(held, held.mark, columns)
        rows = self._write(columns, None)
        mark = self._mark(columns, [self.target])
        if held and len(held.files) == 1 and held.digest == _digest(self.target):
            self.target.unlink()
            return replace(held, added=0, mark=mark)
        file = f"{key}/{_number(held):06}.parquet"
        without_zone = tuple(column.name for column in columns if column.type == "timestamp")
        return Snapshot(
            asked(self.entry), key, self.entry.sql, (file,), rows, rows, _digest(self.target), without_zone, mark
        )

    def _read_added(self, held: Snapshot, mark: Mark, columns: tuple[Column, ...]) -> Snapshot:
        files = [self.root / file for file in held.files]
        self._write(columns, mark)
        added = self._leave_out(files, mark)
        if not added:
            self.target.unlink()
            return replace(held, added=0)
        return replace(
            held,
            files=(*held.files, f"{held.key}/{_number(held):06}.parquet"),
            rows=held.rows + added,
            added=added,
            digest=_digest(self.target),
            mark=self._mark(columns, [*files, self.target]),
        )

    def _write(self, columns: tuple[Column, ...], mark: Mark | None) -> int:
        """Write the rows to `target`, batch by batch, and return their number."""
        written = 0
        with self.database.rows(self.entry, columns, mark) as batches, pq.ParquetWriter(
            self.target, batches.schema, compression="zstd"
        ) as writer:  # fmt: skip
            for batch in batches:
                writer.write_batch(batch)
                written += batch.num_rows
        return written

    def _leave_out(self, files: Sequence[Path], mark: Mark) -> int:
        """Leave rows out of `target` that the files hold already, as often as they do; return how many are left."""
        listed = ", ".join(path_literal(file) for file in files)
        held = f"SELECT * FROM read_parquet([{listed}]) WHERE {mark.held}"
        rest = self.target.with_suffix(".rest")
        added = f"SELECT * FROM read_parquet({path_literal(self.target)}) EXCEPT ALL {held}"
        copy = f"COPY ({added} ORDER BY {quoted(self.entry.since)}) TO {literal(str(rest))} (FORMAT parquet)"
        run(self.connection, copy, self.entry.where)
        rest.replace(self.target)
        return int(pq.read_metadata(self.target).num_rows)

    def _mark(self, columns: tuple[Column, ...], files: list[Path]) -> Mark | None:
        return self.database.mark(self.entry, columns, self.connection, files) if self.entry.since else None


def _number(held: Snapshot | None) -> int:
    """Return the number of the next file, above those of the snapshot before: a later file holds newer rows."""
    return 1 + max([int(Path(file).stem) for file in held.files], default=0) if held else 1


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
