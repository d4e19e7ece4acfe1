"""What `make bench` states about its own time, and about loading."""

from __future__ import annotations

import pytest

from tests.benchmarks.__main__ import time_claim
from tests.benchmarks.loading import Reading, results_text


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
    readings = {"this release": Reading([9.0, 10.0, 20.0], [1.0, 2.5, 2.0])}
    assert results_text(readings, 1000) == (
        "this release: 10.0 CPU seconds for 1,000 events, median of 3; peak memory 2.50 GB, DuckDB's limit 6 GB"
    )
    beside = readings | {"the other": Reading([20.0], [1.0])}
    assert results_text(beside, 1000).splitlines()[-1] == "ratio: 0.50"
