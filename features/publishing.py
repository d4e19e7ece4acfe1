"""Atomic publishing: write a complete new folder, then switch the CURRENT pointer.

Readers see the old version or the new one, never a partial one. A writer that is killed
leaves a hidden folder, which the next writer removes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

POINTER = "CURRENT"
WRITING = ".writing-"


def current(root: Path) -> Path | None:
    """Return the folder of the published version under `root`, or None if nothing is published."""
    pointer = root / POINTER
    if not pointer.exists():
        return None
    folder = root / pointer.read_text(encoding="utf-8").strip()
    return folder if folder.is_dir() else None


def publish(root: Path, name: str, write: Callable[[Path], None], keep: int = 3, make_current: bool = True) -> Path:
    """Publish a new version atomically: write a hidden folder, rename it to `root/name`, then switch the pointer.

    `write`: fills the folder that it is given. `keep`: how many versions are kept, the new one included, so that
    running readers can finish; the published one is always kept. `make_current`: whether to switch the pointer; else
    the version lies complete beside the published one.
    """
    root.mkdir(parents=True, exist_ok=True)
    remove_unfinished(root)
    unfinished = root / f"{WRITING}{name}-{os.getpid()}"
    unfinished.mkdir()
    try:
        write(unfinished)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)  # on a full disk nothing else could be written
        raise
    final = root / name
    if final.exists():
        shutil.rmtree(final)
    unfinished.rename(final)
    if make_current:
        replace_text(root / POINTER, name)
    _remove_old_versions(root, final, keep)
    return final


def remove_unfinished(root: Path) -> None:
    """Remove the unfinished folders of processes that no longer run; those of running writers stay."""
    for folder in root.glob(f"{WRITING}*"):
        if not _is_running(int(folder.name.rsplit("-", 1)[1])):
            shutil.rmtree(folder, ignore_errors=True)


def replace_text(path: Path, text: str) -> None:
    """Replace the text of a small file atomically: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _remove_old_versions(root: Path, newest: Path, keep: int) -> None:
    others = [folder for folder in root.iterdir() if folder.is_dir() and folder != newest]
    finished = [folder for folder in others if not folder.name.startswith(".")]
    finished.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    published = current(root)
    for folder in finished[keep - 1 :]:
        if folder != published:
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
