"""SQL that was compiled once is read from the store, until anything that decides it changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from undertow.features.build import compiled_sql
from undertow.features.build.compiled_sql import FLOOR, KEPT, SOURCES, compiled_features, compiler_id, sql_id
from undertow.features.build.feature_table import build_features, landmark_features
from undertow.features.catalogue.cards import Column, Feature
from undertow.features.catalogue.choose import make_catalogue
from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.compiled import CompiledFeatures
from undertow.features.compiler.plan import compile_features, plan_features
from undertow.features.publishing.versions import replace_text
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ALL_TABLES

MARCH, APRIL = datetime(2024, 3, 1), datetime(2024, 4, 1)
ERRORS = rows_of("events").where(kind="error")
CARD = Feature("errors", "Errors", family="ux", level="interaction", unit="count", measure=ERRORS.count(),
               windows=(30,), trend=30, peers=30)  # fmt: skip
COLUMNS = CARD.columns
Tiny = tuple[Settings, Tables]


def no_compiler(*_: object) -> CompiledFeatures:
    raise AssertionError("compiled")


@pytest.fixture
def refuse_to_compile(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call anything that has to be compiled fails the test."""
    return lambda: monkeypatch.setattr(compiled_sql, "_compiled", no_compiler)


# --- read again ------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of_count", [None, 1, 3])
@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_what_is_read_is_what_was_compiled(
    tmp_path: Path, refuse_to_compile: Callable[[], None], as_of_count: int | None, dialect: str
) -> None:
    compiled = compiled_features(tmp_path, COLUMNS, as_of_count, dialect)
    refuse_to_compile()
    assert compiled_features(tmp_path, list(COLUMNS), as_of_count, dialect) == compiled
    assert compiled == compile_features(COLUMNS, as_of_count, dialect)
    [file] = tmp_path.iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["dialect"] == dialect


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_other_as_ofs_of_the_same_number_have_the_sql_compiled_for_them(
    tmp_path: Path, refuse_to_compile: Callable[[], None], dialect: str
) -> None:
    """Every column: which days the as_ofs are is not in what is kept, so that tomorrow's list needs no compiler."""
    columns = make_catalogue(["accounts", "events", "tickets", "subscriptions"]).columns
    compiled_features(tmp_path, columns, 2, dialect)
    refuse_to_compile()
    for as_ofs in ([MARCH, APRIL], [APRIL, MARCH], [datetime(2021, 2, 28), datetime(2024, 12, 31)]):
        found = compiled_features(tmp_path, columns, 2, dialect).plan(as_ofs)
        expected = plan_features(columns, as_ofs, dialect)
        assert found.sql() == expected.sql() and found.tables == expected.tables
        assert f"'{max(as_ofs):%Y-%m-%d} 00:00:00'" in found.sql() and "':" not in found.sql()


def test_features_built_with_kept_sql_are_those_built_with_new(
    tiny: Tiny, refuse_to_compile: Callable[[], None]
) -> None:
    settings = tiny[0]
    first = build_features(*tiny, [MARCH, APRIL])
    rows, at_landmarks = first.read(), landmark_features(*tiny, first.snapshots())
    assert len(list(settings.store_path("compiled").iterdir())) == 2
    shutil.rmtree(settings.store_path("features"))
    refuse_to_compile()
    again = build_features(*tiny, [MARCH, APRIL])
    assert again.folder == first.folder and again.read() == rows and rows.num_rows == 8
    assert landmark_features(*tiny, rows.select(["account_id", "as_of"])) == at_landmarks


# --- compiled anew ---------------------------------------------------------------------------


def _id(
    columns: Sequence[Column] = COLUMNS, count: int | None = 2, dialect: str = "duckdb", compiler: str = "1"
) -> str:
    return sql_id(columns, count, dialect, compiler)


[FIRST, *OTHERS] = COLUMNS
CHANGED_CARDS = {
    "measure": replace(CARD, measure=ERRORS.distinct("user_id")),
    "condition": replace(CARD, measure=ERRORS.where(platform="web").count()),
    "fading": replace(CARD, measure=ERRORS.count().fading(21)),
    "lookback": replace(CARD, lookback=90),
    "unit": replace(CARD, unit="text"),
}
CHANGED_COLUMNS = {
    **{what: replace(FIRST, feature=card) for what, card in CHANGED_CARDS.items()},
    "name": replace(FIRST, name="mistakes_30"),
    "window": replace(FIRST, window=90),
    "against": replace(FIRST, against="peers"),
    "before": replace(FIRST, against="earlier", before=7),
}


