"""The rows of the canonical tables that Stripe's files can give back: what a connector is compared with."""

from __future__ import annotations

import pandas as pd

from tests.features.connectors.company.company import Company, in_minor_units, whole_minor_units
from tests.features.connectors.company.files import vendor_id
from tests.features.connectors.company.stripe_billing import (
    charges,
    customers,
    later,
    noise_invoices,
    tax_of,
    taxed_accounts,
)


def expected_subscriptions(company: Company) -> pd.DataFrame:
    """Return the canonical subscriptions as Stripe can tell them.

    Times are cut to seconds. `renews_at` is the first renewal after the row began, where the canonical table gives
    the first one within the history. An account that was merged into another one `cancelled`.
    """
    rows = company.tables["subscriptions"].copy()
    for column in ("ended_at", "end_recorded_at"):
        rows[column] = rows[column].dt.floor("s")
    is_old = rows["started_at"] < company.first_day
    first = [later(time, int(months)) for time, months in zip(rows["started_at"], rows["term_months"], strict=True)]
    rows["renews_at"] = rows["renews_at"].where(~is_old, pd.Series(first, index=rows.index).astype("datetime64[us]"))
    rows["end_reason"] = rows["end_reason"].replace({"merged": "cancelled"})
    rows["subscription_id"] = [vendor_id("sub_", each) for each in rows["subscription_id"]]
    return rows


def expected_invoices(company: Company, *, due_dates: bool = True) -> pd.DataFrame:
    """Return the canonical invoices under Stripe's ids, times cut to seconds; tax is not in the amounts."""
    rows = company.tables["invoices"].copy()
    rows["paid_at"] = rows["paid_at"].dt.floor("s")
    rows["invoice_id"] = [vendor_id("in_", each) for each in rows["invoice_id"]]
    if not due_dates:
        rows.loc[rows["account_id"].isin(company.tables["cards"]["account_id"]), "due_at"] = pd.NaT
    return rows


def expected_void_invoices(company: Company) -> pd.DataFrame:
    """Return the invoices that were sent and later voided: rows to add where a void invoice is kept as closed."""
    account = {customer.id: customer.account for customer in customers(company)}
    voided = [each for each in noise_invoices(company) if each.status == "void"]
    return pd.DataFrame(
        {
            "account_id": [account[each.customer] for each in voided],
            "invoice_id": [each.id for each in voided],
            "issued_at": [_time(each.finalized) for each in voided],
            "due_at": [_time(each.due) for each in voided],
            "closed_at": [_time(each.voided) for each in voided],
            "closed_reason": "void",
            "amount": [in_euros(each.net, each.currency) for each in voided],
        }
    )


def expected_payments(company: Company) -> pd.DataFrame:
    """Return the canonical payments under Stripe's ids, times cut to seconds; taxed accounts pay the tax, too."""
    rows, taxed = company.tables["payments"].copy(), taxed_accounts(company)
    for column in ("attempted_at", "recorded_at"):
        rows[column] = rows[column].dt.floor("s")
    is_taxed = rows["account_id"].isin(taxed)
    rows.loc[is_taxed, "amount"] = [
        _with_tax(company, row.account_id, row.amount, taxed) for row in rows[is_taxed].itertuples()
    ]
    rows["payment_id"] = [vendor_id("ch_", each) for each in rows["payment_id"]]
    return rows


def expected_refunds(company: Company) -> pd.DataFrame:
    """Return the refunds, which the canonical table does not have: 10 EUR each, a negative amount."""
    account = {customer.id: customer.account for customer in customers(company)}
    refunded = [each for each in charges(company) if each.refund]
    return pd.DataFrame(
        {
            "account_id": [account[each.customer] for each in refunded],
            "payment_id": [each.refund for each in refunded],
            "attempted_at": [_time(each.refunded_at) for each in refunded],
            "amount": [-in_euros(each.refunded, each.currency) for each in refunded],
        }
    )


def expected_cards(company: Company) -> pd.DataFrame:
    """Return the canonical cards under Stripe's ids, times cut to seconds."""
    rows = company.tables["cards"].copy()
    for column in ("added_at", "recorded_at", "removed_at"):
        rows[column] = rows[column].dt.floor("s")
    rows["card_id"] = [vendor_id("pm_", each) for each in rows["card_id"]]
    return rows


def in_euros(minor: int, currency: str) -> float:
    """Return minor units of a currency in EUR, to the cent."""
    return round(float(minor / in_minor_units(1, currency)), 2)


def _with_tax(company: Company, account: str, amount: float, taxed: frozenset[str]) -> float:
    net = whole_minor_units(amount, company.currency_of[account])
    return in_euros(net + tax_of(net, account, taxed), company.currency_of[account])


def _time(seconds: int | None) -> pd.Timestamp:
    return pd.NaT if seconds is None else pd.Timestamp(seconds, unit="s")
