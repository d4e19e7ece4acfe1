"""The ways to compute the features that are compared: our plans, the range join, and other tools."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

PEERS = Path(__file__).parents[1] / "peers"
MODULE = "tests.benchmarks.peers"
AS_OFS = [f"2025-{month:02}-01" for month in range(2, 13)] + ["2026-01-01"]
NEEDS = {
    "polars": ["polars>=2,<3"],
    "pandas": ["pandas>=3,<4", "pyarrow"],
    "featuretools": ["featuretools==1.31.0", "pandas==2.2.3", "numpy<2", "pyarrow<20", "setuptools<81"],
}
MILLION, TEN, HUNDRED = 1_000_000, 10_000_000, 100_000_000
SAMPLE = 1_000  # accounts computed by the range join at 100 million events


@dataclass(frozen=True)
class Contender:
    """One way to compute the features: a module of tests/benchmarks/peers, and the environment that it runs in.

    `what`: the second argument of the module. `job`: entries of the job file that differ from the usual ones; an entry
    "memory_limit" is DuckDB's, in bytes as "2GB". `env`: "" for our own environment. `sizes`: events in the logs that
    it is run on. `rounds`: the most rounds in which it is run. `against`: the contender whose values its own are
    compared with; "" for none.
    """

    name: str
    code: str
    what: str = ""
    job: dict[str, object] = field(default_factory=dict)
    env: str = ""
    sizes: tuple[int, ...] = (MILLION, TEN)
    rounds: int = 3
    against: str = ""

    @property
    def limit(self) -> float | None:
        """Return the memory limit in GB, or None where there is none."""
        return float(str(self.job["memory_limit"]).removesuffix("GB")) if "memory_limit" in self.job else None

    def command(self, job: Path, envs: Path) -> list[str]:
        """Return the command line of one run."""
        if self.env:
            return [str(envs / self.env / "bin" / "python"), str(PEERS / f"{self.code}.py"), str(job)]
        return [sys.executable, "-m", f"{MODULE}.{self.code}", str(job), self.what]


IN_8GB: dict[str, object] = {"memory_limit": "8GB"}
IN_2GB: dict[str, object] = {"memory_limit": "2GB"}  # what a project has unless it sets another
SPARK: dict[str, object] = {"engine": "spark"}
CATALOGUE: dict[str, object] = {"columns": "catalogue"} | IN_8GB
ALL = (MILLION, TEN, HUNDRED)
CONTENDERS = (
    Contender("slots", "ours", "slots", IN_8GB),
    Contender("range join", "ours", "range join", IN_8GB, against="slots"),
    Contender("floor", "ours", "floor", IN_8GB, sizes=ALL),
    Contender("one as_of", "ours", "slots", {"as_ofs": AS_OFS[-1:]} | IN_8GB),
    Contender("slots in 2GB", "ours", "slots", IN_2GB, sizes=ALL, against="slots"),
    Contender("range join of a sample", "ours", "range join", {"accounts": SAMPLE} | IN_8GB, sizes=(HUNDRED,),
              against="slots in 2GB"),
    Contender("command", "in_command", "sixty", IN_2GB, sizes=(MILLION,), against="slots"),
    Contender("command, catalogue", "in_command", "catalogue", IN_2GB, sizes=(MILLION,)),
    Contender("polars", "in_polars", env="polars", against="slots"),
    Contender("pandas", "in_pandas", env="pandas", against="slots"),
    Contender("featuretools", "in_featuretools", env="featuretools", sizes=(MILLION,), rounds=1, against="slots"),
    Contender("catalogue slots", "ours", "slots", CATALOGUE),
    Contender("catalogue range join", "ours", "range join", CATALOGUE, rounds=1, against="catalogue slots"),
    Contender("spark slots", "ours", "slots", SPARK, sizes=(MILLION,), rounds=2, against="slots"),
    Contender("spark range join", "ours", "range join", SPARK, sizes=(MILLION,), rounds=2, against="spark slots"),
    Contender("arrow to lightgbm", "to_lightgbm", "arrow", sizes=(MILLION,)),
    Contender("pandas to lightgbm", "to_lightgbm", "pandas", sizes=(MILLION,)),
)  # fmt: skip
