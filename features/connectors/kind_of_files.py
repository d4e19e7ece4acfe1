"""Which kind of churn exported files suggest by the names of their columns, before anything is mapped."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.sources.files.read import CSV, JSON, PARQUET

SUBSCRIPTION = (
    "mrr", "arr", "subscription", "subscriptionid", "renewsat", "renewaldate", "currentperiodend", "cancelledat",
    "canceledat", "cancelatperiodend", "dateunregistration", "churnflag", "churndate", "billingfrequency"
)  # fmt: skip
# parts of names
PURCHASE = ("order", "invoice", "purchase", "receipt", "basket", "quantity", "transaction", "checkout")
MONEY = ("amount", "price", "total", "revenue", "dollars", "spend", "value")
MOST_FILES = 200


def kind_of_files(folder: Path) -> tuple[str, str]:
    """Return "subscription", "inactivity" or "", and one line that says why, from the columns of the files in `folder`.

    Folders inside it are looked at too, one level deep.
    """
    every = sorted((*folder.glob("*"), *folder.glob("*/*")))
    files = [path for path in every if path.name.lower().endswith((*CSV, *PARQUET, *JSON))]
    columns = {path.name: _columns(path) for path in files[:MOST_FILES]}
    subscribed = {name: found for name, names in columns.items() if (found := _subscription(names))}
    bought = {name: found for name, names in columns.items() if name not in subscribed and (found := _purchase(names))}
    if subscribed:
        return "subscription", f"{_shown(subscribed)}: customers subscribe, and leave when they end it."
    if bought:
        return "inactivity", (
            f"{_shown(bought)}, and no file names a subscription, a renewal or a cancellation: nobody cancels here, "
            "customers leave by staying away."
        )
    return "", ""


def _columns(path: Path) -> list[str]:
    """Return the names of the columns of a file; none where it cannot be read."""
    try:
        if path.name.lower().endswith(PARQUET):
            return list(pq.read_schema(path).names)
        with gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(
            encoding="utf-8-sig"
        ) as file:
            first = file.readline(100_000)
        if path.name.lower().endswith(JSON):
            row = json.loads(first)
            return list(row) if isinstance(row, dict) else []
        delimiter = max(",;\t|", key=first.count)
        return next(csv.reader([first], delimiter=delimiter), [])
    except (OSError, ValueError, StopIteration):
        return []


def _subscription(columns: list[str]) -> str:
    """Return the first column that only a table of subscriptions has, or ""."""
    return next((name for name in columns if _plain(name) in SUBSCRIPTION), "")


def _purchase(columns: list[str]) -> str:
    """Return the first column of purchases, where there is money too; else ""."""
    has_money = any(part in _plain(name) for name in columns for part in MONEY)
    return next((name for name in columns if any(part in _plain(name) for part in PURCHASE)), "") if has_money else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _shown(found: dict[str, str]) -> str:
    name, column = next(iter(found.items()))
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{name} has the column {column}{more}"
