"""Folders that are being written: whose writer is alive, and whose is gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from undertow.features.publishing.unfinished import ABANDONED, LOCK, WRITING, remove_unfinished, unfinished_path

ROOT = Path(__file__).parents[3]
WAITING_WRITER = """
import sys
from pathlib import Path
from undertow.features.publishing.unfinished import unfinished_path

with unfinished_path(Path(sys.argv[1]), "v1") as folder:
    folder.mkdir()
    (folder / "half").write_text("half")
    print(folder.name, flush=True)
    sys.stdin.readline()
"""


def _hidden(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob(f"{WRITING}*"))


def _start_writer(root: Path) -> tuple[subprocess.Popen[str], str]:
    pipe = subprocess.PIPE
    writer = subprocess.Popen(
        [sys.executable, "-c", WAITING_WRITER, str(root)], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    )
    assert writer.stdout is not None
    return writer, writer.stdout.readline().strip()


def test_the_folder_of_another_running_process_stays_until_it_is_killed(tmp_path: Path) -> None:
    writer, name = _start_writer(tmp_path)
    with writer:
        remove_unfinished(tmp_path)
        assert _hidden(tmp_path) == [name, name + LOCK]
        writer.kill()
    remove_unfinished(tmp_path)
    assert _hidden(tmp_path) == []


def test_a_process_with_the_number_of_the_writer_does_not_keep_its_folder(tmp_path: Path) -> None:
    """In two containers on one volume every writer may be process 1."""
    left = tmp_path / f"{WRITING}v1-{os.getppid()}-{socket.gethostname()}"
    left.mkdir()
    remove_unfinished(tmp_path)
    assert not left.exists()


@pytest.mark.parametrize(("age", "stays"), [(0, True), (ABANDONED + 60, False)])
def test_a_folder_of_another_host_is_removed_after_a_day(tmp_path: Path, age: int, stays: bool) -> None:
    left = tmp_path / f"{WRITING}v1-12345678-another"
    left.mkdir()
    lock = left.with_name(left.name + LOCK)
    lock.touch()
    for path in (left, lock):
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    remove_unfinished(tmp_path)
    assert (left.exists(), lock.exists()) == (stays, stays)


def test_a_running_writer_of_another_host_keeps_its_folder_for_longer_than_a_day(tmp_path: Path) -> None:
    writer, name = _start_writer(tmp_path)
    renamed = [tmp_path / each.replace(socket.gethostname(), "another") for each in (name, name + LOCK)]
    with writer:
        for old, new in zip((name, name + LOCK), renamed, strict=True):
            (tmp_path / old).rename(new)
            os.utime(new, (0, 0))
        remove_unfinished(tmp_path)
        assert all(path.exists() for path in renamed)
        writer.kill()
    remove_unfinished(tmp_path)
    assert _hidden(tmp_path) == []


def test_nothing_is_left_of_what_was_not_renamed(tmp_path: Path) -> None:
    with unfinished_path(tmp_path, "v1") as folder:
        folder.mkdir()
        assert _hidden(tmp_path) == [folder.name, folder.name + LOCK]
    with unfinished_path(tmp_path, "note") as file:
        file.write_text("half")
    assert _hidden(tmp_path) == []


def test_two_writers_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    with unfinished_path(tmp_path, "v1") as one, unfinished_path(tmp_path, "v1") as other:
        one.mkdir()
        other.mkdir()
        assert one != other
