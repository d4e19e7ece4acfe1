"""Scored months of made-up accounts: nothing changes, or one family adds more to everybody from one month on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.drivers.monthly.scored_months import ScoredMonths

HOSTILE = "<b>large</b>"  # the name of a segment
DAYS = tuple(f"2024-{month:02}-01" for month in range(3, 13))


def scored_world(
    accounts: int = 200, months: int = 8, family: str = "cx", step: float = 0.0, since: int = 5, seed: int = 1
) -> ScoredMonths:
    """Return accounts whose contributions keep their own level, with noise; `step`: added from month `since` on."""
    draws = np.random.default_rng(seed)
    own = draws.normal(0.0, 0.02, (accounts, len(REASON_FAMILIES)))
    like = draws.uniform(0.03, 0.1, accounts)
    parts = own[None] + draws.normal(0.0, 0.01, (months, accounts, len(REASON_FAMILIES)))
    parts[since:, :, REASON_FAMILIES.index(family)] += step
    by_family = parts.reshape(-1, len(REASON_FAMILIES))
    every_like = np.tile(like, months)
    segment = np.where(np.arange(accounts) % 4 == 0, HOSTILE, "small").astype(object)
    return ScoredMonths(
        as_ofs=DAYS[:months],
        customers=np.full(months, accounts),
        month=np.repeat(np.arange(months), accounts),
        account=np.tile(np.arange(accounts), months),
        labels={"segment": np.tile(segment, months)},
        probability=every_like + by_family.sum(axis=1),
        like=every_like,
        by_family=by_family,
        value_at_risk=1000 * (every_like + by_family.sum(axis=1)),
        like_value=1000 * every_like,
        value_by_family=1000 * by_family,
    )


def of_accounts(scored: ScoredMonths, mine: np.ndarray) -> ScoredMonths:
    """Return some of the rows; `mine`: bool, (n,)."""
    rows = ("month", "account", "probability", "like", "by_family", "value_at_risk", "like_value", "value_by_family")
    labels = {way: values[mine] for way, values in scored.labels.items()}
    return replace(scored, labels=labels, **{name: getattr(scored, name)[mine] for name in rows})
