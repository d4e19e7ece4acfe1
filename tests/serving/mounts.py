"""Commands run with mounts or rights of their own: a read-only folder, a disk of one megabyte, no rights of root."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


def read_only(path: Path) -> str:
    """Return the shell command that mounts a folder or file over itself, read-only."""
    quoted = shlex.quote(str(path))
    return f"mount --bind {quoted} {quoted} && mount -o remount,bind,ro {quoted}"


def tiny_disk(folder: Path) -> str:
    """Return the shell command that mounts an empty disk of one megabyte on a folder."""
    return f"mount -t tmpfs -o size=1m none {shlex.quote(str(folder))}"


def in_mounts(mount: str, command: list[str]) -> list[str]:
    """Return the command that runs `command` with a mount that no other process sees; skips where none can be made."""
    _skip_without_mounts()
    return ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]


def as_anyone(command: list[str]) -> list[str]:
    """Return the command that runs `command` so that permissions hold, for root too; skips where they cannot."""
    if os.getuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("permissions do not hold for root, and setpriv is not installed")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command]


@cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return tried.returncode == 0


def _skip_without_mounts() -> None:
    if not _can_mount():
        pytest.skip("no mounts of one's own here: they need Linux, root and unshare")
