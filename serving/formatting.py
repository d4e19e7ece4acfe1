"""Formatting of numbers, money and units for pages, reasons and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

UNKNOWN = "–"
BARS = "▁▂▃▄▅▆▇█"


def money(amount: float | None, currency: str = "") -> str:
    """Return an amount with thousands separators: 1234.5, "EUR" -> "EUR 1,234"."""
    return UNKNOWN if amount is None else f"{currency} {amount:,.0f}".strip()


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as text: 0.1234 -> "12.3 %"."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def adding_up(total: float | None, parts: Mapping[str, float | None]) -> dict[str, str]:
    """Return the parts of a share as percentages of one decimal that add up to that of the total, by name.

    >>> adding_up(0.0074, {"choice": 0.0058, "payment": 0.0016})
    {'choice': '0.6 %', 'payment': '0.1 %'}
    """
    known = {name: 1000 * (part or 0.0) for name, part in parts.items()}
    tenths = {name: math.floor(part) for name, part in known.items()}
    missing = round(1000 * (total or 0.0)) - sum(tenths.values())
    for name in sorted(known, key=lambda name: tenths[name] - known[name])[: max(missing, 0)]:
        tenths[name] += 1
    return {name: f"{tenth / 10:.1f} %" for name, tenth in tenths.items()}


def points(share: float | None) -> str:
    """Return a share as signed probability points: 0.042 -> "+4.2"."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}".replace("-", "−")


def measured(value: float | None, unit: str, currency: str) -> str:
    """Return a measured value with the unit of its card: 0.091, "share" -> "9.1 %"."""
    if value is None:
        return "unknown"
    match unit:
        case "share":
            return percent(value)
        case "ms":
            return f"{value / 1000:.1f} s" if abs(value) >= 1000 else f"{value:.0f} ms"
        case "hours":
            return f"{value:,.1f} h"
        case "days":
            return f"{value:,.0f} days"
        case "money" | "money/month":
            return money(value, currency)
        case "per day":
            return f"{30 * value:,.1f} a month"
        case "log ratio":
            compared = against_usual(value)
            return compared if compared == "as usual" else f"{compared} usual"
        case _:
            return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def against_usual(log_ratio: float) -> str:
    """Return a log ratio of a pace to the usual one as a percentage.

    >>> against_usual(-0.51), against_usual(0.3), against_usual(0.001)
    ('40 % below', '35 % above', 'as usual')
    """
    percentage = round(100 * abs(math.expm1(log_ratio)))
    if percentage == 0:
        return "as usual"
    return f"{percentage:,} % {'below' if log_ratio < 0 else 'above'}"


def short(text: str, most: int = 80) -> str:
    """Return `text`, cut to `most` characters, so that an answer never grows with a request."""
    return text if len(text) <= most else text[: most - 1] + "…"


def month_names(newest: str, count: int) -> list[str]:
    """Return the names of `count` months up to the newest, oldest first.

    >>> month_names("2025-02", 3)
    ['2024-12', '2025-01', '2025-02']
    """
    year, month = map(int, newest.split("-"))
    last = 12 * year + month - 1
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(last - count + 1, last + 1)]


def sparkline(counts: Sequence[int]) -> str:
    """Return counts as bars of eight heights; a dot where there is nothing.

    >>> sparkline([0, 1, 5, 10])
    '·▁▄█'
    """
    most = max(counts, default=0)
    return "".join("·" if not count else BARS[max(0, -(-count * len(BARS) // most) - 1)] for count in counts)
