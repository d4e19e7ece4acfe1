"""Purchase records for tests: simulated customers with known parameters."""

from __future__ import annotations

import numpy as np

from undertow.training.value.purchases.history import PurchaseRecord, read_purchases

FIRST = np.datetime64("2022-01-03")


def simulated_record(
    customers: int, weeks: int, seed: int, r: float = 0.8, alpha: float = 8.0, s: float = 0.7, beta: float = 30.0
) -> PurchaseRecord:
    """Customers of the Pareto/NBD and Gamma-Gamma models, who first buy in the first half of the weeks."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0.0, weeks / 2, customers)
    rate, hazard = rng.gamma(r, 1 / alpha, customers), rng.gamma(s, 1 / beta, customers)
    stays = np.minimum(rng.exponential(1 / hazard), weeks - start)
    number = rng.poisson(rate * stays)
    owner = np.repeat(np.arange(customers), number)
    when = start[owner] + rng.random(len(owner)) * stays[owner]
    owner, when = np.r_[np.arange(customers), owner], np.r_[start, when]
    nu = rng.gamma(4.0, 1 / 60.0, customers)
    spend = rng.gamma(3.0, 1 / nu[owner])
    days = FIRST + np.floor(when * 7).astype(int)
    return read_purchases(owner, days, spend, FIRST + weeks * 7)
