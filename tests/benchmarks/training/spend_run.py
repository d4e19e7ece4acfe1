"""Fits and predicts the spend of many simulated customers, and prints what it cost: minutes, and memory."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from tests.shop_by_hand import FIRST, receipts
from undertow.training.value.purchases.history import read_purchases
from undertow.training.value.purchases.hybrid import fit_purchases

HORIZON = 182  # days


def main() -> None:
    """Fit, predict, and print the costs as one line of JSON."""
    customers = int(sys.argv[-1])
    owner, when, amount = receipts(customers, 1 / 60)
    customer, day = owner.astype(str), FIRST + np.floor(when).astype("timedelta64[D]")
    clock = time.monotonic()
    record = read_purchases(customer, day, amount)
    model = fit_purchases(record, HORIZON)
    fitted, clock = (time.monotonic() - clock) / 60, time.monotonic()
    found = model.predict(record, 90)
    print(json.dumps({
        "purchases": len(owner),
        "customers": len(found.ids),
        "fit": fitted,
        "predict": (time.monotonic() - clock) / 60,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "total": float(np.sum(found.spend)),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
