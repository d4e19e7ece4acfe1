"""A reader sees a whole version or the one before, whatever happens to the writer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from undertow.features.publishing.unfinished import LOCK, WRITING
from undertow.features.publishing.versions import current, publish, replace_text

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from undertow.features.publishing.versions import publish

def write(folder):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

publish(Path(sys.argv[1]), "v2", write)
"""


def _writes(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "text").write_text(text)

    return write


def _kill_a_writer(root: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(root)], cwd=Path(__file__).parents[3])
    assert killed.returncode == -9
    assert len([path for path in root.glob(f"{WRITING}*") if not path.name.endswith(LOCK)]) == 1


def test_nothing_is_current_before_the_first_version(tmp_path: Path) -> None:
    assert current(tmp_path / "never made") is None


def test_the_newest_version_is_current_and_the_old_one_stays_readable(tmp_path: Path) -> None:
    old = publish(tmp_path, "v1", _writes("old"))
    new = publish(tmp_path, "v2", _writes("new"))
    assert current(tmp_path) == new == tmp_path / "v2"
    assert (new / "text").read_text() == "new"
    assert (old / "text").read_text() == "old"


def test_a_reader_sees_the_old_version_while_the_new_one_is_written(tmp_path: Path) -> None:
    old = publish(tmp_path, "v1", _writes("old"))
    seen: list[Path | None] = []
    publish(tmp_path, "v2", lambda folder: seen.append(current(tmp_path)))
    assert seen == [old]


def test_a_killed_writer_changes_nothing_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    old = publish(tmp_path, "v1", _writes("old"))
    _kill_a_writer(tmp_path)
    assert current(tmp_path) == old
    new = publish(tmp_path, "v2", _writes("new"))
    assert list(tmp_path.glob(f"{WRITING}*")) == []
    assert [path.name for path in new.iterdir()] == ["text"]


def test_a_writer_that_fails_leaves_the_old_version_current_and_no_files(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("the disk is full")

    old = publish(tmp_path, "v1", _writes("old"))
    with pytest.raises(OSError, match="the disk is full"):
        publish(tmp_path, "v2", fail)
    assert current(tmp_path) == old
    assert not list(tmp_path.glob(f"{WRITING}*"))
    assert publish(tmp_path, "v2", _writes("new")) == current(tmp_path)


def test_three_versions_are_kept_the_newest_ones(tmp_path: Path) -> None:
    for number in range(5):
        folder = publish(tmp_path, f"v{number}", _writes("text"), keep=3)
        os.utime(folder, (time.time() + number, time.time() + number))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["v2", "v3", "v4"]


def test_a_version_can_be_written_beside_the_published_one(tmp_path: Path) -> None:
    old = publish(tmp_path, "v1", _writes("old"))
    beside = publish(tmp_path, "v0", _writes("beside"), make_current=False)
    assert current(tmp_path) == old
    assert (beside / "text").read_text() == "beside"


def test_the_published_version_is_kept_however_old_it_is(tmp_path: Path) -> None:
    published = publish(tmp_path, "v9", _writes("published"))
    os.utime(published, (0, 0))
    for number in range(4):
        publish(tmp_path, f"v{number}", _writes("beside"), keep=3, make_current=False)
    assert current(tmp_path) == published
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 4


def test_a_version_published_again_replaces_itself(tmp_path: Path) -> None:
    publish(tmp_path, "v1", _writes("first"))
    again = publish(tmp_path, "v1", _writes("second"))
    assert (again / "text").read_text() == "second"


def test_a_pointer_to_a_removed_version_reads_as_none(tmp_path: Path) -> None:
    publish(tmp_path, "v1", _writes("text"))
    replace_text(tmp_path / "CURRENT", "v0")
    assert current(tmp_path) is None


def test_replacing_a_text_leaves_no_other_file(tmp_path: Path) -> None:
    replace_text(tmp_path / "note", "one")
    replace_text(tmp_path / "note", "two")
    assert (tmp_path / "note").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]
