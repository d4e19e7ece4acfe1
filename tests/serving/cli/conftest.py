"""Projects for the commands: one made by `undertow demo`, and one whose store holds six accounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import Result

from tests.serving.cli.typed import undertow
from undertow.features.connectors import FOLDER
from undertow.features.settings import FILE_NAME

SMALL = "\n[training]\ntrees = 10\nseeds = 1\nbootstrap = 20\nmin_churners = 2\n"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Result]:
    """A project made by `undertow demo` with settings of its own, and what was printed."""
    folder = tmp_path_factory.mktemp("demo")
    template = (FOLDER / "demo" / FILE_NAME).read_text(encoding="utf-8")
    (folder / FILE_NAME).write_text(template.replace("{data}", "data") + SMALL, encoding="utf-8")
    words = ("demo", "--project", str(folder), "--accounts", "120", "--months", "13", "--seed", "3")
    return str(folder), undertow(*words)


@pytest.fixture
def tiny(store: Path, tmp_path: Path) -> str:
    """A project whose store holds the six accounts that are published by hand."""
    (tmp_path / FILE_NAME).write_text(f'store = "{store}"\n', encoding="utf-8")
    return str(tmp_path)
