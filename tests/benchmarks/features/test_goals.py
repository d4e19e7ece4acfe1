"""Goals for the cost of features, judged from results made by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.features.__main__ import results_text
from tests.benchmarks.features.contenders import CONTENDERS, HUNDRED, MILLION, TEN, Contender
from tests.benchmarks.features.costs import RATIOS, Cost, Costs
from tests.benchmarks.features.goals import GOALS, disk_claim, equality_claim, goal_claims, memory_claim, ratio_claim
from tests.benchmarks.features.one_run import RunFailed, Usage, run
from tests.benchmarks.peers.difference import Difference
from tests.benchmarks.report import Claim

RANGE_JOIN = next(goal for goal in GOALS if goal.text == "range join / slots, 10M events")
GROWTH = next(goal for goal in GOALS if goal.is_most and not goal.ratio.is_whole)
FLOOR = next(goal for goal in GOALS if goal.is_share)
COMMAND = next(goal for goal in GOALS if goal.ratio.is_whole)


def cost(work: float, whole: float = 0.0, peak: float = 0.5, disk: float = 0.0) -> Cost:
    """Return the cost of three rounds: the median is `work`, the peaks are those of the last round."""
    rounds = [(work * 0.9, 0.1), (work * 3, 0.1), (work, peak)]
    return Cost([Usage(whole or each + 0.5, each, one, disk * (one == peak)) for each, one in rounds])


def held(name: str, events: int, **more: float) -> Costs:
    return {(name, events): cost(1.0, **more)}


@pytest.mark.parametrize(("work", "measured", "holds"), [(14.0, "7.00; whole", True), (13.9, "6.95; whole", False)])
def test_a_ratio_compares_the_medians_of_work_with_its_limit(work: float, measured: str, holds: bool) -> None:
    costs = {("range join", TEN): cost(work), ("slots", TEN): cost(2.0)}
    claim = ratio_claim(RANGE_JOIN, costs)
    assert claim.text == "range join / slots, 10M events: at least 7"
    assert claim.measured.startswith(measured) and claim.holds is holds


@pytest.mark.parametrize(("work", "holds"), [(12.0, True), (12.1, False)])
def test_growth_must_stay_below_its_limit(work: float, holds: bool) -> None:
    costs = {("slots in 2GB", HUNDRED): cost(work), ("slots in 2GB", TEN): cost(1.0)}
    claim = ratio_claim(GROWTH, costs)
    assert claim.text.endswith("at most 12") and claim.holds is holds


def test_the_floor_is_a_share_of_the_slots() -> None:
    claim = ratio_claim(FLOOR, {("floor", TEN): cost(0.36), ("slots", TEN): cost(1.0)})
    assert claim.text.endswith("at least 35%") and claim.measured.startswith("36%; whole") and claim.holds


def test_the_command_is_judged_by_whole_processes() -> None:
    costs = {("command", MILLION): cost(0.1, whole=1.4), ("polars", MILLION): cost(0.5, whole=1.0)}
    claim = ratio_claim(COMMAND, costs)
    assert claim.measured == "1.40; work 0.20" and claim.holds is False


def test_equal_values_hold_only_if_every_contender_has_them() -> None:
    costs = {("polars", TEN): cost(1.0), ("pandas", TEN): cost(1.0), ("slots", TEN): cost(1.0)}
    assert equality_claim(TEN, costs).holds is None
    costs["polars", TEN].difference = Difference(0, 600)
    assert equality_claim(TEN, costs) == Claim("no value differs, 10M events", "0 of 600, 1 contender", True)
    costs["pandas", TEN].difference = Difference(3, 600, "errors_7 3")
    claim = equality_claim(TEN, costs)
    assert claim.measured == "3 of 1,200, 2 contenders; pandas 3" and claim.holds is False


def test_a_comparison_of_nothing_does_not_hold() -> None:
    costs = held("polars", HUNDRED)
    costs["polars", HUNDRED].difference = Difference(0, 0)
    assert equality_claim(HUNDRED, costs).holds is False


@pytest.mark.parametrize(("peak", "holds"), [(2.4, True), (2.41, False)])
def test_memory_is_judged_by_the_contender_closest_to_its_limit(peak: float, holds: bool) -> None:
    costs = held("slots in 2GB", TEN, peak=peak) | held("slots", TEN, peak=5.0) | held("polars", TEN, peak=30.0)
    claim = memory_claim(TEN, costs)
    assert claim.measured.endswith(f"{peak:.2f} GB of 2, slots in 2GB; 2 contenders") and claim.holds is holds
    assert memory_claim(MILLION, costs).holds is None


@pytest.mark.parametrize(("disk", "holds"), [(19.9, True), (20.0, False)])
def test_temporary_disk_is_judged_by_the_contender_that_takes_most(disk: float, holds: bool) -> None:
    costs = held("slots in 2GB", HUNDRED, disk=disk) | held("slots", TEN, disk=1.0)
    claim = disk_claim(costs)
    assert claim.measured == f"{disk:.2f} GB at most: slots in 2GB, 100M events" and claim.holds is holds
    assert disk_claim(held("polars", TEN)).holds is None


def test_every_goal_names_contenders_that_run_at_its_size() -> None:
    sizes = {each.name: each.sizes for each in CONTENDERS}
    ratios = [goal.ratio for goal in GOALS]
    named = [key for ratio in ratios for key in (ratio.above, ratio.below)]
    named += [key for _, above, below in RATIOS for key in (above, below)]
    assert all(events in sizes[name] for name, events in named)
    assert all(each.against in {"", *sizes} for each in CONTENDERS)


def test_a_contender_that_failed_is_named_and_its_goals_are_not_judged() -> None:
    costs = {("range join", TEN): Cost(failed="out of memory"), ("slots", TEN): cost(2.0)}
    text = results_text(costs)
    assert "range join, 10,000,000 events: FAILED" in text
    assert all(claim.holds is None for claim in goal_claims(costs) if "range join" in claim.text)


def test_the_tables_show_cost_limit_and_difference() -> None:
    costs = {("slots in 2GB", TEN): cost(2.0, whole=2.5, peak=0.75, disk=1.5)}
    costs["slots in 2GB", TEN].difference = Difference(1, 600, "errors_7 1")
    [line] = [line for line in results_text(costs).splitlines() if line.startswith(" slots in 2GB")]
    assert line.split() == ["slots", "in", "2GB", "10M", "3", "2.50", "2.00", "0.75", "2", "1.50",
                            "1", "of", "600", "(errors_7", "1)"]  # fmt: skip


def test_a_run_is_measured_and_its_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "spills.py"
    program.write_text(
        "import json, sys, time\nfrom pathlib import Path\njob = json.loads(Path(sys.argv[1]).read_text())\n"
        "print('ready 0.001')\nPath(job['spill']).mkdir()\n"
        "(Path(job['spill']) / 'file').write_bytes(bytes(10_000_000))\ntime.sleep(1)\n"
    )
    monkeypatch.setattr(Contender, "command", lambda _, job, __: [sys.executable, str(program), str(job)])
    used = run(Contender("spills", "none"), 5, tmp_path)
    assert 0.009 < used.disk < 0.011 and used.peak > 0.001 and 0 < used.work < used.whole
    assert not list((tmp_path / "outputs").glob("*-spill"))
    program.write_text("print('ready 0')\nprint('no memory left')\nraise SystemExit(1)")
    with pytest.raises(RunFailed, match="no memory left"):
        run(Contender("spills", "none"), 5, tmp_path)
