"""Three floors, one staircase: imports go down only, and each outside world has one door."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("features", "training", "serving")  # a floor knows those before it
DOORS = {
    "duckdb": {"undertow.features.engines.duckdb"},
    "pyspark": {"undertow.features.engines.spark"},
    "sqlglot": {"undertow.features.compiler.dialects", "undertow.features.compiler.leaf", "undertow.features.compiler.range_join", "undertow.features.compiler.slot_plan", "undertow.features.compiler.plan"},
    "mlflow": {"undertow.training.registry.tracking", "undertow.training.registry.pyfunc_model"},
}
# What serving may know of training: the bundle and its words, and the jobs it starts.
SHOWN_TO_SERVING = {
    "undertow.training.leakage.auroc",
    "undertow.training.leakage.audit",
    "undertow.training.bundle.bundle",
    "undertow.training.business_metrics.metrics",
    "undertow.training.examples.encoding",
    "undertow.training.evaluation.scores",
    "undertow.training.business_metrics.monthly",
    "undertow.training.examples.outcomes",
    "undertow.training.examples.person_periods",
    "undertow.training.registry.tracking",
    "undertow.training.evaluation.report",
    "undertow.training.train",
    "undertow.training.business_metrics.plot",
}


def _modules() -> dict[str, Path]:
    files = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
    }


MODULES = _modules()


def _imports(name: str) -> set[str]:
    """Return what a module imports, anywhere in it; ours as module names, others as written."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name}: imports are absolute"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in MODULES else node.module for full in inner}
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name: str) -> None:
    floor = FLOORS.index(name.split(".")[0])
    above = {used for used in _imports(name) if used.split(".")[0] in FLOORS[floor + 1 :]}
    assert above == set()


@pytest.mark.parametrize(("library", "doors"), DOORS.items())
def test_an_outside_world_has_one_door(library: str, doors: set[str]) -> None:
    used_in = {name for name in MODULES if any(used.split(".")[0] == library for used in _imports(name))}
    assert used_in == doors


def test_serving_knows_of_training_only_what_is_shown_to_it() -> None:
    used = {used for name in MODULES if name.startswith("serving") for used in _imports(name)}
    assert {name for name in used if name.startswith("training")} == SHOWN_TO_SERVING


def test_no_module_imports_itself_by_a_way_round() -> None:
    ours = {name: {used for used in _imports(name) if used in MODULES} for name in MODULES}
    order = list(TopologicalSorter(ours).static_order())
    assert len(order) == len(MODULES) > 30


def test_tests_are_no_packages() -> None:
    """tests/features/__init__.py would shadow the real package."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
