"""Spark says what DuckDB says: the whole catalogue, by both plans, the population, and what happens when it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.features.at_risk import features_at_risk
from undertow.features.build.feature_table import build_features
from undertow.features.catalogue.choose import make_catalogue
from undertow.features.catalogue.own import own_features
from undertow.features.connectors import write_project
from undertow.features.engines.database import open_database
from undertow.features.errors import DataError
from undertow.features.settings import Settings, load_settings
from undertow.features.simulator import simulate
from undertow.features.snapshots.population import open_tables, own_profile, take_population
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark's own, of pandas 3 and of its sockets
NOW = datetime(2026, 1, 1)
ON_SPARK = '[engine]\nkind = "spark"\n'
CLOSE = 1e-9

Project = tuple[Settings, Settings, Tables]


def _project(folder: Path, data: Path, toml: str) -> Settings:
    with write_project("demo", data, folder).open("a", encoding="utf-8") as file:
        file.write(f"\n{toml}\n")
    return load_settings(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated world of 70 accounts and ten months."""
    folder = tmp_path_factory.mktemp("world")
    simulate("tiny", folder, accounts=70, months=10)
    return folder


@pytest.fixture(scope="module")
def project(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The world's project in DuckDB, the same on Spark, and its tables."""
    root = tmp_path_factory.mktemp("projects")
    here, spark = _project(root / "here", world, ""), _project(root / "spark", world, ON_SPARK)
    return here, spark, load_tables(here, NOW)


@pytest.fixture(scope="module")
def as_ofs(project: Project) -> list[datetime]:
    """Three as_ofs late in the record, one of them not a month's first day."""
    year = project[2].until.year
    return [datetime(year, 8, 1), datetime(year, 8, 17), datetime(year, 10, 1)]


def _compute(settings: Settings, tables: Tables, as_ofs: list[datetime], plan: str) -> pa.Table:
    columns = make_catalogue(tables.present, own_profile(tables)).columns
    return features_at_risk(settings, tables, columns, as_ofs, plan)


def _differing(one: pa.Table, other: pa.Table) -> dict[str, int]:
    """Return column -> how many values differ: counts and texts at all, floats by more than 1e-9."""
    found = {}
    for name in one.column_names:
        pairs = zip(one[name].to_pylist(), other[name].to_pylist(), strict=True)
        found[name] = sum(not _same(a, b) for a, b in pairs)
    return {name: count for name, count in found.items() if count}


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= CLOSE * max(1.0, abs(a))
    return a == b


@pytest.fixture(scope="module")
def oracle(project: Project, as_ofs: list[datetime]) -> pa.Table:
    """The range join in DuckDB."""
    return _compute(project[0], project[2], as_ofs, plan="range join")


def test_the_whole_catalogue_range_joined_has_no_differing_value_on_spark(
    project: Project, as_ofs: list[datetime], oracle: pa.Table
) -> None:
    found = _compute(project[1], project[2], as_ofs, plan="range join")
    assert oracle.num_rows > 100 and found.column_names == oracle.column_names and len(found.column_names) > 320
    assert _differing(oracle, found) == {}


def test_the_whole_catalogue_built_on_spark_is_the_one_built_here(
    project: Project, as_ofs: list[datetime], oracle: pa.Table
) -> None:
    """By the slot plan, written and read again; who was at risk included."""
    here, spark, tables = project
    built = build_features(spark, tables, as_ofs)
    assert sorted(path.name for path in built.folder.iterdir()) == [f"as_of={as_of:%Y-%m-%d}" for as_of in as_ofs]
    fading = ("visit_pace", "visits_now_against_usual", "error_share_usual", "errors_met_by_all", "voice")
    assert all(len(set(oracle[name].to_pylist())) > 50 for name in fading)
    assert _differing(build_features(here, tables, as_ofs).read(), built.read()) == {}
    assert built.read().num_rows == oracle.num_rows


OWN = """
[[features]]
name = "slow_pages"
sentence = "Pages that took over two seconds, of all"
family = "ux"
level = "interaction"
unit = "share"
table = "events"
where = { kind = ["page_view", "crash"] }
above = { duration_ms = 2000 }
measure = "count"
per = { where = { kind = "page_view" } }
windows = [30, 90]
trend = 30
peers = 90
null_means = "no page was viewed"
[[features]]
name = "tasks_against_usual"
sentence = "Tasks completed against the usual pace"
family = "usage"
level = "journey"
unit = "log ratio"
table = "events"
where = { kind = "task_completed" }
measure = "count"
half_life = 21
usual = 180
null_means = "not observed yet"
good = "high"
[[features]]
name = "longest_open"
sentence = "Days since the oldest open ticket was opened"
family = "cx"
level = "journey"
unit = "days"
table = "tickets"
open = { resolved_at = "reopened_at" }
measure = "days since first"
lookback = 365
null_means = "no open ticket"
"""


@pytest.mark.parametrize("plan", ["slots", "range join"])
def test_features_of_ones_own_are_the_same_on_spark(
    project: Project, world: Path, as_ofs: list[datetime], tmp_path: Path, plan: str
) -> None:
    settings = [_project(tmp_path / name, world, OWN + engine) for name, engine in (("here", ""), ("spark", ON_SPARK))]
    columns = [column for card in own_features(settings[0]) for column in card.columns]
    here, spark = (features_at_risk(each, project[2], columns, as_ofs, plan) for each in settings)
    assert all(len(set(here[column.name].to_pylist())) > 5 for column in columns)
    assert _differing(here, spark) == {}


def test_a_column_of_the_oracle_that_is_moved_would_be_seen(oracle: pa.Table) -> None:
    place = oracle.column_names.index("load_time_p75_30")
    moved = pa.array([None if v is None else v * (1 + 1e-6) for v in oracle[place].to_pylist()])
    assert list(_differing(oracle, oracle.set_column(place, "load_time_p75_30", moved))) == ["load_time_p75_30"]


def test_the_slot_plan_in_duckdb_agrees_too(project: Project, as_ofs: list[datetime], oracle: pa.Table) -> None:
    assert _differing(oracle, _compute(project[0], project[2], as_ofs, plan="slots")) == {}


def test_tables_of_the_lake_are_read_from_a_path_or_by_name(
    project: Project, world: Path, as_ofs: list[datetime], tmp_path: Path
) -> None:
    here, _, tables = project
    options = f'options = {{ "spark.sql.warehouse.dir" = "{tmp_path / "warehouse"}" }}'
    lake = f'[spark.tables]\nsubscriptions = "{tables.path("subscriptions")}"\naccounts = "lake_accounts"\n'
    spark = _project(tmp_path / "lake", world, f"{ON_SPARK}\n[spark]\n{options}\n{lake}")
    with open_database(spark) as database:
        database.create_view("unused", "SELECT 1 AS one", "test")
        rows = database.session.read.parquet(str(tables.path("accounts")))  # type: ignore[attr-defined]
        rows.write.mode("overwrite").option("path", str(tmp_path / "accounts")).saveAsTable("lake_accounts")
        open_tables(database, tables)
        take_population(database, as_ofs[-1:])
        found = database.arrow("SELECT count(*) AS n FROM snapshots JOIN accounts USING (account_id)", "test")
        database.session.sql("DROP TABLE lake_accounts")  # type: ignore[attr-defined]
    with open_database(here) as database:
        open_tables(database, tables)
        take_population(database, as_ofs[-1:])
        assert found["n"].to_pylist() == database.arrow("SELECT count(*) AS n FROM snapshots", "test")["n"].to_pylist()


def test_what_spark_refuses_is_said_in_our_words(project: Project) -> None:
    expected = r"who asked: Spark could not run .*nowhere"
    with open_database(project[1]) as database, pytest.raises(DataError, match=expected):
        database.arrow("SELECT * FROM nowhere", "who asked")


def test_without_the_extra_the_line_to_type_is_said(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['pyspark'] = None; sys.modules['pyspark.sql'] = None\n"
         "from undertow.features.settings import Spark; from undertow.features.engines.spark import open_spark\n"
         "from undertow.features.errors import SettingsError\n"
         "try: open_spark(Spark()).__enter__()\nexcept SettingsError as error: print(error)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert said.stdout.strip().endswith("Type: pip install 'undertow[spark]'")


def test_a_master_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    code = (
        "from undertow.features.settings import Spark; from undertow.features.engines.spark import open_spark\n"
        "from undertow.features.errors import SettingsError\n"
        "try: open_spark(Spark(remote='sc://127.0.0.1:1')).__enter__()\n"
        "except SettingsError as error: print(error)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Spark cannot be reached at sc://127.0.0.1:1" in said.stdout


def _folders_being_written(features: Path) -> list[Path]:
    return [each for each in features.glob("*/.writing-*") if each.is_dir()]


def test_spark_lost_in_the_middle_leaves_nothing_half_written(tmp_path: Path, world: Path) -> None:
    """A run of its own, whose Java process is killed as soon as it writes; two tables, so that this is soon."""
    files = "".join(f'{name} = "{world / name}.parquet"\n' for name in ("accounts", "subscriptions"))
    (tmp_path / "undertow.toml").write_text(f"{ON_SPARK}[files]\n{files}", encoding="utf-8")
    spark = load_settings(tmp_path)
    module = "undertow.serving.cli.commands"
    command = [sys.executable, "-W", "ignore", "-m", module, "features", "--project", str(spark.folder)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        _wait(lambda: list(spark.store_path("features").glob("*/.writing-*")) or None)
        os.kill(_wait(lambda: _child_java(run.pid)), signal.SIGKILL)
        said = run.communicate(timeout=120)[1]
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == 1, said
    assert "Spark could not run this query" in said and "Traceback" not in said
    left = [path for path in spark.store_path("features").rglob("*") if not path.name.startswith(".")]
    assert [path.name for path in left if path.name.startswith("as_of=") and path.parent.name[0] != "."] == []


def _wait(ask: Callable[[], Any], seconds: float = 900.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = ask()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def _child_java(parent: int) -> int | None:
    """Return the Java process that a process started, directly or through a shell."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _comm(entry) == "java" and parent in _ancestors(int(entry.name)):
            return int(entry.name)
    return None


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""


def _ancestors(process: int) -> set[int]:
    found: set[int] = set()
    while process > 1 and process not in found:
        found.add(process)
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found
