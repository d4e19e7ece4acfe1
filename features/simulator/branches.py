"""The future of a world from one moment, lived many times over: what was going to happen, on average.

A branch starts from the state of a day, with fresh shocks and a fresh calendar of releases, and
draws no exits: hazards are integrated along each path (Rao-Blackwell), which needs far fewer paths
than counting. Two branches with the same seed meet the same luck, so that their difference is what a
lever does (common random numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.history import World, stream
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.releases import (
    ReleaseEffects,
    draw_releases,
    joined,
    paint,
    still_broken,
)
from undertow.features.simulator.state import Floats, Ints, State, Static
from undertow.features.simulator.world import step

PATHS = 200  # futures of each account
MONTH_DAYS = 365.25 / 12
BATCH_ROWS = 16_384  # paths lived at once: their arrays stay in the processor's cache
THREADS = 2

Change = Callable[[State], State]


@dataclass(frozen=True)
class Futures:
    """What the paths of each account say, accounts in the order asked for.

    `lost`: (n_horizons, 2, n_accounts), P(voluntary) and P(involuntary churn) before each horizon.
    `mrr`: (n_months, n_accounts), expected MRR at the end of each month ahead, EUR; 0 once gone.
    `paid`: (n_accounts, n_paths), sum of the MRR at those month ends, with the exit drawn.
    """

    lost: Floats
    mrr: Floats
    paid: Floats


def look_ahead(
    world: World,
    day: int,
    accounts: Ints,
    horizons: Sequence[int],
    *,
    months: int = 0,
    paths: int = PATHS,
    seed: int = 0,
    lever: Parameters | None = None,
    change: Change | None = None,
) -> Futures:
    """Live `paths` futures of each account from the first instant of `day`.

    `horizons`: days, ascending. `months`: how many month ends ahead money is told for. `lever`: other
    parameters than the world's from then on. `change`: applied to the state before the first day.
    """
    p = lever or world.parameters
    state = world.state_at(day)
    length = max([*horizons, round(months * MONTH_DAYS)])
    release_effects = _fresh(world, p, day, length, paths, stream(world.seed, 4, day, seed))
    size = max(1, BATCH_ROWS // paths)
    batches = [accounts[start : start + size] for start in range(0, len(accounts), size)]

    def live(number: int) -> Futures:
        rng = stream(world.seed, 4, day, seed, number)
        start = state.take(batches[number]).repeat(paths)
        start = change(start) if change else start
        static = world.static.take(batches[number]).repeat(paths)
        walk = _Walk(p, paths, tuple(horizons), months)
        return walk.along(static, start, range(day, day + length), rng, release_effects)

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(live, range(len(batches))))
    nothing = Futures(np.zeros((len(horizons), 2, 0)), np.zeros((months, 0)), np.zeros((0, paths)))
    parts = [nothing, *parts]
    return Futures(
        np.concatenate([part.lost for part in parts], axis=2),
        np.concatenate([part.mrr for part in parts], axis=1),
        np.concatenate([part.paid for part in parts], axis=0),
    )


def _fresh(world: World, p: Parameters, day: int, length: int, paths: int, rng: Generator) -> ReleaseEffects:
    """Lay what is already broken, and fresh releases per path, over the days ahead."""
    days = (day, day + length)
    return paint(joined(still_broken(world.releases, day, paths), draw_releases(p, rng, days, paths)), days, paths)


@dataclass(frozen=True)
class _Walk:
    """How a batch of paths is followed."""

    p: Parameters
    paths: int
    horizons: tuple[int, ...]
    months: int

    def along(self, static: Static, state: State, days: range, rng: Generator, release_effects: ReleaseEffects) -> Futures:
        """Live the days, integrating the hazards; every path of an account beside the next."""
        rows = len(static.term)
        alive, lost = np.ones(rows), np.zeros((2, rows))
        luck = rng.random(rows)  # the exit of each path, drawn once: it has left when alive falls below
        month_ends = [round((month + 1) * MONTH_DAYS) for month in range(self.months)]
        found, mrr, paid = [], [], np.zeros(rows)
        for ahead, day in enumerate(days, start=1):
            state, lived, hazards = step(self.p, static, state, day, rng, release_effects, expected_cards=True)
            lost[0] += alive * hazards.voluntary
            lost[1] += alive * hazards.involuntary
            alive *= 1.0 - hazards.voluntary - hazards.involuntary
            found += [self._mean(lost) for horizon in self.horizons if horizon == ahead]
            if ahead in month_ends:
                mrr.append(self._mean(alive * lived.mrr))
                paid += lived.mrr * (alive >= luck)
        told = np.stack(mrr) if mrr else np.zeros((0, rows // self.paths))
        return Futures(np.stack(found), told, paid.reshape(-1, self.paths))

    def _mean(self, values: Floats) -> Floats:
        """Return the mean over the paths of each account, shape (..., n_accounts)."""
        return np.asarray(values.reshape(*values.shape[:-1], -1, self.paths).mean(axis=-1))


def levers(p: Parameters) -> dict[str, Parameters]:
    """Return what could be done differently, by name: each a change of one parameter."""
    return {
        "pages half a second faster": replace(p, load_shift=p.load_shift - 0.5),
        "a fifth fewer errors": replace(p, error_factor=p.error_factor * 0.8),
        "tickets resolved at twice the odds a day": replace(p, support_speed=p.support_speed * 2.0),
        "failed cards mended twice as often": replace(p, recovery=min(p.recovery * 2.0, 1.0)),
        "no price rises": replace(p, price_rise=0.0),
    }
