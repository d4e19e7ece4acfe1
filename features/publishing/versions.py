"""Atomic publishing: write a complete new folder, then switch the CURRENT pointer.

Readers see the old version or the new one, never a partial one, after a crash of the machine too: what the pointer
names is on the disk before it is named. A writer that is killed leaves a hidden folder, which the next writer removes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from undertow.features.publishing.unfinished import unfinished_path

POINTER = "CURRENT"


def current(root: Path) -> Path | None:
    """Return the folder of the published version; None if nothing is published, or the pointer is damaged."""
    try:
        name = (root / POINTER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if not name or name.startswith(".") or Path(name).name != name:  # empty, or a path that leads elsewhere
        return None
    folder = root / name
    return folder if folder.is_dir() else None


def publish(
    root: Path, name: str, write: Callable[[Path], None], keep: int = 3, make_current: bool = True, spared: str = ""
) -> Path:
    """Publish a new version atomically: write a hidden folder, rename it to `root/name`, then switch the pointer.

    `write`: fills the folder that it is given. `keep`: how many versions are kept, the new one included, so that
    running readers can finish; the published one is always kept. `make_current`: whether to switch the pointer; else
    the version lies complete beside the published one. `spared`: a version that is kept too.
    """
    final = root / name
    with unfinished_path(root, name) as unfinished:
        unfinished.mkdir()
        write(unfinished)
        sync(unfinished)
        if final.exists():
            shutil.rmtree(final)
        unfinished.rename(final)
        sync_entries(root)
    if make_current:
        replace_text(root / POINTER, name)
    _remove_old_versions(root, final, keep, spared)
    return final


def replace_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace the text of a small file atomically: a reader sees the old text or the new one, also after a crash.

    `mode`: its permissions from the beginning, less the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished_path(path.parent, path.name) as temporary:
        with open(temporary, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    sync_entries(path.parent)


def sync(folder: Path) -> None:
    """Have every file of a folder, and the folders themselves, written to the disk."""
    for place, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(place, name), "rb") as file:
                os.fsync(file.fileno())
        sync_entries(Path(place))


def sync_entries(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _remove_old_versions(root: Path, newest: Path, keep: int, spared: str) -> None:
    others = [folder for folder in root.iterdir() if folder.is_dir() and folder != newest]
    finished = [folder for folder in others if not folder.name.startswith(".")]
    finished.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    published = current(root)
    for folder in finished[keep - 1 :]:
        if folder != published and folder.name != spared:
            shutil.rmtree(folder, ignore_errors=True)
