"""What each contender cost, as tables: CPU seconds, memory and disk, and ratios of contenders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

from tests.benchmarks.features.contenders import AS_OFS, CONTENDERS, HUNDRED, MILLION, TEN
from tests.benchmarks.features.one_run import Usage
from tests.benchmarks.peers.difference import Difference

SHORT = {MILLION: "1M", TEN: "10M", HUNDRED: "100M"}
LIMITS = {each.name: each.limit for each in CONTENDERS}


@dataclass
class Cost:
    """What the runs of one contender on one event log used, one `Usage` per round.

    `difference`: from the values that it is compared with, or None. `failed`: last line of output of a run that did
    not finish.
    """

    runs: list[Usage] = field(default_factory=list)
    difference: Difference | None = None
    failed: str = ""

    @property
    def whole(self) -> float:
        """Return the CPU seconds of the whole process, median of the rounds."""
        return median(run.whole for run in self.runs)

    @property
    def work(self) -> float:
        """Return the CPU seconds without imports, median of the rounds."""
        return median(run.work for run in self.runs)

    @property
    def peak(self) -> float:
        """Return the largest resident memory of any round, GB."""
        return max(run.peak for run in self.runs)

    @property
    def disk(self) -> float:
        """Return the most temporary disk of any round, GB."""
        return max(run.disk for run in self.runs)


Key = tuple[str, int]  # contender, events
Costs = dict[Key, Cost]


@dataclass(frozen=True)
class Ratio:
    """The cost of one contender over that of another; `whole`: of the whole processes, imports included."""

    above: Key
    below: Key
    is_whole: bool = False

    def of(self, costs: Costs) -> float | None:
        """Return the ratio, or None where one of both was not measured."""
        if self.above not in costs or self.below not in costs:
            return None
        value: Callable[[Cost], float] = (lambda cost: cost.whole) if self.is_whole else (lambda cost: cost.work)
        return value(costs[self.above]) / value(costs[self.below])


RATIOS = (
    ("range join / slots, 1M", ("range join", MILLION), ("slots", MILLION)),
    ("range join / slots, every event column, 10M", ("catalogue range join", TEN), ("catalogue slots", TEN)),
    ("Polars / slots, 1M", ("polars", MILLION), ("slots", MILLION)),
    (f"{len(AS_OFS)} as_ofs / the newest alone, 10M", ("slots", TEN), ("one as_of", TEN)),
    ("pandas / slots, 1M", ("pandas", MILLION), ("slots", MILLION)),
    ("pandas / slots, 10M", ("pandas", TEN), ("slots", TEN)),
    ("slots with 2 GB / with 8 GB, 10M", ("slots in 2GB", TEN), ("slots", TEN)),
    ("slots with 2 GB, 10M / 1M", ("slots in 2GB", TEN), ("slots in 2GB", MILLION)),
    ("floor, 100M / 10M", ("floor", HUNDRED), ("floor", TEN)),
    ("command with every column / with the 60 columns, 1M", ("command, catalogue", MILLION), ("command", MILLION)),
    ("into LightGBM: pandas / Arrow", ("pandas to lightgbm", MILLION), ("arrow to lightgbm", MILLION)),
)


def finished(costs: Costs) -> Costs:
    """Return the costs of the contenders that finished every round."""
    return {key: cost for key, cost in costs.items() if not cost.failed}


def costs_table(costs: Costs) -> Table:
    """Return one line per contender and event log; `GB of` is the memory limit, where there is one."""
    table = Table(title="CPU seconds, median of the rounds, and peaks of memory and temporary disk", box=None,
                  title_justify="left")  # fmt: skip
    headers = ("Contender", "Events", "Rounds", "Whole", "Work", "Peak GB", "of", "Disk GB", "Differing values")
    for header in headers:
        table.add_column(header, justify="left" if header == "Contender" else "right")
    for (name, events), cost in finished(costs).items():
        limit = LIMITS.get(name)
        table.add_row(
            name, SHORT.get(events, f"{events:,}"), str(len(cost.runs)), f"{cost.whole:.2f}", f"{cost.work:.2f}",
            f"{cost.peak:.2f}", "" if limit is None else f"{limit:g}", "" if limit is None else f"{cost.disk:.2f}",
            difference_text(cost.difference),
        )  # fmt: skip
    return table


def difference_text(difference: Difference | None) -> str:
    """Return how many values differ of how many, and in which columns."""
    if difference is None:
        return ""
    note = f" ({difference.note})" if difference.note else ""
    return f"{difference.differing:,} of {difference.compared:,}{note}"


def ratios_table(costs: Costs) -> Table:
    """Return the ratios for which no goal is set, of those contenders that were run."""
    table = Table(title="Ratios without a goal", box=None, title_justify="left")
    for header in ("", "Work", "Whole"):
        table.add_column(header, justify="right" if header else "left")
    for label, above, below in RATIOS:
        both = [Ratio(above, below, is_whole).of(finished(costs)) for is_whole in (False, True)]
        if None not in both:
            table.add_row(label, *(f"{ratio:.2f}" for ratio in both))
    return table


def failures(costs: Costs) -> str:
    """Return one line per contender that did not finish."""
    return "\n".join(f"{name}, {events:,} events: FAILED" for (name, events), cost in costs.items() if cost.failed)
