"""A simulated shop without subscriptions: customers with a rate of buying, until they quietly stay away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FIRST = np.datetime64("2022-01-03")
DAYS = 730
NOW = pd.Timestamp("2024-01-04").to_pydatetime()
SETTINGS = """
name = "shop"
[churn]
kind = "inactivity"
[value]
months = 6
margin = 0.5
[files]
accounts = "accounts.csv"
payments = "payments.csv"
[training]
trees = 40
seeds = 2
bootstrap = 50
[engine]
threads = 1
"""


def receipts(customers: int, pace: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return number of the customer, days since FIRST and amount of every receipt, (n,) each.

    Customers begin in the first 70 % of two years; each buys at a rate of its own (`pace`: the scale of the rates, per
    day) until it stays away, and spends around a mean of its own.
    """
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, DAYS * 0.7, customers)
    rate, hazard = rng.gamma(1.2, pace, customers), rng.gamma(0.8, 1 / 250, customers)
    stays = np.minimum(rng.exponential(1 / np.maximum(hazard, 1e-6)), DAYS - start)
    number = rng.poisson(rate * stays)
    owner = np.r_[np.arange(customers), np.repeat(np.arange(customers), number)]
    when = np.r_[start, start[owner[customers:]] + rng.random(number.sum()) * stays[owner[customers:]]]
    amount = rng.gamma(3.0, (20 + 40 * rng.gamma(2.0, 0.5, customers))[owner] / 3.0).round(2) + 0.01
    return owner, when, amount


def write_shop(folder: Path, customers: int = 900, seed: int = 3) -> None:
    """Write a project: undertow.toml and two years of accounts and purchases as CSV."""
    owner, when, amount = receipts(customers, 1 / 30, seed)
    at = pd.Timestamp(FIRST) + pd.to_timedelta(np.floor(when * 24), unit="h")
    names = np.array([f"c{number:04d}" for number in range(customers)])
    payments = pd.DataFrame({"account_id": names[owner], "attempted_at": at, "amount": amount}).sort_values(
        ["attempted_at", "account_id"]
    )
    payments["payment_id"] = [f"p{number:06d}" for number in range(len(payments))]
    payments["succeeded"], payments["kind"], payments["currency"] = True, "attempt", "EUR"
    first = payments.groupby("account_id")["attempted_at"].min()
    accounts = pd.DataFrame({"account_id": first.index, "created_at": first.to_numpy()})
    accounts["segment"] = np.where(np.arange(len(accounts)) % 3 == 0, "shop", "web")
    folder.mkdir(parents=True, exist_ok=True)
    accounts.to_csv(folder / "accounts.csv", index=False)
    payments.to_csv(folder / "payments.csv", index=False)
    (folder / "undertow.toml").write_text(SETTINGS, encoding="utf-8")
