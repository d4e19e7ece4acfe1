"""The simulator is the yardstick, so its own claims are measured here: one seed, one world, whole files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.features.simulator.small_world import SMALL
from tests.features.simulator.written import TABLES
from undertow.features.errors import SettingsError
from undertow.features.simulator import Parameters, World, event_months, observe, run, simulate, write_truth


def test_the_same_seed_writes_the_same_bytes(small: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path)
    for name in TABLES:
        assert (tmp_path / f"{name}.parquet").read_bytes() == (small / f"{name}.parquet").read_bytes(), name


def test_another_seed_is_another_world(small: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path, seed=8)
    for name in set(TABLES) - {"merges"}:  # nobody merges in a world so small
        assert (tmp_path / f"{name}.parquet").read_bytes() != (small / f"{name}.parquet").read_bytes(), name


def test_events_come_one_month_at_a_time_and_are_the_ones_that_are_written(village: World, small: Path) -> None:
    months = event_months(village)
    assert isinstance(months, Iterator)
    parts = list(months)
    assert len(parts) == SMALL.months
    for number, part in enumerate(parts):
        months_of = part["recorded_at"].to_numpy().astype("datetime64[M]")
        assert set(months_of) == {np.datetime64("2023-01") + number}
    assert pa.concat_tables(parts).equals(pq.read_table(small / "events.parquet"))


def test_tables_are_the_ones_that_are_written(village: World, small: Path) -> None:
    for name, table in observe(village).items():
        assert table.equals(pq.read_table(small / f"{name}.parquet")), name


def test_every_table_has_the_columns_that_undertow_reads(small: Path) -> None:
    assert {path.stem for path in small.iterdir()} == set(TABLES)
    for name, table in TABLES.items():
        extra = {"load_ms"} if name == "events" else set()  # the new name that apps give to their load time
        assert set(pq.read_schema(small / f"{name}.parquet").names) == {c.name for c in table.columns} | extra


def test_progress_rises_to_one_and_rows_are_counted(tmp_path: Path) -> None:
    told: list[float] = []
    summary = simulate("tiny", tmp_path, accounts=40, months=4, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    assert (summary.world, summary.accounts, summary.days) == ("tiny", 40, 120)
    assert summary.rows == {name: pq.read_metadata(tmp_path / f"{name}.parquet").num_rows for name in TABLES}


@pytest.mark.parametrize("which", ["out", "truth"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, which: str) -> None:
    (tmp_path / which).write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="is a file"):
        simulate(SMALL, tmp_path / "out", truth=tmp_path / "truth")
    assert (tmp_path / which).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("accounts, months", [(1, 1), (1, 2), (3, 2)])
def test_the_smallest_worlds_are_written_whole(tmp_path: Path, accounts: int, months: int) -> None:
    for seed in range(4):
        simulate(Parameters(accounts=accounts, months=months, leaks=seed > 1), tmp_path, seed=seed)
        assert {path.stem for path in tmp_path.glob("*.parquet")} == set(TABLES)


@pytest.mark.parametrize("accounts, months, seed", [(1, 1, 0), (3, 2, 1)])
def test_the_truth_of_the_smallest_worlds_is_written_whole(
    tmp_path: Path, accounts: int, months: int, seed: int
) -> None:
    write_truth(run(Parameters(accounts=accounts, months=months), seed), tmp_path, months=1, paths=4)
    assert len(list(tmp_path.glob("*.parquet"))) == 5


def test_the_first_day_is_the_one_asked_for(tmp_path: Path) -> None:
    summary = simulate(replace(SMALL, start=date(2024, 2, 1), months=1), tmp_path)
    assert summary.days == 29
    first = pq.read_table(tmp_path / "events.parquet")["recorded_at"].to_numpy().min()
    assert first.astype("datetime64[D]") == np.datetime64("2024-02-01")
