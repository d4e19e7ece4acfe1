"""Amounts are in one currency: that of the rows, or converted at the rate that was valid then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from undertow.features.errors import ContractError
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables, read_tables

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
RATES: list[Row] = [
    {"currency": "usd", "valid_from": "2024-01-01", "rate": "0.5"},
    {"currency": "USD", "valid_from": "2024-04-01", "rate": "0.8"},
]


def subscription(name: str, currency: str, **more: object) -> Row:
    return {**GOOD["subscriptions"], "subscription_id": name, "currency": currency, "mrr": 100, **more}


def test_the_currency_is_that_of_the_rows_in_any_case(project: Project) -> None:
    rows = [subscription("a", "usd"), subscription("b", "USD"), subscription("c", "")]
    assert load_tables(project({"accounts.csv": ACCOUNTS, "subscriptions.csv": rows}), NOW).currency == "USD"


def test_rows_without_a_currency_are_in_the_one_that_is_set(project: Project) -> None:
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": [subscription("a", "")]}
    assert load_tables(project(files), NOW).currency == "EUR"
    assert load_tables(project(files, '[value]\ncurrency = "CHF"'), NOW).currency == "CHF"


def test_a_setting_that_contradicts_the_rows_is_refused(project: Project) -> None:
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": [subscription("a", "USD")]}
    with pytest.raises(ContractError, match=r"the rows say USD, \[value\] currency says EUR"):
        load_tables(project(files, '[value]\ncurrency = "EUR"'), NOW)


@pytest.mark.parametrize("table", ["subscriptions", "invoices", "payments"])
def test_two_currencies_are_refused_wherever_they_come_from(project: Project, table: str) -> None:
    keys = {"subscriptions": "subscription_id", "invoices": "invoice_id", "payments": "payment_id"}
    rows = [{**GOOD[table], keys[table]: n, "currency": currency, "amount": 10, "mrr": 10} for n, currency in
            enumerate(("EUR", "JPY"))]  # fmt: skip
    extra = "mrr" if table != "subscriptions" else "amount"
    rows = [{name: value for name, value in row.items() if name != extra} for row in rows]
    with pytest.raises(ContractError, match=rf"2 currencies, which do not add up \(EUR in {table}; JPY in {table}\)"):
        load_tables(project({"accounts.csv": ACCOUNTS, f"{table}.csv": rows}), NOW)


def test_two_tables_in_two_currencies_are_refused(project: Project) -> None:
    invoice = {**GOOD["invoices"], "currency": "USD"}
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": [subscription("a", "EUR")], "invoices.csv": [invoice]}
    with pytest.raises(ContractError, match=r"EUR in subscriptions; USD in invoices"):
        load_tables(project(files), NOW)


def test_amounts_are_converted_at_the_rate_of_their_time(project: Project) -> None:
    rows = [subscription("a", "EUR"), subscription("b", "USD"), subscription("c", "usd", started_at="2024-04-01"),
            subscription("d", "USD", mrr=0)]  # fmt: skip
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": rows, "rates.csv": RATES,
             "invoices.csv": [{**GOOD["invoices"], "currency": "USD", "amount": -10}]}  # fmt: skip
    tables = load_tables(project(files, '[currency]\nreport = "eur"'), NOW)
    kept = pq.read_table(tables.path("subscriptions")).to_pylist()
    assert [(row["mrr"], row["currency"]) for row in kept] == [(100, "EUR"), (50, "EUR"), (80, "EUR"), (0, "EUR")]
    assert pq.read_table(tables.path("invoices"))["amount"].to_pylist() == [-5]
    assert tables.currency == "EUR"


def test_a_row_before_the_first_rate_of_its_currency_is_refused(project: Project) -> None:
    rows = [subscription("a", "GBP"), *[subscription(str(n), "EUR") for n in range(40)]]
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": rows, "rates.csv": RATES}
    tables = read_tables(project(files, '[currency]\nreport = "EUR"'), NOW)
    assert [reason.reason for reason in tables.report("subscriptions").reasons] == [
        "no exchange rate of its currency by then (table rates)"]  # fmt: skip
