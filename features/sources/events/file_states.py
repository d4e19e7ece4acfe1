"""Whether source files are unchanged since they were last read, or were only added to.

A file is recognised by its size and by a hash of its first and last bytes and of samples between them. A change in
place that keeps the size and lies between the samples is not seen where the time of modification is unchanged too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

BLOCK, BLOCKS = 65_536, 32  # bytes of a sample, and samples of a file: its beginning, its end and 30 between
BY_LINE = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")  # what is added to such a file can be read alone
WITH_HEADER = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class FileState:
    """A source file when it was read: path relative to the project, bytes, time of modification (ns), and its hash."""

    path: str
    size: int
    modified: int
    digest: str


@dataclass(frozen=True)
class Rest:
    """What was added since: new files, and (file, bytes known before) of files that grew."""

    new: tuple[Path, ...]
    grown: tuple[tuple[Path, int], ...]

    def files(self, copies: Path) -> list[Path]:
        """Return files that hold what was added; the ends of files that grew are copied into the folder `copies`."""
        ends = [copies / f"{number}-{file.name}" for number, (file, _) in enumerate(self.grown)]
        for (file, known), end in zip(self.grown, ends, strict=True):
            _copy_end(file, known, end)
        return [*self.new, *ends]


def states_of(files: Sequence[Path], folder: Path) -> list[FileState]:
    """Return the state of each file; `folder`: of the project."""
    return [_state(file, folder) for file in files]


def added_since(before: Sequence[FileState], files: Sequence[Path], folder: Path) -> Rest | None:
    """Return what was added to the files since; None where one was changed in another way, or removed."""
    known = {state.path: state for state in before}
    now = {os.path.relpath(file, folder): file for file in files}
    if not known.keys() <= now.keys():
        return None
    grown = []
    for path, state in known.items():
        size = now[path].stat().st_size
        if not _is_same_up_to(state, now[path]) or (size > state.size and not _ends_a_line(state, now[path])):
            return None
        if size > state.size:
            grown.append((now[path], state.size))
    return Rest(tuple(file for path, file in now.items() if path not in known), tuple(grown))


def read_states(written: Sequence[Sequence[object]]) -> list[FileState]:
    """Read states back from JSON lists, as `as_json` returned them."""
    return [FileState(str(path), int(str(size)), int(str(modified)), str(digest))
            for path, size, modified, digest in written]  # fmt: skip


def as_json(states: Sequence[FileState]) -> list[tuple[object, ...]]:
    """Return the states as lists for JSON."""
    return [astuple(state) for state in states]


def _state(file: Path, folder: Path) -> FileState:
    status = file.stat()
    return FileState(os.path.relpath(file, folder), status.st_size, status.st_mtime_ns, _digest(file, status.st_size))


def _is_same_up_to(state: FileState, file: Path) -> bool:
    """Return whether the file begins with the bytes that it had then, as far as its samples tell."""
    status = file.stat()
    if (status.st_size, status.st_mtime_ns) == (state.size, state.modified):
        return True
    return status.st_size >= state.size and _digest(file, state.size) == state.digest


def _ends_a_line(state: FileState, file: Path) -> bool:
    """Return whether the bytes known before end with a whole line, so that the rest can be read alone."""
    if not file.name.lower().endswith(BY_LINE):
        return False
    with file.open("rb") as content:
        content.seek(state.size - 1)
        return content.read(1) == b"\n"


def _digest(file: Path, size: int) -> str:
    """Return a hash of samples of the first `size` bytes."""
    found = hashlib.sha256()
    last = max(0, size - BLOCK)
    with file.open("rb") as content:
        for number in range(BLOCKS):
            start = last * number // (BLOCKS - 1)
            content.seek(start)
            found.update(content.read(min(BLOCK, size - start)))
    return found.hexdigest()[:32]


def _copy_end(file: Path, known: int, copy: Path) -> None:
    """Copy the bytes of a file after the first `known` ones to `copy`, below its header line if it has one."""
    with file.open("rb") as content, copy.open("wb") as end:
        if file.name.lower().endswith(WITH_HEADER):
            end.write(content.readline())
        content.seek(known)
        shutil.copyfileobj(content, end)
