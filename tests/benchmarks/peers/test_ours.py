"""The features benchmark on a small event log: our plans run, their values are compared, differences are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.benchmarks.peers import event_log, in_command, ours
from tests.benchmarks.peers.columns import columns
from tests.benchmarks.peers.compare import compare
from tests.benchmarks.peers.difference import Difference
from undertow.features.build import account_ranges, feature_table

AS_OFS = ["2025-02-01", "2026-01-01"]
ACCOUNTS = 3
VALUES = ACCOUNTS * len(AS_OFS) * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a log of 3,000 events of three accounts."""
    folder = tmp_path_factory.mktemp("benchmark")
    event_log.main(folder / "data", 1000 * ACCOUNTS)
    return folder


def job(folder: Path, name: str, **more: object) -> dict[str, Any]:
    """Return a job that writes to `folder`/`name`."""
    paths = {"data": folder / "data", "out": folder / name, "spill": folder / "spill", "project": folder / "project"}
    return {key: str(path) for key, path in paths.items()} | {"as_ofs": AS_OFS, "memory_limit": "1GB"} | more


@pytest.fixture(scope="module")
def outputs(folder: Path) -> dict[str, Path]:
    """Return the output of each plan."""
    paths = {"slots": folder / "slots", "range join": folder / "range-join"}
    for plan, path in paths.items():
        ours.main(job(folder, path.name), plan)
    return paths


def test_the_benchmark_computes_60_columns_of_20_measures() -> None:
    assert len({column.name for column in columns()}) == 60
    assert len({column.feature.name for column in columns()}) == 20


def test_both_plans_yield_the_same_values(outputs: dict[str, Path]) -> None:
    assert compare(outputs["slots"], outputs["range join"]) == Difference(0, VALUES)


def test_slots_in_ranges_of_accounts_have_the_values_of_the_range_join(
    folder: Path, outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(account_ranges, "ROWS_PER_GB", 1000)  # 1 GB carries every row of so small a log
    ours.main(job(folder, "ranges"), "slots")
    assert capsys.readouterr().out.strip() == "2 ranges of accounts"
    assert compare(folder / "ranges", outputs["range join"]) == Difference(0, VALUES)


def test_a_sample_is_spread_over_the_accounts_and_compared_alone(folder: Path, outputs: dict[str, Path]) -> None:
    ours.main(job(folder, "sample", accounts=2), "range join")
    assert compare(outputs["slots"], folder / "sample", is_sample=True) == Difference(0, VALUES * 2 // 3)
    assert compare(outputs["slots"], folder / "sample").differing == VALUES
    files = (folder / "sample").glob("as_of=*/*.parquet")
    names = {name for file in files for name in pq.ParquetFile(file).read()["account_id"].to_pylist()}
    assert names == {"account 0000000", "account 0000002"}


def test_the_floor_reads_every_row(folder: Path) -> None:
    ours.main(job(folder, "floor"), "floor")
    assert not (folder / "floor").exists()


def test_the_command_stores_the_60_columns_with_the_same_values(
    folder: Path, outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_table, "make_catalogue", feature_table.make_catalogue)  # put back after the test
    for name in ("first", "second"):
        given = job(folder, f"command-{name}")
        in_command.load(given)
        in_command.main(given, "sixty")
        assert compare(outputs["slots"], folder / f"command-{name}") == Difference(0, VALUES)


def test_a_differing_value_is_counted_and_its_column_is_named(outputs: dict[str, Path], tmp_path: Path) -> None:
    for file in sorted(outputs["slots"].glob("as_of=*/*.parquet")):
        rows = pq.ParquetFile(file).read()
        more = pc.add(rows["page_views_90"], 1)
        changed = rows.set_column(rows.column_names.index("page_views_90"), "page_views_90", more)
        (tmp_path / file.parent.name).mkdir()
        pq.write_table(changed, tmp_path / file.parent.name / file.name)
    assert compare(outputs["slots"], tmp_path) == Difference(6, VALUES, "page_views_90 6")


def test_a_log_is_sorted_by_account_and_time_within_its_months(folder: Path) -> None:
    months = sorted((folder / "data" / "events").glob("month=*/events.parquet"))
    assert len(months) == event_log.MONTHS
    for month in months:
        rows = pq.ParquetFile(month).read(columns=["account_id", "occurred_at"])
        assert rows.equals(rows.sort_by([("account_id", "ascending"), ("occurred_at", "ascending")]))
    assert sum(pq.read_metadata(month).num_rows for month in months) == 1000 * ACCOUNTS
