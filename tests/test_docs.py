"""The docs cannot drift: what exists is documented, and what is documented exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from undertow.features.connectors import EMPTY, FOLDER
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.api.app import make_app
from undertow.serving.cli.commands import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for floor in ("features", "training", "serving")
    for path in (ROOT / floor).rglob("*.py")
    if path.stat().st_size > 0
)
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_is_in_the_readme_and_its_help_shows_an_example(command: str) -> None:
    assert f"undertow {command}" in README
    assert f"Example: undertow {command}" in (COMMANDS[command].epilog or "")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_on_the_map_of_the_code(module: str) -> None:
    assert f"`{module}`" in README


def test_the_map_of_the_code_names_no_file_that_is_gone() -> None:
    named = set(re.findall(r"`((?:features|training|serving)/[\w/]+\.py)`", README))
    assert named == set(MODULES)


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md"):
        links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        assert not [link for link in links if not (ROOT / link).exists()], page


def test_every_route_is_in_the_readme(tmp_path: Path) -> None:
    paths = [route.path.replace(":path", "") for route in make_app(tmp_path).routes]  # type: ignore[attr-defined]
    assert not [path for path in paths if f"{path}`" not in README]


def test_every_section_of_the_settings_is_in_the_empty_template() -> None:
    template = (FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8")
    sections = [name for name, field in Settings.model_fields.items() if name not in ("folder", "name", "store")]
    assert not [section for section in sections if f"[{section}]" not in template]


def test_every_target_of_the_makefile_is_listed_by_make() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    listed = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    assert set(targets) == set(listed)


def test_the_lock_pins_everything_and_names_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.\-]+==[\w.\-+!]+", line)]


def test_the_empty_template_is_valid(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text((FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8"), encoding="utf-8")
    assert load_settings(tmp_path).churn.grace_days == 30
