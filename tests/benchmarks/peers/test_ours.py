"""The features benchmark on a small event log: our plans run, their values are compared, differences are counted."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.benchmarks.peers import compare, event_log, ours


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the output of each plan on 3,000 events of three accounts."""
    folder = tmp_path_factory.mktemp("benchmark")
    event_log.main(folder / "data", 3000)
    paths = {"slots": folder / "slots", "range join": folder / "range-join"}
    for plan, path in paths.items():
        ours.main({"data": str(folder / "data"), "out": str(path), "as_ofs": ["2025-02-01", "2026-01-01"]}, plan)
    return paths


def test_the_benchmark_computes_60_columns_of_20_measures() -> None:
    assert len({column.name for column in ours.columns()}) == 60
    assert len({column.feature.name for column in ours.columns()}) == 20


def test_both_plans_yield_the_same_values(outputs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    compare.main(outputs["slots"], outputs["range join"])
    assert capsys.readouterr().out.split() == ["mismatches", "0"]


def test_a_differing_value_is_counted_and_its_column_is_named(
    outputs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in sorted(outputs["slots"].glob("as_of=*/*.parquet")):
        rows = pq.ParquetFile(file).read()
        more = pc.add(rows["page_views_90"], 1)
        changed = rows.set_column(rows.column_names.index("page_views_90"), "page_views_90", more)
        (tmp_path / file.parent.name).mkdir()
        pq.write_table(changed, tmp_path / file.parent.name / file.name)
    compare.main(outputs["slots"], tmp_path)
    assert capsys.readouterr().out.strip() == "mismatches 6 [(6, 'page_views_90')]"
