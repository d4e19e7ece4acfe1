"""Whole or not at all: immutable versions of a folder and one pointer, swapped last.

A reader sees the version before or the version after, never half of one. A writer that is
killed leaves a hidden folder, which the next writer removes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

POINTER = "CURRENT"
WRITING = ".writing-"


def current(root: Path) -> Path | None:
    """Return the folder of the published version under `root`, or None before the first."""
    pointer = root / POINTER
    if not pointer.exists():
        return None
    folder = root / pointer.read_text(encoding="utf-8").strip()
    return folder if folder.is_dir() else None


def publish(root: Path, name: str, write: Callable[[Path], None], keep: int = 3) -> Path:
    """Let `write` fill a hidden folder, rename it to `root/name`, then swap the pointer.

    `keep`: how many versions stay, the new one included, so that readers can finish.
    """
    root.mkdir(parents=True, exist_ok=True)
    remove_unfinished(root)
    unfinished = root / f"{WRITING}{name}-{os.getpid()}"
    unfinished.mkdir()
    write(unfinished)
    final = root / name
    if final.exists():
        shutil.rmtree(final)
    unfinished.rename(final)
    replace_text(root / POINTER, name)
    _prune(root, final, keep)
    return final


def remove_unfinished(root: Path) -> None:
    """Remove what killed writers left behind; a live writer's folder stays."""
    for folder in root.glob(f"{WRITING}*"):
        if not _alive(int(folder.name.rsplit("-", 1)[1])):
            shutil.rmtree(folder, ignore_errors=True)


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    with waiting.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)


def _prune(root: Path, newest: Path, keep: int) -> None:
    others = [folder for folder in root.iterdir() if folder.is_dir() and folder != newest]
    finished = [folder for folder in others if not folder.name.startswith(".")]
    finished.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in finished[keep - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
