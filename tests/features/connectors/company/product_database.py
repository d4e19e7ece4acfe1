"""Writes what every company has beside its vendors: an export of the users and merges in the product's own database.

Files: `users.csv` (user_id, account_id, joined_at, left_at, role, email) and `account_merges.csv` (account_id,
merged_into, merged_at), UTC to the microsecond. Nothing is lost and nothing is added.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import write_csv

USERS_FILE, MERGES_FILE = "users.csv", "account_merges.csv"


def write(company: Company, folder: Path) -> None:
    """Write both files."""
    users = ("user_id", "account_id", "joined_at", "left_at", "role", "email")
    write_csv(folder / USERS_FILE, users, _rows(company.users, users))
    merges = ("account_id", "merged_into", "merged_at")
    write_csv(folder / MERGES_FILE, merges, _rows(company.tables["merges"], merges))


def _rows(table: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    chosen = table[list(columns)].copy()
    for name in chosen.select_dtypes("datetime"):
        chosen[name] = chosen[name].dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    return list(chosen.astype(object).where(chosen.notna(), None).itertuples(index=False, name=None))
