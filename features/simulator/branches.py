"""Ground truth by Monte Carlo: simulates many futures of a world from one day and averages their hazards and MRR.

A branch starts from the state of a day, with new shocks and a new calendar of releases, and draws no
exits: hazards are integrated along each path (Rao-Blackwell), which needs far fewer paths than counting
exits. Two branches with the same seed use the same random numbers (common random numbers), so that their
difference is the effect of a lever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from undertow.features.simulator.history import World, stream
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.releases import ReleaseEffects, draw_releases, joined, paint, still_broken
from undertow.features.simulator.state import Floats, Ints, State, Static
from undertow.features.simulator.world import step

PATHS = 200  # simulated futures per account
MONTH_DAYS = 365.25 / 12
BATCH_ROWS = 16_384  # paths simulated at once: their arrays stay in the processor's cache
THREADS = 2

Change = Callable[[State], State]


@dataclass(frozen=True)
class Futures:
    """The simulated futures of accounts, in the order in which the accounts were given.

    `lost`: (n_horizons, 2, n_accounts), P(voluntary) and P(involuntary churn) before each horizon.
    `mrr`: (n_months, n_accounts), expected MRR of each month ahead, the mean over its days, EUR; 0 after churn.
    `paid`: (n_accounts, n_paths), sum of the MRR of those months, with the exit drawn, EUR.
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
    """Simulate `paths` futures of each account from the first instant of `day`.

    `horizons`: days, ascending. `months`: number of months ahead for which MRR is returned. `lever`:
    parameters used instead of the world's from then on. `change`: applied to the state before the first day.
    """
    p = lever or world.parameters
    state = world.state_at(day)
    length = max([*horizons, round(months * MONTH_DAYS)])
    release_effects = _release_effects(world, p, day, length, paths, stream(world.seed, 4, day, seed))
    size = max(1, BATCH_ROWS // paths)
    batches = [accounts[start : start + size] for start in range(0, len(accounts), size)]

    def simulate_batch(number: int) -> Futures:
        rng = stream(world.seed, 4, day, seed, number)
        start = state.take(batches[number]).repeat(paths)
        start = change(start) if change else start
        static = world.static.take(batches[number]).repeat(paths)
        batch = _Batch(p, paths, tuple(horizons), months)
        return batch.simulate(static, start, range(day, day + length), rng, release_effects)

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(simulate_batch, range(len(batches))))
    no_accounts = Futures(np.zeros((len(horizons), 2, 0)), np.zeros((months, 0)), np.zeros((0, paths)))
    parts = [no_accounts, *parts]
    return Futures(
        np.concatenate([part.lost for part in parts], axis=2),
        np.concatenate([part.mrr for part in parts], axis=1),
        np.concatenate([part.paid for part in parts], axis=0),
    )


def _release_effects(world: World, p: Parameters, day: int, length: int, paths: int, rng: Generator) -> ReleaseEffects:
    """Return the effects, on the days ahead, of releases still broken on `day` and of new ones drawn per path."""
    days = (day, day + length)
    return paint(joined(still_broken(world.releases, day, paths), draw_releases(p, rng, days, paths)), days, paths)


@dataclass(frozen=True)
class _Batch:
    """The parameters with which a batch of paths is simulated."""

    p: Parameters
    paths: int
    horizons: tuple[int, ...]
    months: int

    def simulate(
        self, static: Static, state: State, days: range, rng: Generator, release_effects: ReleaseEffects
    ) -> Futures:
        """Simulate the days and integrate the hazards; the paths of an account are neighbouring rows."""
        rows = len(static.term)
        alive, lost = np.ones(rows), np.zeros((2, rows))
        exit_draw = rng.random(rows)  # drawn once per path: it has churned when `alive` falls below
        month_ends = [round((month + 1) * MONTH_DAYS) for month in range(self.months)]
        lost_by_horizon: list[Floats] = []
        mrr: list[Floats] = []
        paid, earned = np.zeros(rows), np.zeros(rows)
        for ahead, day in enumerate(days, start=1):
            state, lived, hazards = step(self.p, static, state, day, rng, release_effects, expected_cards=True)
            lost[0] += alive * hazards.voluntary
            lost[1] += alive * hazards.involuntary
            alive *= 1.0 - hazards.voluntary - hazards.involuntary
            lost_by_horizon += [self._mean(lost) for horizon in self.horizons if horizon == ahead]
            if len(mrr) < self.months:
                days_of_month = month_ends[len(mrr)] - (month_ends[len(mrr) - 1] if mrr else 0)
                earned += alive * lived.mrr / days_of_month
                paid += lived.mrr * (alive >= exit_draw) / days_of_month
            if ahead in month_ends:
                mrr.append(self._mean(earned))
                earned = np.zeros(rows)
        mrr_by_month = np.stack(mrr) if mrr else np.zeros((0, rows // self.paths))
        return Futures(np.stack(lost_by_horizon), mrr_by_month, paid.reshape(-1, self.paths))

    def _mean(self, values: Floats) -> Floats:
        """Return the mean over the paths of each account, shape (..., n_accounts)."""
        return np.asarray(values.reshape(*values.shape[:-1], -1, self.paths).mean(axis=-1))


def levers(p: Parameters) -> dict[str, Parameters]:
    """Return the levers by name: interventions, each a change of one parameter."""
    return {
        "pages half a second faster": replace(p, load_shift=p.load_shift - 0.5),
        "a fifth fewer errors": replace(p, error_factor=p.error_factor * 0.8),
        "tickets resolved at twice the odds a day": replace(p, support_speed=p.support_speed * 2.0),
        "failed cards mended twice as often": replace(p, recovery=min(p.recovery * 2.0, 1.0)),
        "no price rises": replace(p, price_rise=0.0),
    }
