"""What a build reads, and what it leaves behind: run twice, after a late row, after a failure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from undertow.features.build.feature_table import build_features
from undertow.features.engines.duckdb import InDuckDB
from undertow.features.errors import DataError, SourceError
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import month_starts
from undertow.features.sources.load import load_tables

NOW = datetime(2024, 6, 15, 12)
MARCH, APRIL = datetime(2024, 3, 1), datetime(2024, 4, 1)
Row = Mapping[str, object]
Project = Callable[..., Settings]

ACCOUNTS: list[Row] = [{"account_id": "ada", "created_at": "2020-01-01"}]
SUBSCRIPTIONS: list[Row] = [{"account_id": "ada", "subscription_id": "s", "started_at": "2022-01-01", "mrr": 50}]
PAYING = {"accounts.csv": ACCOUNTS, "subscriptions.csv": SUBSCRIPTIONS}
UNTIL_JUNE = "[data]\nuntil = 2024-06-15"
KILLED_BUILD = """
import os, signal, sys
from pathlib import Path
from undertow.features.publishing.unfinished import unfinished_path

with unfinished_path(Path(sys.argv[1]), "20240401") as folder:
    (folder / "as_of=2024-04-01").mkdir(parents=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def ticket(name: str, opened_at: str, recorded_at: str = "") -> Row:
    return {"account_id": "ada", "ticket_id": name, "opened_at": opened_at, "recorded_at": recorded_at or opened_at}


# --- what is read ----------------------------------------------------------------------------


def _spoil(months: Sequence[Path]) -> None:
    for month in months:
        for file in month.iterdir():
            file.write_bytes(b"no Parquet at all")


def test_only_the_months_that_its_windows_reach_are_read(project: Project) -> None:
    """`[as_of - 1095 days, as_of)` of 1 April 2024 begins on 2 April 2021 and ends with March: rows fade that long."""
    days = [f"{moment:%Y-%m}-15" for moment in month_starts(datetime(2020, 11, 1), datetime(2024, 6, 1))]
    events = [{"account_id": "ada", "occurred_at": day, "kind": "error", "session_id": day} for day in days]
    settings = project({**PAYING, "events.csv": events})
    tables = load_tables(settings, NOW)
    built = build_features(settings, tables, [APRIL])
    before = built.read().to_pylist()

    months = sorted(tables.path("events").iterdir())
    needed = [month for month in months if "month=2021-04" <= month.name <= "month=2024-03"]
    assert (len(months), len(needed)) == (44, 36)
    _spoil([month for month in months if month not in needed])
    shutil.rmtree(built.path(APRIL))
    assert build_features(settings, tables, [APRIL]).read().to_pylist() == before

    _spoil(needed[:1])
    shutil.rmtree(built.path(APRIL))
    with pytest.raises((DataError, SourceError)):
        build_features(settings, tables, [APRIL])


# --- once more -------------------------------------------------------------------------------


def test_a_row_that_came_late_is_in_the_next_build(project: Project) -> None:
    """It is written down in May as of March: the past looks other than before, from when it was known."""
    first = [ticket("t1", "2024-02-20"), ticket("t2", "2024-06-14")]
    late = [ticket("t0", "2024-02-25", recorded_at="2024-03-20")]
    opened = []
    for rows in (first, first + late):
        settings = project({**PAYING, "tickets.csv": rows})
        built = build_features(settings, load_tables(settings, NOW), [MARCH, APRIL])
        opened.append(built.read()["tickets_opened_90"].to_pylist())
    assert opened == [[1, 1], [1, 2]]


# --- a failure -------------------------------------------------------------------------------


def _left_behind(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.store_path("features").glob("*/*"))


def test_a_build_that_fails_leaves_nothing_to_be_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(database: InDuckDB, sql: str, folder: Path, asked_by: str) -> None:
        (folder / "as_of=2024-03-01").mkdir(parents=True)
        (folder / "as_of=2024-03-01" / "half.parquet").write_bytes(b"PAR1 and no more")
        raise DataError(f"{asked_by}: the disk is full")

    settings = project(PAYING, UNTIL_JUNE)
    tables = load_tables(settings, NOW)
    with monkeypatch.context() as broken:
        broken.setattr(InDuckDB, "write", write_half)
        with pytest.raises(DataError, match="features: the disk is full"):
            build_features(settings, tables, [MARCH, APRIL])
    assert _left_behind(settings) == []
    built = build_features(settings, tables, [MARCH, APRIL])
    assert built.read()["mrr"].to_pylist() == [50, 50]
    assert _left_behind(settings) == ["as_of=2024-03-01", "as_of=2024-04-01"]


def test_what_a_killed_build_left_half_written_is_swept_away_by_the_next(project: Project) -> None:
    settings = project(PAYING, UNTIL_JUNE)
    tables = load_tables(settings, NOW)
    built = build_features(settings, tables, [MARCH])
    killed = subprocess.run([sys.executable, "-c", KILLED_BUILD, str(built.folder)], cwd=Path(__file__).parents[3])
    assert killed.returncode == -9
    with unfinished_path(built.folder, "20240401") as alive:
        (alive / "as_of=2024-04-01").mkdir(parents=True)
        assert build_features(settings, tables, [APRIL]).read()["mrr"].to_pylist() == [50]
        assert _left_behind(settings) == [alive.name, f"{alive.name}.lock", "as_of=2024-03-01", "as_of=2024-04-01"]
