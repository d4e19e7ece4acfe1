"""What `make bench` states about its own time, and about loading."""

from __future__ import annotations

import pytest

from tests.benchmarks import databases, json_lines
from tests.benchmarks.__main__ import time_claim
from tests.benchmarks.loading import AFTER, OTHER, THIS, Reading, results_text


@pytest.mark.parametrize(("features", "holds"), [(50.0, True), (58.0, False)])
def test_the_time_is_that_of_all_benchmarks(features: float, holds: bool) -> None:
    claim = time_claim({"scoring": 1.0, "loading": 2.0, "features": features}, is_reused=False)
    assert claim.holds is holds
    assert claim.measured.startswith(f"{features + 3:.0f} minutes on ")
    assert claim.measured.endswith(f"scoring 1.0, loading 2.0, features {features:.1f}; event logs and environments "
                                   "made anew")  # fmt: skip


def test_kept_files_are_stated_beside_the_time() -> None:
    assert time_claim({"features": 1.0}, is_reused=True).measured.endswith("; with files kept from an earlier run")


def test_the_time_of_a_run_that_failed_is_not_judged() -> None:
    claim = time_claim({"scoring": 0.1}, is_reused=True, failed="scoring failed")
    assert claim.holds is None and claim.measured.endswith("; scoring failed")


def test_loading_states_its_median_time_and_largest_memory() -> None:
    readings = {THIS: Reading([9.0, 10.0, 20.0], [1.0, 2.5, 2.0]), AFTER: Reading([1.5], [0.5])}
    first, second, share = results_text(readings, 1000).splitlines()
    assert first == (
        "1,000 events, this release: 10.0 CPU seconds, median of 3; peak memory 2.50 GB, DuckDB's limit 2 GB"
    )
    assert second.startswith("1,000 events, the next run, with 1% added: 1.5 CPU seconds")
    assert share == "the next run as a share of the first: 15.0%; at most 10%: FAILS"
    readings[AFTER] = Reading([0.9], [0.5])
    assert results_text(readings, 1000).endswith("9.0%; at most 10%: holds")
    beside = readings | {OTHER: Reading([20.0], [1.0])}
    assert results_text(beside, 1000).splitlines()[-1] == "this release / the other: 0.50"


def test_reading_a_database_states_its_ratio_to_a_bare_read() -> None:
    readings = {databases.OURS: Reading([6.0, 8.0], [0.4]), databases.BARE: Reading([5.0], [0.3])}
    first, _, ratio = databases.results_text(readings, 1000).splitlines()
    assert first == "1,000 rows of 15 columns, into a snapshot: 7.0 s, median of 2; peak memory 0.40 GB"
    assert ratio == "into a snapshot / bare ADBC to Parquet: 1.40; at most 1.5: holds"


def test_json_is_compared_with_parquet_beside_its_unpacking() -> None:
    seconds = {json_lines.PARQUET: [10.0], json_lines.JSON: [14.0, 16.0, 15.0], json_lines.UNPACKED: [3.0]}
    *_, ratio = json_lines.results_text(seconds, 1000).splitlines()
    assert ratio.endswith("1.20; at most 1.3: holds")
    assert json_lines.results_text(seconds | {json_lines.JSON: [17.0]}, 1).endswith("FAILS")
