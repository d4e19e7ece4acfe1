"""What changed since 30 days before: the same accounts' features then, and why their scores differ."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.sources.loaded import Progress
from undertow.training.bundle.bundle import Bundle

CHANGE_DAYS = 30
BATCH = 2_000  # accounts compared at once, so that progress can be shown


def features_before(rows: pa.Table, earlier: pa.Table) -> pa.Table:
    """Return, per row, the features of the same account in `earlier`; null in every column where it has none there."""
    place = {account: number for number, account in enumerate(earlier["account_id"].to_pylist())}
    return earlier.take(pa.array([place.get(account) for account in rows["account_id"].to_pylist()], pa.int64()))


def change_columns(
    bundle: Bundle, rows: pa.Table, before: pa.Table | None, progress: Progress | None = None
) -> dict[str, pa.Array]:
    """Return the columns changed_<family> and changed_clock: probability at the headline horizon, now less before.

    `before`: from `features_before`. Together the five add up to the difference of the two scores. Null where the
    account was not at risk then, and everywhere where `before` is None.
    """
    names = [*(f"changed_{family}" for family in REASON_FAMILIES), "changed_clock"]
    found = np.full((rows.num_rows, len(names)), np.nan)
    if before is not None:
        known = np.flatnonzero(before["account_id"].is_valid().to_numpy())
        for start in range(0, len(known), BATCH):
            mine = known[start : start + BATCH]
            change = bundle.change(rows.take(mine), before.take(mine))
            found[mine] = np.column_stack([change.by_family, change.clock])
            if progress:
                progress("comparing", min(1.0, (start + BATCH) / len(known)))
    return {name: pa.array(found[:, number], from_pandas=True) for number, name in enumerate(names)}
