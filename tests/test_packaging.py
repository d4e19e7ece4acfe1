"""The packages as they are imported: undertow.features, undertow.training and undertow.serving."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import undertow.features.tables


def test_folders_of_our_names_in_the_current_directory_are_not_imported(tmp_path: Path) -> None:
    for name in ("features", "training", "serving"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported from the current directory')\n")
    command = [sys.executable, "-m", "undertow.serving.cli.commands", "--version"]  # -m puts the directory first
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_editable_install_imports_the_files_of_this_checkout() -> None:
    assert Path(undertow.features.tables.__file__) == Path(__file__).parents[1] / "features" / "tables.py"
