"""A disk that is full or read-only, a missing permission, a file where a folder is expected: one sentence each."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import Result

from tests.serving.cli.typed import undertow
from tests.serving.mounts import as_anyone, in_mounts, read_only, tiny_disk
from undertow.features.connectors import write_project
from undertow.features.errors import SourceError
from undertow.serving.cli.os_errors import explain

STORE = Path("/project/store")
UNDERTOW = [sys.executable, "-c", "from undertow.serving.cli.commands import app; app()"]


def refused_in(mount: str, *words: str) -> str:
    """Return the sentence with which a command ends under a mount of its own."""
    return refused(in_mounts(mount, [*UNDERTOW, *words]))


def refused(command: list[str]) -> str:
    """Return the sentence with which a command ends."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if line.strip()][-1]
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert said.startswith("undertow: ") and "Traceback" not in done.stderr
    return said


# --- real disks ----------------------------------------------------------------------------------


@pytest.fixture
def project(demo: tuple[str, Result], tmp_path: Path) -> Path:
    """A copy of the demo."""
    shutil.copytree(demo[0], tmp_path / "demo")
    return tmp_path / "demo"


@pytest.mark.parametrize("command", ["score", "train"])
def test_on_a_read_only_disk_a_command_says_so_and_what_to_do(project: Path, command: str) -> None:
    said = refused_in(read_only(project), command, "--project", str(project))
    assert f"{project / 'store'}/" in said
    assert "cannot be written: its file system is read-only. Work on a copy of the project" in said


def test_a_store_of_another_owner_is_read_and_not_written(project: Path) -> None:
    subprocess.run(["chmod", "-R", "a-w", str(project)], check=True)
    said = refused(as_anyone([*UNDERTOW, "score", "--project", str(project)]))
    assert f"{project / 'store'}/" in said
    assert "cannot be opened: permission is missing. Ask its owner for access, or work on a copy of your own." in said
    shown = subprocess.run(as_anyone([*UNDERTOW, "at-risk", "--project", str(project)]), capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_database_that_cannot_be_written_is_named_with_what_to_do(project: Path) -> None:
    database = project / "store" / "mlflow.db"
    said = refused_in(read_only(database), "train", "--project", str(project))
    assert f"{database} cannot be written: attempt to write a readonly database. Check" in said


def test_a_full_disk_is_named_with_what_to_do(simulated: Path, tmp_path: Path) -> None:
    project, disk = tmp_path / "project", tmp_path / "disk"
    disk.mkdir()
    written = write_project("demo", simulated, project)
    written.write_text(written.read_text().replace('store = "store"', f'store = "{disk}"'))
    said = refused_in(tiny_disk(disk), "check", "--project", str(project))
    assert f"{disk / 'tables'}/" in said
    assert "no space is left on its disk. Nothing half-written is used. Free space and run the command again" in said


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_file_where_the_store_belongs_is_named(simulated: Path, tmp_path: Path, command: str) -> None:
    write_project("demo", simulated, tmp_path / "project")
    (tmp_path / "project" / "store").touch()
    result = undertow(command, "--project", str(tmp_path / "project"))
    assert result.exit_code == 1
    assert f"{tmp_path / 'project' / 'store'} is a file, and a folder is expected there. Move the" in result.stderr


def test_a_project_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = undertow("init", "--project", str(tmp_path / "file"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{tmp_path / 'file'} is a file, and a folder is expected there" in result.stderr


def test_settings_that_are_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "undertow.toml").mkdir()
    result = undertow("check", "--project", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path / 'undertow.toml'} is a folder, and a file is expected there" in result.stderr


# --- errors by number and by text ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "/x/y cannot be opened: permission is missing. Ask its owner"),
        (errno.EPERM, "/x/y cannot be opened: permission is missing. Ask its owner"),
        (errno.EMFILE, "/x/y cannot be opened: too many files are open. Raise the limit"),
        (errno.EDQUOT, "/x/y cannot be written: no space is left on its disk."),
        (errno.EIO, "/x/y: Input/output error. Correct that and run the command again."),
    ],
)
def test_an_error_by_its_number(number: int, said: str) -> None:
    assert (explain(OSError(number, os.strerror(number), "/x/y"), STORE) or "").startswith(said)


def test_an_error_without_a_path_names_the_folder_that_is_written() -> None:
    assert (explain(OSError(errno.ENOSPC, "x"), STORE) or "").startswith(f"{STORE} cannot be written: no space")


def test_an_error_of_duckdb_is_known_by_its_text(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with duckdb.connect() as connection, pytest.raises(duckdb.IOException) as caught:
        connection.execute(f"COPY (SELECT 1) TO '{tmp_path}/file/x.parquet' (FORMAT parquet)")
    assert (explain(caught.value, STORE) or "").startswith(f"{tmp_path / 'file'} is a file, and a folder is expected")


def test_an_error_of_pyarrow_is_known_by_its_text(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory") as caught:
        pq.write_table(pa.table({"a": [1]}), tmp_path)
    assert (explain(caught.value, STORE) or "").startswith(f"{tmp_path} is a folder, and a file is expected")


def test_a_refusal_keeps_its_own_words_unless_the_disk_is_behind_it() -> None:
    def behind(number: int) -> SourceError:
        refusal = SourceError("accounts: no file at x.csv. Correct [files].")
        refusal.__cause__ = OSError(number, os.strerror(number), "/x/y")
        return refusal

    assert explain(behind(errno.ENOENT), STORE) is None
    assert (explain(behind(errno.ENOSPC), STORE) or "").startswith("/x/y cannot be written: no space")


@pytest.mark.parametrize("error", [ValueError("No space left on device"), BrokenPipeError(errno.EPIPE, "gone")])
def test_other_errors_are_not_explained(error: Exception) -> None:
    assert explain(error, STORE) is None
