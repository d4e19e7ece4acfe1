"""A subscription business whose truth is known, to measure Undertow against.

`simulate` writes the nine tables as a company would have recorded them and, apart from them,
the true hazards and churn probabilities. Training reads the tables only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from features.errors import SettingsError, did_you_mean
from features.simulator.observe import observe, write
from features.simulator.parameters import PRESETS, Parameters
from features.simulator.truth import churn_probability, daily_hazards, write_truth
from features.simulator.world import World, run

__all__ = [
    "PRESETS",
    "Parameters",
    "Summary",
    "World",
    "churn_probability",
    "daily_hazards",
    "observe",
    "run",
    "simulate",
]


@dataclass(frozen=True)
class Summary:
    """What was written: accounts, days of history, and the number of rows of each table."""

    preset: str
    seed: int
    accounts: int
    days: int
    rows: dict[str, int]


def simulate(
    preset: str,
    out: Path,
    *,
    seed: int = 7,
    accounts: int | None = None,
    months: int | None = None,
    truth: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Summary:
    """Write `out/<table>.parquet` for each of the nine tables, and the truth where asked.

    `accounts` and `months` override the preset. `progress` receives the share done, 0 to 1.
    The same arguments write the same bytes.
    """
    parameters = _parameters(preset, accounts, months)
    tell = progress or _silent
    world = run(parameters, seed, lambda share: tell(0.3 * share))
    tables = observe(world)
    tell(0.5)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write(table, out / f"{name}.parquet")
    tell(0.6)
    if truth is not None:
        write_truth(world, truth, progress=lambda share: tell(0.6 + 0.4 * share))
    tell(1.0)
    rows = {name: table.num_rows for name, table in tables.items()}
    return Summary(preset, seed, parameters.accounts, parameters.days, rows)


def _parameters(preset: str, accounts: int | None, months: int | None) -> Parameters:
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        raise SettingsError(
            f"Unknown preset '{preset}'; there are {known}.{did_you_mean(preset, PRESETS)}"
        )
    chosen = PRESETS[preset]
    return replace(
        chosen,
        accounts=chosen.accounts if accounts is None else accounts,
        months=chosen.months if months is None else months,
    )


def _silent(share: float) -> None:
    """Tell nobody."""
