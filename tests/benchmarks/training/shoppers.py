"""Simulated receipts of many customers, each with a rate of buying, a time of leaving and a mean amount of its own."""

from __future__ import annotations

import numpy as np

FIRST = np.datetime64("2022-01-03")
DAYS = 730


def shoppers(customers: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return customer, day and amount of every receipt, (n,) each.

    Customers begin in the first 70 % of two years; rate and time of leaving are gamma mixtures.
    """
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, DAYS * 0.7, customers)
    rate, hazard = rng.gamma(1.2, 1 / 60, customers), rng.gamma(0.8, 1 / 250, customers)
    stays = np.minimum(rng.exponential(1 / np.maximum(hazard, 1e-6)), DAYS - start)
    number = rng.poisson(rate * stays)
    owner = np.r_[np.arange(customers), np.repeat(np.arange(customers), number)]
    when = np.r_[start, start[owner[customers:]] + rng.random(number.sum()) * stays[owner[customers:]]]
    amount = rng.gamma(3.0, (20 + 40 * rng.gamma(2.0, 0.5, customers))[owner] / 3.0) + 0.01
    names = np.char.add("c", np.char.zfill(np.arange(customers).astype(str), 7))
    return names[owner], FIRST + np.floor(when).astype("timedelta64[D]"), amount
