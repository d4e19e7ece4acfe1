"""What nobody outside the simulator may see: true hazards and true churn probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.errors import TimeError
from features.simulator.observe import account_ids, timestamps, write
from features.simulator.parameters import Parameters
from features.simulator.world import (
    Floats,
    Ints,
    Releases,
    State,
    Weather,
    World,
    draw_releases,
    paint,
    step,
    stream,
)

HORIZONS_DAYS = (30, 60, 90)


def daily_hazards(world: World) -> pa.Table:
    """Return one row per account-day at risk: account_id, day, h_voluntary, h_involuntary.

    A hazard is the chance to leave on that day for an account present at its start, 0 to 1.
    """
    account, day = np.nonzero(world.present.T)
    return pa.table(
        {
            "account_id": account_ids(account),
            "day": timestamps(world.parameters, day.astype(np.int64) * 86_400_000_000),
            "h_voluntary": world.hazards.voluntary[day, account],
            "h_involuntary": world.hazards.involuntary[day, account],
        }
    )


def churn_probability(
    world: World,
    as_of: date,
    horizons_days: Sequence[int] = HORIZONS_DAYS,
    paths: int = 64,
    seed: int = 0,
) -> pa.Table:
    """Return the true chance to churn in [as_of, as_of + horizon) of each account at risk.

    Columns: account_id, as_of, horizon_days, p_voluntary, p_involuntary, p. The state at as_of
    is branched into `paths` futures with fresh shocks and fresh releases, and hazards are
    integrated along each (Rao-Blackwell): the mean of 1 - prod(1 - h), by cause. Coming back
    takes 45 days or more, so this is churn with no return within 30 days.
    """
    day = _month_start(world, as_of)
    at_risk = np.flatnonzero(world.frozen[day].active)
    shares = _incidence(world, day, at_risk, tuple(sorted(horizons_days)), paths, seed)
    parts = [_part(world, day, at_risk, h, by_cause) for h, by_cause in shares.items()]
    return pa.concat_tables(parts)


def _month_start(world: World, as_of: date) -> int:
    day = (as_of - world.parameters.start).days
    if day not in world.frozen:
        last = world.parameters.first_day + world.parameters.days
        raise TimeError(
            f"Truth is kept for the first of each month from {world.parameters.start} to {last}, "
            f"not for {as_of}. Choose one of those."
        )
    return day


def _part(world: World, day: int, at_risk: Ints, horizon: int, by_cause: Floats) -> pa.Table:
    as_of = np.full(len(at_risk), day, np.int64) * 86_400_000_000
    return pa.table(
        {
            "account_id": account_ids(at_risk),
            "as_of": timestamps(world.parameters, as_of),
            "horizon_days": np.full(len(at_risk), horizon, np.int32),
            "p_voluntary": by_cause[0],
            "p_involuntary": by_cause[1],
            "p": by_cause.sum(axis=0),
        }
    )


def _incidence(
    world: World, day: int, at_risk: Ints, horizons: tuple[int, ...], paths: int, seed: int
) -> dict[int, Floats]:
    """Return, for each horizon, the cumulative incidence by cause, shape (2, n_at_risk)."""
    p, rng = world.parameters, stream(world.seed, 4, day, seed)
    static = world.static.take(at_risk).repeat(paths)
    state: State = world.frozen[day].take(at_risk).repeat(paths)
    weather = _futures(p, world.releases, day, horizons[-1], paths, rng)
    alive = np.ones(len(static.term))
    lost = np.zeros((2, len(alive)))
    found: dict[int, Floats] = {}
    for ahead in range(horizons[-1]):
        state, _, hazards = step(p, static, state, day + ahead, rng, weather, expected_cards=True)
        lost[0] += alive * hazards.voluntary
        lost[1] += alive * hazards.involuntary
        alive *= 1.0 - hazards.voluntary - hazards.involuntary
        if ahead + 1 in horizons:
            found[ahead + 1] = lost.reshape(2, -1, paths).mean(axis=2)
    return found


def _futures(
    p: Parameters, releases: Releases, day: int, horizon: int, paths: int, rng: np.random.Generator
) -> Weather:
    """Lay what is already broken at `day`, and fresh releases per path, over the days ahead."""
    days = (day, day + horizon)
    known = np.flatnonzero((releases.start < day) & (releases.end > day))
    broken = {f.name: np.tile(getattr(releases, f.name)[known], paths) for f in fields(Releases)}
    broken["calendar"] = np.repeat(np.arange(paths), len(known))
    fresh = draw_releases(p, rng, days, paths)
    names = [f.name for f in fields(Releases)]
    both = {name: np.concatenate([broken[name], getattr(fresh, name)]) for name in names}
    return paint(Releases(**both), days, paths)


def write_truth(
    world: World, out: Path, paths: int = 32, progress: Callable[[float], None] | None = None
) -> None:
    """Write `daily_hazards.parquet`, and `churn_probability.parquet` for the last 12 months."""
    out.mkdir(parents=True, exist_ok=True)
    write(daily_hazards(world), out / "daily_hazards.parquet")
    days = sorted(world.frozen)[-13:]
    parts = []
    for done, day in enumerate(days):
        as_of = world.parameters.start + timedelta(days=day)
        parts.append(churn_probability(world, as_of, paths=paths))
        if progress is not None:
            progress((done + 1) / len(days))
    write(pa.concat_tables(parts), out / "churn_probability.parquet")
