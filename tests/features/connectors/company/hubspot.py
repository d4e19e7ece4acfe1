"""Writes HubSpot's export of companies as CSV, with the labels of an English-speaking viewer.

From the canonical tables: accounts, by the custom property `account_id`. File: `hubspot_companies.csv`. `Create Date`
is in the viewer's zone (VIEWERS_ZONE), to the minute; countries are names. The headings `Merged record IDs` and
`Original Traffic Source` are not taken from a page of the vendor's.

Noise that must not come back: prospects, which have no `account_id` (one company in ten). `Merged record IDs` lists
duplicates that the sales team merged, which are no companies of this file and no accounts.

What cannot come back: the seconds of `created_at`, and the code of the country. Accounts that were merged stay
companies of their own here; the merges are in the export of product_database. `Create Date` could be any of two
minutes in the hour in which summer time ends; no account of this company was made in such an hour.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import write_csv

FILE, VIEWERS_ZONE = "hubspot_companies.csv", "America/Denver"
COUNTRIES = {
    "DE": "Germany", "FR": "France", "NL": "Netherlands", "ES": "Spain", "IT": "Italy", "PL": "Poland", "SE": "Sweden",
    "GB": "United Kingdom",
}  # fmt: skip
SOURCES = {"search": "Organic Search", "referral": "Referrals", "sales": "Offline Sources", "event": "Other Campaigns"}
HEADER = (
    "Record ID", "Company name", "Company Domain Name", "Company owner", "Create Date", "Last Modified Date",
    "Country/Region", "Industry", "Lifecycle Stage", "Segment", "Original Traffic Source", "account_id",
    "Merged record IDs",
)  # fmt: skip
PROSPECT_SHARE, MERGED_SHARE = 0.1, 0.03


def write(company: Company, folder: Path) -> None:
    """Write the export, customers and prospects in order of their record ids."""
    accounts = company.accounts
    chances = company.chances(len(accounts), "hubspot")
    rows = []
    for row, chance in zip(accounts.itertuples(), chances, strict=True):
        created, record = _local(row.created_at), int(row.hubspot_id)
        duplicates = f"{record + 5};{record + 9}" if chance > 1 - MERGED_SHARE else ""
        rows.append(
            (
                row.hubspot_id, row.name, row.domain, row.owner, created, _local(company.end), COUNTRIES[row.country],
                "COMPUTER_SOFTWARE", "Customer", row.segment, SOURCES[row.acquisition], row.account_id, duplicates,
            )
        )  # fmt: skip
        if chance < PROSPECT_SHARE:
            rows.append(
                (
                    str(record + 11), f"Prospect of {row.owner}", f"prospect{record}.com", row.owner, created,
                    _local(company.end), "Germany", "RETAIL", "Lead", "", "Direct Traffic", "", "",
                )
            )  # fmt: skip
    write_csv(folder / FILE, HEADER, rows)


def expected_accounts(company: Company) -> pd.DataFrame:
    """Return the canonical accounts as HubSpot can tell them."""
    accounts = company.accounts
    return accounts.assign(
        created_at=accounts["created_at"].dt.floor("min"),
        country=accounts["country"].map(COUNTRIES),
        acquisition=accounts["acquisition"].map(SOURCES),
    )


def _local(time: pd.Timestamp) -> str:
    return time.tz_localize("UTC").tz_convert(VIEWERS_ZONE).strftime("%Y-%m-%d %H:%M")