@pytest.mark.parametrize("changed", CHANGED_COLUMNS.values(), ids=CHANGED_COLUMNS)
def test_a_changed_definition_has_another_id(changed: Column) -> None:
    assert _id([changed, *OTHERS]) != _id()


def test_each_kind_of_change_to_one_column_has_an_id_of_its_own() -> None:
    assert len({_id([changed]) for changed in CHANGED_COLUMNS.values()}) == len(CHANGED_COLUMNS)


def test_the_number_of_as_ofs_dialect_compiler_and_order_have_other_ids() -> None:
    others = [_id(count=None), _id(count=1), _id(count=3), _id(dialect="spark"), _id(compiler="2")]
    others += [_id(COLUMNS[:1]), _id(COLUMNS[::-1])]
    assert len({_id(), *others}) == len(others) + 1


def test_another_data_contract_has_another_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says from when a value is known; here it is changed while the process runs."""
    before = _id()
    monkeypatch.setitem(ALL_TABLES, "events", replace(ALL_TABLES["events"], has_versions=True))
    assert _id() != before


def test_another_wording_or_use_of_a_card_has_the_same_id() -> None:
    again = replace(CARD, sentence="Faults", good="low", feeds=30, null_means="no page was viewed")
    assert _id(again.columns) == _id()


@pytest.mark.parametrize(("file", "counts"), [
    ("compiler/plan.py", True), ("compiler/new.py", True), ("catalogue/language.py", True), ("tables.py", True),
    ("engines/duckdb.py", True), ("catalogue/billing.py", False), ("errors.py", False),
])  # fmt: skip
def test_a_changed_source_of_the_compiler_is_another_compiler(tmp_path: Path, file: str, counts: bool) -> None:
    for folder, text in (("before", "old"), ("after", "new")):
        for name in ("compiler/plan.py", "compiler/leaf.py", "catalogue/language.py", "tables.py", "errors.py"):
            replace_text(tmp_path / folder / name, "old")
        replace_text(tmp_path / folder / file, text)
    assert (compiler_id(tmp_path / "before") != compiler_id(tmp_path / "after")) == counts


def test_another_version_of_sqlglot_is_another_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiler_id()
    compiler_id.cache_clear()
    with monkeypatch.context() as other:
        other.setattr(compiled_sql, "version", lambda package: f"{package} 99")
        assert compiler_id() != before
    compiler_id.cache_clear()
    assert compiler_id() == before


def test_all_that_the_compiler_imports_of_ours_is_hashed_but_what_runs_and_reports() -> None:
    code = (
        "import sys, undertow.features.compiler.plan\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('undertow.features.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    hashed = {file.resolve() for pattern in SOURCES for file in FLOOR.glob(pattern)}
    others = {Path(file).resolve() for file in done.stdout.split()} - hashed
    names = {file.relative_to(FLOOR.resolve()).as_posix() for file in others}
    engines = {f"engines/{name}.py" for name in ("__init__", "arrow_columns", "database", "spark")}
    decide_nothing = {name for name in names if not name.startswith("settings/")}
    assert decide_nothing == {"catalogue/__init__.py", "errors.py", *engines}


# --- damaged files, other writers, old files -------------------------------------------------


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": _write(b""),
    "half": lambda file: file.write_bytes(file.read_bytes()[:500]),
    "not JSON": _write(b"SELECT 1"),
    "not UTF-8": _write(b"\xff\xfe\x00"),
    "a list": _write(b"[1, 2]"),
    "a number": _write(b"5"),
    "without a field": _write(b'{"sha256": "0"}'),
    "another value": lambda file: file.write_text(file.read_text(encoding="utf-8").replace("'error'", "'crash'")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_compiled_anew_and_replaced(
    tmp_path: Path, refuse_to_compile: Callable[[], None], damage: Callable[[Path], object]
) -> None:
    compiled = compiled_features(tmp_path, COLUMNS, 2, "duckdb")
    [file] = tmp_path.iterdir()
    written = file.read_bytes()
    damage(file)
    assert file.read_bytes() != written
    assert compiled_features(tmp_path, COLUMNS, 2, "duckdb") == compiled
    assert file.read_bytes() == written
    refuse_to_compile()
    assert compiled_features(tmp_path, COLUMNS, 2, "duckdb") == compiled


def test_a_file_of_other_fields_is_compiled_anew(tmp_path: Path) -> None:
    """Its checksum is right: it was written by a version that kept something else."""
    compiled = compiled_features(tmp_path, COLUMNS, 2, "duckdb")
    [file] = tmp_path.iterdir()
    fields = json.loads(file.read_text(encoding="utf-8")) | {"more": 1}
    del fields["sha256"]
    replace_text(file, json.dumps({"sha256": compiled_sql._checksum(fields), **fields}))
    assert compiled_features(tmp_path, COLUMNS, 2, "duckdb") == compiled
    assert "more" not in json.loads(file.read_text(encoding="utf-8"))


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert compiled_features(tmp_path / "file" / "compiled", COLUMNS, 2, "duckdb").steps


def test_a_file_is_replaced_and_not_written_over(tmp_path: Path) -> None:
    """Whoever has opened it reads it to its end."""
    compiled_features(tmp_path, COLUMNS, 2, "duckdb")
    [file] = tmp_path.iterdir()
    file.write_text("damaged")
    with file.open() as opened:
        compiled_features(tmp_path, COLUMNS, 2, "duckdb")
        assert opened.read() == "damaged" != file.read_text()


WRITER = """
import json, sys
from contextlib import suppress
from pathlib import Path
from undertow.features.build.compiled_sql import compiled_features
from undertow.features.catalogue.choose import make_catalogue

