"""Fixed exchange rates that fx.csv begins with: rounded averages of 2024, so that MRR does not move with the market."""

from __future__ import annotations

from collections.abc import Sequence

# Units of a currency per euro: the European Central Bank's reference rates, averages of 2024, rounded. They are a
# proposal: whoever reports in another year's rates, or needs them exact, changes fx.csv.
PER_EURO = {
    "EUR": 1.0, "AUD": 1.64, "BRL": 5.83, "CAD": 1.48, "CHF": 0.953, "CNY": 7.79, "CZK": 25.1, "DKK": 7.46,
    "GBP": 0.847,
    "HKD": 8.45, "HUF": 395.0, "IDR": 17160.0, "ILS": 4.01, "INR": 90.6, "JPY": 164.0, "KRW": 1475.0, "MXN": 19.8,
    "MYR": 4.95, "NOK": 11.6, "NZD": 1.79, "PHP": 62.0, "PLN": 4.31, "RON": 4.97, "SEK": 11.4, "SGD": 1.45, "THB": 38.2,
    "TRY": 35.6, "USD": 1.08, "ZAR": 19.8,
}  # fmt: skip


def fixed_rates(report: str, others: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Return units of each other currency per unit of `report`, to four digits, and the currencies without a rate.

    >>> fixed_rates("EUR", ["USD", "XYZ"])
    ({'USD': 1.08}, ['XYZ'])
    """
    base = PER_EURO.get(report)
    known = {each: float(f"{PER_EURO[each] / base:.4g}") for each in others if each in PER_EURO} if base else {}
    return known, [each for each in others if each not in known]
