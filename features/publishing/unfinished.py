"""Hidden folders and files that a writer fills before anyone sees them, and the removal of those whose writer is gone.

A writer holds a lock on a file beside its folder for as long as it writes. The operating system drops the lock when
the process ends, however it ends, and processes of several containers on one volume see each other's locks; process
numbers, which repeat between containers, are not asked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

WRITING = ".writing-"
LOCK = ".lock"
ABANDONED = 86_400  # seconds after which a folder of another host is removed too, if its lock is free


@contextlib.contextmanager
def unfinished_path(root: Path, name: str) -> Iterator[Path]:
    """Give the path of a hidden folder or file below `root`, not made yet, which is the caller's alone until the end.

    What is left of it then is removed. First the folders of writers that are gone are removed.
    """
    root.mkdir(parents=True, exist_ok=True)
    remove_unfinished(root)
    folder = root / f"{WRITING}{name}-{secrets.token_hex(4)}-{_host()}"
    with locked(_lock_of(folder)):
        try:
            yield folder
        finally:
            _remove(folder)  # on a full disk nothing else could be written


def remove_unfinished(root: Path) -> None:
    """Remove the unfinished folders of writers that are gone; those of running writers stay.

    A free lock shows that the writer is gone. Not every shared volume passes locks on to other hosts: a folder of
    another host is removed only when it has not changed for a day.
    """
    folders = {path.with_name(path.name.removesuffix(LOCK)) for path in root.glob(f"{WRITING}*")}
    for folder in folders:
        if folder.name.endswith(f"-{_host()}") or _age(folder) > ABANDONED:
            _remove_if_free(folder)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Make a file and hold an exclusive lock on it, against other processes too; the file goes with the lock."""
    while True:
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_same(path, file.fileno()):  # removed between its making and the lock
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _remove_if_free(folder: Path) -> None:
    lock = _lock_of(folder)
    if not lock.exists():  # its writer has just ended, or the folder was left by a release without locks
        return _remove(folder)
    with contextlib.suppress(OSError), lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
        lock.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + LOCK)


def _age(folder: Path) -> float:
    """Return the seconds since the folder, or else its lock, last changed."""
    for path in (folder, _lock_of(folder)):
        with contextlib.suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime
    return 0.0


def _host() -> str:
    return socket.gethostname().replace("/", "_") or "host"
