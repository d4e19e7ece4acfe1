"""Goals for the cost of features: numbers fixed before the measurement. A ratio is of work, where not of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.features.contenders import HUNDRED, MILLION, TEN
from tests.benchmarks.features.costs import LIMITS, SHORT, Cost, Costs, Ratio, finished
from tests.benchmarks.report import Claim

NOT_MEASURED = "not measured"
MOST_MEMORY = 1.2  # peak resident memory, times the memory limit
MOST_DISK = 20.0  # GB of temporary files
SIZES = (MILLION, TEN, HUNDRED)


@dataclass(frozen=True)
class RatioGoal:
    """A ratio and the least that it should be, or with `is_most` the most."""

    text: str
    ratio: Ratio
    limit: float
    is_most: bool = False
    is_share: bool = False


GOALS = (
    RatioGoal("range join / slots, 10M events", Ratio(("range join", TEN), ("slots", TEN)), 7),
    RatioGoal("Polars / slots, 10M events", Ratio(("polars", TEN), ("slots", TEN)), 2),
    RatioGoal("Featuretools / slots, 1M events", Ratio(("featuretools", MILLION), ("slots", MILLION)), 40),
    RatioGoal("one scan of every value (floor) / slots, 10M events", Ratio(("floor", TEN), ("slots", TEN)), 0.35,
              is_share=True),
    RatioGoal("slots of 100M / of 10M events, with 2 GB", Ratio(("slots in 2GB", HUNDRED), ("slots in 2GB", TEN)), 12,
              is_most=True),
    RatioGoal("the newest as_of alone / one scan of every value (floor), 10M events",
              Ratio(("one as_of", TEN), ("floor", TEN)), 0.6, is_most=True),
    RatioGoal("Spark local[2], range join / slots, 1M events",
              Ratio(("spark range join", MILLION), ("spark slots", MILLION)), 2),
    RatioGoal("command `undertow features` / Polars, whole processes, 1M events",
              Ratio(("command", MILLION), ("polars", MILLION), is_whole=True), 1.3, is_most=True),
)  # fmt: skip


def goal_claims(costs: Costs) -> list[Claim]:
    """Return whether the goals hold: of ratios, of equal values, of memory and of temporary disk."""
    done = finished(costs)
    claims = [ratio_claim(goal, done) for goal in GOALS]
    claims += [equality_claim(events, done) for events in SIZES]
    claims += [memory_claim(events, done) for events in SIZES]
    return [*claims, disk_claim(done)]


def ratio_claim(goal: RatioGoal, costs: Costs) -> Claim:
    """Judge a ratio of two costs."""
    limit = f"{goal.limit:.0%}" if goal.is_share else f"{goal.limit:g}"
    text = f"{goal.text}: at {'most' if goal.is_most else 'least'} {limit}"
    found = goal.ratio.of(costs)
    if found is None:
        return Claim(text, NOT_MEASURED, None)
    other = Ratio(goal.ratio.above, goal.ratio.below, not goal.ratio.is_whole).of(costs)
    shown = f"{found:.0%}" if goal.is_share else f"{found:.2f}"
    beside = f"{other:.0%}" if goal.is_share else f"{other:.2f}"
    measured = f"{shown}; {'work' if goal.ratio.is_whole else 'whole processes'} {beside}"
    return Claim(text, measured, found <= goal.limit if goal.is_most else found >= goal.limit)


def equality_claim(events: int, costs: Costs) -> Claim:
    """Judge whether every contender that is compared at this size has the values that it is compared with."""
    text = f"no value differs, {SHORT[events]} events"
    compared = {
        name: cost.difference for (name, size), cost in costs.items() if size == events and cost.difference is not None
    }
    if not compared:
        return Claim(text, NOT_MEASURED, None)
    differing = {name: each.differing for name, each in compared.items() if each.differing}
    values = sum(each.compared for each in compared.values())
    measured = f"{sum(differing.values()):,} of {values:,}, {_contenders(len(compared))}"
    measured += "".join(f"; {name} {number:,}" for name, number in differing.items())
    return Claim(text, measured, values > 0 and not differing)


def memory_claim(events: int, costs: Costs) -> Claim:
    """Judge the peak resident memory of every contender with a memory limit, by the one that comes closest."""
    text = f"peak memory at most {MOST_MEMORY} times the limit, {SHORT[events]} events"
    shares = {name: cost.peak / limit for name, cost, limit in _limited(events, costs)}
    if not shares:
        return Claim(text, NOT_MEASURED, None)
    worst = max(shares, key=shares.__getitem__)
    peak = costs[worst, events].peak
    measured = f"{shares[worst]:.2f} times: {peak:.2f} GB of {LIMITS[worst]:g}, {worst}; {_contenders(len(shares))}"
    return Claim(text, measured, shares[worst] <= MOST_MEMORY)


def disk_claim(costs: Costs) -> Claim:
    """Judge the temporary disk of every contender with a memory limit, by the one that takes most."""
    text = f"temporary disk below {MOST_DISK:g} GB"
    disks = {(name, events): cost.disk for events in SIZES for name, cost, _ in _limited(events, costs)}
    if not disks:
        return Claim(text, NOT_MEASURED, None)
    name, events = max(disks, key=disks.__getitem__)
    most = disks[name, events]
    return Claim(text, f"{most:.2f} GB at most: {name}, {SHORT[events]} events", most < MOST_DISK)


def _limited(events: int, costs: Costs) -> list[tuple[str, Cost, float]]:
    """Return the contenders of this size that have a memory limit: name, cost, limit in GB."""
    named = [(name, cost, LIMITS.get(name)) for (name, size), cost in costs.items() if size == events]
    return [(name, cost, limit) for name, cost, limit in named if limit is not None]


def _contenders(number: int) -> str:
    return f"{number} contender{'s' * (number != 1)}"
