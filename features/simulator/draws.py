"""Random numbers per row, each computed from the seed, the row's own keys and a name, and from nothing else.

A generator gives its numbers in turn, so that one row more or less shifts the numbers of all later rows. Here a number
is a hash (counter-based, as in Salmon et al., 2011; the mixing function is splitmix64 of Steele et al., 2014): the
records of an account stay the same whatever happens to other accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from undertow.features.simulator.state import Floats, Ints

Keys = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Draws:
    """The random numbers of n rows. `keys`: shape (n,). Two names give independent numbers; one name, the same."""

    keys: Keys

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: Ints) -> Draws:
        """Return the draws of these rows; they give the same numbers as before."""
        return Draws(self.keys[rows])

    def then(self, number: Ints | int) -> Draws:
        """Return draws that depend on one more key per row, such as the number of an event in its session."""
        return Draws(_mixed(self.keys ^ _mixed(np.atleast_1d(number).astype(np.uint64))))

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return numbers uniform in [low, high), shape (n,)."""
        bits = _mixed(self.keys ^ _of_name(name))
        return np.asarray(low + (high - low) * ((bits >> np.uint64(11)) * 2.0**-53))

    def integers(self, name: str, low: int, high: int) -> Ints:
        """Return integers from low to high - 1, each equally often, shape (n,)."""
        return np.asarray(self.uniform(name, low, high).astype(np.int64))

    def exponential(self, name: str, mean: float) -> Floats:
        """Return exponential numbers, shape (n,)."""
        return np.asarray(-mean * np.log1p(-self.uniform(name)))

    def normal(self, name: str) -> Floats:
        """Return standard normal numbers, shape (n,), by the method of Box and Muller."""
        radius = np.sqrt(self.exponential(name, 2.0))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform(name + ", angle")))

    def lognormal(self, name: str, log_median: Floats | float, spread: float) -> Floats:
        """Return exp(log_median + spread x standard normal), shape (n,)."""
        return np.asarray(np.exp(log_median + spread * self.normal(name)))

    def poisson(self, name: str, mean: Floats | float) -> Ints:
        """Return Poisson counts with these means, shape (n,)."""
        return poisson(self.uniform(name), mean)


def draws(seed: int, purpose: str, *keys: Ints | int) -> Draws:
    """Return the draws of rows with these keys, such as account and day; single numbers apply to all rows."""
    rows = np.broadcast_shapes(*(np.shape(key) for key in keys))
    found = Draws(np.full(rows, _of_name(purpose))).then(seed)
    for key in keys:
        found = found.then(key)
    return found


def joined_draws(parts: Sequence[Draws]) -> Draws:
    """Return the draws of the rows of all parts, one after the other."""
    return Draws(np.concatenate([part.keys for part in parts]))


def poisson(uniform: Floats, mean: Floats | float) -> Ints:
    """Return the Poisson counts at these quantiles of the distribution (its inverse), same shape as `uniform`.

    `uniform`: in [0, 1). `mean`: at most about 700; the time taken grows with the largest count.
    """
    means = np.broadcast_to(mean, uniform.shape).ravel()
    rest, chance = uniform.ravel() - np.exp(-means), np.exp(-means)
    counts, row, count = np.zeros(uniform.size, np.int64), np.flatnonzero(rest >= 0.0), 0
    rest, chance, means = rest[row], chance[row], means[row]
    while len(row) > 0:
        count += 1
        counts[row] = count
        chance = chance * means / count
        rest = rest - chance
        left = np.flatnonzero((rest >= 0.0) & (chance > 1e-18))
        row, rest, chance, means = row[left], rest[left], chance[left], means[left]
    return counts.reshape(uniform.shape)


def _of_name(name: str) -> np.uint64:
    """Return a 64-bit number for a name."""
    return np.uint64(crc32(name.encode()) * 0x100000001 & 0xFFFFFFFFFFFFFFFF)


def _mixed(bits: Keys) -> Keys:
    """Return well-mixed bits, one for one: splitmix64 of bits that need not be random. Changes its argument."""
    bits += GOLDEN
    bits ^= bits >> np.uint64(30)
    bits *= FIRST
    bits ^= bits >> np.uint64(27)
    bits *= SECOND
    bits ^= bits >> np.uint64(31)
    return bits
