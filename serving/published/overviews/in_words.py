"""Drivers, journeys and personas in words, for pages and the command line: thresholds, and numbers with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from undertow.serving.formatting import UNKNOWN, measured, money, percent, points

HOW_FADING = "count half"  # what follows a colon in the sentence of a feature whose rows fade


def plain(sentence: str) -> str:
    """Return the sentence of a feature without how its rows fade.

    >>> plain("Visits against the account's own usual pace: visits count half after three weeks")
    "Visits against the account's own usual pace"
    """
    return sentence.split(":")[0] if HOW_FADING in sentence else sentence


def trouble(rule: Mapping[str, Any], currency: str) -> str:
    """Return a threshold in words: "payment attempts that failed in the last 30 days: at least 1"."""
    about = plain(rule["sentence"])
    about = about[:1].lower() + about[1:] if about[1:2].islower() else about
    limit = rule["limit"] or 0.0
    if rule["unit"] == "log ratio":
        less = limit < 0
        return f"{about}: more than {100 * abs(math.expm1(limit)):.0f} % {'below' if less else 'above'} usual"
    within = ", which three in four stay within" if rule["typical"] else ""
    return f"{about}: {rule['holds']} {measured(limit, rule['unit'], currency)}{within}"


def not_known(point: Mapping[str, Any]) -> int:
    """Return how many accounts are in a touchpoint of whom it is not known whether they met trouble."""
    groups = point["value"].values()
    return int(point["accounts"] - sum(group["accounts"] for group in groups))


def share_left(left: Mapping[str, Any] | None) -> str:
    """Return the share that left with its interval: "8.1 % (5.0 to 12.9)"; "not enough data" without one."""
    if left is None or left["share"] is None:
        return "not enough data"
    return f"{percent(left['share'])} ({100 * left['low']:.1f} to {100 * left['high']:.1f})"


def differing(difference: Mapping[str, Any] | None) -> str:
    """Return a difference of shares in percentage points with its interval: "+3.8 points (−0.6 to +8.9)"."""
    if difference is None:
        return UNKNOWN
    return f"{points(difference['value'])} points ({points(difference['low'])} to {points(difference['high'])})"


def churn(found: Mapping[str, Any], horizon: int, stays_away: bool = False) -> str:
    """Return what was observed of those who met trouble, against the others, in one or two sentences.

    `found`: the churn of a touchpoint. `stays_away`: churn is inactivity.
    """
    if found["difference"] is None:
        why_not = str(found["why_not"])
        return f"{why_not[:1].upper()}{why_not[1:]}."
    low, high = found["difference"]["low"], found["difference"]["high"]
    left = f"stayed away for {horizon} days" if stays_away else f"left within {horizon} days"
    if low > 0 or high < 0:
        said = f"Those who met trouble {left} {'more' if low > 0 else 'less'} often than the others"
    else:
        said = f"Whether those who met trouble {left} more or less often than the others cannot be told"
    like = found["like"]
    beside = (
        "too few others were in the same contract positions to compare with"
        if like is None
        else f"{differing(like)} beside others in the same contract positions"
    )
    return f"{said}: {differing(found['difference'])}; {beside}."


def pointed(estimate: Mapping[str, Any] | None) -> str:
    """Return probability points with their interval: "+1.5 (+1.0 to +2.0)"."""
    if estimate is None:
        return UNKNOWN
    return f"{points(estimate['value'])} ({points(estimate['low'])} to {points(estimate['high'])})"


def in_percent(estimate: Mapping[str, Any] | None) -> str:
    """Return a share, which may be below 0, with its interval: "15.1 % (11.2 to 18.8)"."""
    if estimate is None:
        return UNKNOWN
    low, high = (f"{100 * estimate[end]:.1f}".replace("-", "−") for end in ("low", "high"))
    return f"{percent(estimate['value'])} ({low} to {high})".replace("-", "−")


def costing(estimate: Mapping[str, Any] | None, currency: str = "") -> str:
    """Return an amount of money with its interval: "EUR 5,111 (1,277 to 9,177)"."""
    if estimate is None:
        return UNKNOWN
    low, high = (money(estimate[end]) for end in ("low", "high"))
    return f"{money(estimate['value'], currency)} ({low} to {high})".replace("-", "−")


def since_when(change: Mapping[str, Any], day: Callable[[str], str]) -> str:
    """Return since when a part stands out, and by how much; `day`: writes a day."""
    if change["change"] is None:
        why_not = str(change["why_not"])
        return f"{why_not[:1].upper()}{why_not[1:]}"
    if change["since"] is None:
        return f"No change that stands out: {pointed(change['change'])}"
    side = "more" if change["change"]["value"] > 0 else "less"
    return f"{side.capitalize()} since {day(change['since'])}: {pointed(change['change'])}"


def bin_of(each: Mapping[str, Any], unit: str, currency: str) -> str:
    """Return what the accounts of a bin have in common: "2.1 % to 3.0 %", "team", or "not known"."""
    low, high = (end_of(each, end, unit, currency) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


def end_of(each: Mapping[str, Any], end: str, unit: str, currency: str) -> str:
    """Return the "low" or the "high" end of a bin in words; "not known" where its value is not."""
    if each["text"] is not None:
        return str(each["text"])
    if each[end] is None:
        return "not known"
    return measured(each[end], unit, currency).replace("-", "−")