folder, columns = Path(sys.argv[1]), make_catalogue(["accounts"]).columns
first = compiled_features(folder, columns, 2, "duckdb")
for _ in range(40):
    for file in folder.glob("*.json"):
        with suppress(FileNotFoundError):
            json.loads(file.read_text(encoding="utf-8"))
        file.unlink(missing_ok=True)
    assert compiled_features(folder, columns, 2, "duckdb") == first
"""


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path, refuse_to_compile: Callable[[], None]) -> None:
    """Three processes read, remove and write the same file; what they read is whole."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert len(list(tmp_path.iterdir())) == 1
    columns = make_catalogue(["accounts"]).columns
    refuse_to_compile()
    assert compiled_features(tmp_path, columns, 2, "duckdb") == compile_features(columns, 2)


def test_old_files_are_removed_those_of_killed_writers_too(tmp_path: Path) -> None:
    for age in range(KEPT + 5):
        file = tmp_path / (f".{age}.json.4711" if age % 7 == 0 else f"{age}.json")
        file.write_text("{}")
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    compiled_features(tmp_path, COLUMNS, None, "duckdb")
    left = {file.name for file in tmp_path.iterdir()}
    assert len(left) == KEPT
    assert not left & {f"{age}.json" for age in range(KEPT - 1, KEPT + 5)} and f"{KEPT - 2}.json" in left
    assert ".0.json.4711" in left and f".{KEPT - 1}.json.4711" not in left


# --- the name of the stored feature table ----------------------------------------------------


def test_a_compiler_of_other_words_and_the_same_sql_leaves_the_stored_features(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_features(*tiny, [APRIL])
    written = built.path(APRIL).stat().st_mtime_ns
    monkeypatch.setattr(compiled_sql, "compiler_id", lambda: "with another comment")
    again = build_features(*tiny, [APRIL])
    assert again.folder == built.folder and again.path(APRIL).stat().st_mtime_ns == written


def test_a_compiler_of_other_sql_has_the_features_built_again(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_features(*tiny, [APRIL])

    def compile_otherwise(name: str, columns: Sequence[Column], as_of_count: int | None, dialect: str) -> object:
        compiled = compile_features(columns, as_of_count, dialect)
        return replace(compiled, last=compiled.last.replace('"segment"', 'upper("segment")', 1))

    monkeypatch.setattr(compiled_sql, "compiler_id", lambda: "with another meaning")
    monkeypatch.setattr(compiled_sql, "_compiled", compile_otherwise)
    assert build_features(*tiny, [APRIL]).folder != built.folder


def test_a_table_that_became_stale_names_other_features(tiny: Tiny) -> None:
    settings, tables = tiny
    built = build_features(settings, tables, [APRIL])
    stale = replace(tables, stale={"events": MARCH})
    again = build_features(settings, stale, [APRIL])
    assert again.folder != built.folder
    assert set(again.read()["errors_30"].to_pylist()) == {None}
