"""Writes Salesforce's Account, AccountHistory and User as CSV files, with what was deleted.

From the canonical tables: accounts, by the custom field `Account_Id__c`, and merges. Files: `salesforce_account.csv`,
`salesforce_account_history.csv`, `salesforce_user.csv`. Times have milliseconds and +0000. Ids have 18 characters, in
the history 15.

An account that was merged is a deleted row with the `MasterRecordId` of the other; `SystemModstamp` is when. Noise that
must not come back: deleted duplicates and prospects without `Account_Id__c`. `AnnualRevenue` is what the customer
earns, a trap. The history tells that one account in ten had another owner before.

What cannot come back: parts of a millisecond.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tests.features.connectors.company.company import Company, salesforce_id
from tests.features.connectors.company.files import write_csv

ACCOUNT = (
    "Id", "IsDeleted", "MasterRecordId", "Name", "Type", "Website", "BillingCountry", "AnnualRevenue", "OwnerId",
    "CreatedDate", "LastModifiedDate", "SystemModstamp", "AccountSource", "Segment__c", "Account_Id__c",
)  # fmt: skip
HISTORY = ("Id", "AccountId", "CreatedById", "CreatedDate", "Field", "OldValue", "NewValue")
USER = ("Id", "Name", "Email", "IsActive", "UserType")


def write(company: Company, folder: Path) -> None:
    """Write the three files."""
    owners = {name: user_id(number) for number, name in enumerate(sorted(set(company.accounts["owner"])))}
    write_csv(folder / "salesforce_account.csv", ACCOUNT, _accounts(company, owners))
    write_csv(folder / "salesforce_account_history.csv", HISTORY, _history(company, list(owners)))
    emails = {name: f"{name.split()[0].lower()}@rivertide.com" for name in owners}
    users = [(id_, name, emails[name], "true", "Standard") for name, id_ in owners.items()]
    write_csv(folder / "salesforce_user.csv", USER, users)


def expected_accounts(company: Company) -> pd.DataFrame:
    """Return the canonical accounts; their times have no more than milliseconds."""
    accounts = company.accounts
    return accounts.assign(created_at=accounts["created_at"].dt.floor("ms"))


def expected_merges(company: Company) -> pd.DataFrame:
    """Return the canonical merges, which happen at noon."""
    return company.tables["merges"].copy()


def user_id(number: int) -> str:
    """Return the id of a Salesforce user."""
    return f"0051t00000{number:05}AAA"


def time_of(time: pd.Timestamp) -> str:
    """Return a time as Salesforce writes it, such as 2023-01-01T08:00:00.123+0000."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}+0000"


def _accounts(company: Company, owners: dict[str, str]) -> list[tuple[object, ...]]:
    """Return the customers, and what was deleted: merged customers, duplicates, prospects."""
    of_account = dict(zip(company.accounts["account_id"], company.accounts["salesforce_id"], strict=True))
    merges = company.tables["merges"].set_index("account_id")
    rows = []
    for row, chance in zip(company.accounts.itertuples(), company.chances(len(of_account), "salesforce"), strict=True):
        master, changed = "", company.end
        if row.account_id in merges.index:
            master = of_account[merges.at[row.account_id, "merged_into"]]
            changed = merges.at[row.account_id, "merged_at"]
        rows.append(_account(row, row.salesforce_id, master, changed, owners, row.account_id))
        number = 900_000 + row.Index
        if chance < 0.05:
            rows.append(_account(row, salesforce_id(number), row.salesforce_id, company.end, owners, ""))
        elif chance < 0.1:
            rows.append(_account(row, salesforce_id(number), "", company.end, owners, "", is_deleted=chance < 0.07))
    return rows


def _account(
    row: Any, id_: str, master: str, changed: pd.Timestamp, owners: dict[str, str], account: str, *,
    is_deleted: bool = False,
) -> tuple[object, ...]:  # fmt: skip
    gone = "true" if master or is_deleted else "false"
    return (
        id_, gone, master, row.name, "Customer" if account else "Prospect", f"https://www.{row.domain}/", row.country,
        25_000_000, owners[row.owner], time_of(row.created_at), time_of(changed), time_of(changed), row.acquisition,
        row.segment, account,
    )  # fmt: skip


def _history(company: Company, owners: list[str]) -> list[tuple[object, ...]]:
    """Return the changes of owners: one account in ten had another one for its first month."""
    rows, chances = [], company.chances(len(company.accounts), "owners")
    for row, chance in zip(company.accounts.itertuples(), chances, strict=True):
        before = owners[(owners.index(row.owner) + 1) % len(owners)]
        if chance < 0.1 and before != row.owner:
            at = time_of(row.created_at + pd.Timedelta(days=30))
            rows.append(
                (f"0171t00000{row.Index:05}AAA", row.salesforce_id[:15], user_id(0), at, "Owner", before, row.owner)
            )
    return rows
