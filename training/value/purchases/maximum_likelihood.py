"""Maximum likelihood of a few positive parameters, from several starts, on histories that occur once or more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from undertow.features.errors import ModelRefusal

MOST_HISTORIES = 20_000  # distinct ones that a fit reads; of more, a random part
LOGS = (-12.0, 14.0)  # of a parameter, between which it is looked for
LEAST_CUSTOMERS = 50  # with a repeat purchase


def group_equal(*columns: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the distinct rows of `columns`, (n,) each, and how many customers have each.

    Of more than 20,000 distinct rows a random part is returned, with the chance that its number of customers gives it.

    >>> (frequency, age), customers = group_equal(np.array([1.0, 0.0, 1.0]), np.array([9.0, 9.0, 9.0]))
    >>> frequency.tolist(), customers.tolist()
    ([0.0, 1.0], [1, 2])
    """
    rows, customers = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    if len(rows) > MOST_HISTORIES:
        rng = np.random.default_rng(0)
        drawn = np.bincount(rng.choice(len(rows), MOST_HISTORIES, p=customers / customers.sum()), minlength=len(rows))
        rows, customers = rows[drawn > 0], drawn[drawn > 0]
    return tuple(rows.T), customers


def maximise(
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    customers: np.ndarray,
    starts: Sequence[Sequence[float]],
    gradient: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Return the parameters of the largest likelihood, shape (P,), each above 0.

    `log_likelihood`: of each history, (n,), given parameters. `customers`: (n,), with that history. `starts`: (S, P).
    `gradient`: by each parameter, (P, n); where it is not given, central differences are taken. The search is over the
    logarithms of the parameters by L-BFGS-B. Raises ModelRefusal where
    no start leads to a finite likelihood.
    """
    total = customers.sum()

    def loss(logs: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            value = -(log_likelihood(np.exp(logs)) @ customers) / total
        return float(value) if np.isfinite(value) else 1e10

    def slope(logs: np.ndarray) -> np.ndarray:
        assert gradient is not None
        with np.errstate(all="ignore"):
            found = -(gradient(np.exp(logs)) @ customers) / total * np.exp(logs)
        return np.asarray(np.nan_to_num(found))

    jac = slope if gradient else "3-point"
    bounds = [LOGS] * len(starts[0])
    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500}
    found = [
        minimize(loss, np.log(start), jac=jac, method="L-BFGS-B", bounds=bounds, options=options) for start in starts
    ]
    best = min(found, key=lambda each: each.fun)
    if not best.fun < 1e9:
        raise ModelRefusal("No parameters give these histories a finite likelihood. Check ages, recencies and amounts.")
    return np.asarray(np.exp(best.x))


def refuse_few_repeats(frequency: np.ndarray) -> None:
    """Raise ModelRefusal where fewer than 50 customers have bought again; `frequency`: (n,), repeat purchases."""
    repeats = int((frequency > 0).sum())
    if repeats < LEAST_CUSTOMERS:
        raise ModelRefusal(
            f"{repeats} customers have bought again, and a model of purchases needs at least {LEAST_CUSTOMERS}. "
            "Add older history or wait."
        )
