"""The structure of the code: imports go down the floors and left along the rooms; each library has one door."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each floor uses those above it in this list; on a floor, each room uses only rooms to its left.
FLOORS = {
    "features": "errors tables settings publishing engines sources catalogue compiler snapshots build replay "
    "connectors simulator",
    "training": "examples churn value bundle evaluation health_score registry drivers business_metrics leakage fit "
    "backtest train",
    "serving": "formatting access published team push pages live jobs api server deploy cli service",
}
# What answers requests uses only the bundle of training; the jobs and the command line start its jobs.
TRAINING_SHOWN_TO = {
    "access": "",
    "published": "bundle",
    "team": "",
    "push": "",
    "live": "",
    "pages": "",
    "api": "",
    "service": "",
    "server": "",
    "deploy": "",
    "jobs": "backtest bundle business_metrics drivers evaluation examples registry value",
    "cli": "backtest business_metrics evaluation leakage registry train",
}
DOORS = {
    "duckdb": "features.engines",
    "adbc_driver_postgresql": "features.sources",
    "pyspark": "features.engines",
    "sqlglot": "features.compiler",
    "mlflow": "training.registry",
    "optuna": "training.evaluation",
    "jinja2": "serving.pages",
    "typer": "serving.cli",
    "bentoml": "serving.service",
    "argon2": "serving.access",
    "httpx": "serving.push",
    "itsdangerous": "serving.access",
}
ROOMS = {f"{floor}.{room}" for floor, rooms in FLOORS.items() for room in rooms.split()}


def _modules() -> dict[str, Path]:
    files = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files
    }


MODULES = _modules()


def _imports(name: str) -> set[str]:
    """Return what a module imports, anywhere in it; ours as floor.room.module, others as written."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name}: imports are absolute"
            for alias in node.names:
                module, full = (text.removeprefix("undertow.") for text in (node.module, f"{node.module}.{alias.name}"))
                imported.add(full if full in MODULES else module)
    return imported


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _rooms_used_by(room: str) -> set[str]:
    used = {_room(used) for name in MODULES if _room(name) == room for used in _imports(name)}
    return (used & ROOMS) - {room}


def test_every_module_stands_in_a_room_that_is_listed() -> None:
    assert {_room(name) for name in MODULES if "." in name} == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_go_down_the_floors_and_left_along_the_rooms(room: str) -> None:
    floor, name = room.split(".")
    below = list(FLOORS)[: list(FLOORS).index(floor)]
    rooms = FLOORS[floor].split()
    left = {f"{floor}.{other}" for other in rooms[: rooms.index(name)]}
    assert {used for used in _rooms_used_by(room) - left if used.split(".")[0] not in below} == set()


@pytest.mark.parametrize(("room", "shown"), TRAINING_SHOWN_TO.items())
def test_serving_uses_of_training_only_what_is_shown_to_a_room(room: str, shown: str) -> None:
    used = {used for used in _rooms_used_by(f"serving.{room}") if used.startswith("training.")}
    assert used == {f"training.{each}" for each in shown.split()}


@pytest.mark.parametrize(("library", "door"), DOORS.items())
def test_a_library_is_imported_in_one_room(library: str, door: str) -> None:
    users = {_room(name) for name in MODULES if library in {used.split(".")[0] for used in _imports(name)}}
    assert users == {door}


def test_no_module_imports_itself_by_a_way_round() -> None:
    ours = {name: {used for used in _imports(name) if used in MODULES} for name in MODULES}
    order = list(TopologicalSorter(ours).static_order())
    assert len(order) == len(MODULES) > 30


@pytest.mark.parametrize("folder", sorted({path.parent.relative_to(ROOT).as_posix() for path in MODULES.values()}))
def test_a_folder_holds_few_enough_entries_to_be_read_at_once(folder: str) -> None:
    entries = [path for path in (ROOT / folder).iterdir() if not path.name.startswith("_")]
    assert len(entries) <= 13


def test_no_folder_of_tests_is_passed_over(request: pytest.FixtureRequest) -> None:
    """Pytest passes over folders of some names, such as build, unless the settings say otherwise."""
    passed_over = request.config.getini("norecursedirs")
    folders = {file.parent for file in (ROOT / "tests").rglob("test_*.py")}
    names = {part for folder in folders for part in folder.relative_to(ROOT).parts}
    assert "build" in names
    assert [name for name in names if any(fnmatch(name, pattern) for pattern in passed_over)] == []


def test_tests_are_no_packages() -> None:
    """tests/features/__init__.py would shadow the real package."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
