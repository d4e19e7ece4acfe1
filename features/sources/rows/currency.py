"""Money in one currency: the currency of the rows, and conversion at dated exchange rates where they state several."""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, literal, quoted, rows, run
from undertow.features.settings import Settings
from undertow.features.sources.rows.contract import REASON, ROW
from undertow.features.tables import TABLES, Table

DEFAULT = "EUR"
NO_RATE = "no exchange rate of its currency by then (table rates)"


def convert(connection: Connection, table: Table, report: str, has_rates: bool) -> None:
    """Convert the amounts of `judged` to the currency `report`, at the rate valid when each row happened.

    A row whose currency has no rate by then is marked for quarantine.
    """
    money = [column.name for column in table.columns if column.is_money]
    if not money or table.column("currency") is None:
        return
    rates = "rates" if has_rates else "(SELECT NULL AS currency, NULL AS valid_from, NULL AS rate WHERE false)"
    run(
        connection,
        f"CREATE OR REPLACE TEMP TABLE rated AS SELECT j.{ROW}, r.rate FROM judged AS j ASOF LEFT JOIN {rates} AS r "
        f"ON j.currency = r.currency AND j.{table.happened_at} >= r.valid_from "
        f"WHERE j.{REASON} IS NULL AND j.currency <> {literal(report)}",
        table.name,
    )
    amounts = ", ".join(f"{quoted(name)} = j.{quoted(name)} * r.rate" for name in money)
    run(connection, f"UPDATE judged AS j SET {amounts}, currency = {literal(report)} FROM rated AS r "
                    f"WHERE j.{ROW} = r.{ROW} AND r.rate IS NOT NULL", table.name)  # fmt: skip
    run(connection, f"UPDATE judged AS j SET {REASON} = {literal(NO_RATE)} FROM rated AS r "
                    f"WHERE j.{ROW} = r.{ROW} AND r.rate IS NULL", table.name)  # fmt: skip


def stated_currencies(connection: Connection, present: list[str]) -> dict[str, list[str]]:
    """Return currency -> the tables with amounts in it."""
    stated: dict[str, list[str]] = {}
    for name in present:
        money = [column.name for column in TABLES[name].columns if column.is_money]
        if money and TABLES[name].column("currency") is not None:
            paid = " OR ".join(f"{quoted(column)} <> 0" for column in money)
            sql = f"SELECT DISTINCT currency FROM {name} WHERE currency IS NOT NULL AND ({paid}) ORDER BY currency"
            for row in rows(connection, sql, name):
                stated.setdefault(str(row["currency"]), []).append(name)
    return stated


def choose_currency(settings: Settings, stated: dict[str, list[str]]) -> tuple[str, str]:
    """Return the currency of all amounts, and why they cannot be used together; "" where they can."""
    report, expected = settings.currency.report.upper(), settings.value.currency.upper()
    if report and expected and report != expected:
        return report, f"[currency] report says {report}, [value] currency says {expected}. Remove [value] currency."
    others = sorted(set(stated) - {report})
    if report:
        return report, f"amounts in {', '.join(others)} were not converted to {report}." if others else ""
    if len(stated) > 1:
        listed = "; ".join(f"{currency} in {', '.join(names)}" for currency, names in sorted(stated.items()))
        return next(iter(stated)), (
            f"amounts come in {len(stated)} currencies, which do not add up ({listed}). Convert them to one in the "
            'SELECT, or set [currency] report = "EUR" and give the table rates (currency, valid_from, rate: what one '
            "unit of it is worth in the reporting currency)."
        )
    found = next(iter(stated), "")
    if found and expected and found != expected:
        return found, f"the rows say {found}, [value] currency says {expected}. Remove [value] currency, or correct it."
    return found or expected or DEFAULT, ""
