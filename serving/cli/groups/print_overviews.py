"""Printed journeys and personas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from undertow.serving.cli.console import new_table, out, print_warnings, show
from undertow.serving.formatting import UNKNOWN, measured, money, percent
from undertow.serving.published.overviews import in_words as words


def print_journeys(journey: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Print every touchpoint: what trouble is, churn and value where it was met, and its metrics."""
    currency, buys = manifest["currency"], manifest.get("kind") == "inactivity"
    for place, point in enumerate(journey["touchpoints"], start=1):
        out.print(f"[bold]{place}. {escape(point['title'])}[/]  {escape(point['sentence'])}", soft_wrap=True)
        if point["why_not"]:
            _say(f"{_capital(point['why_not'])}.\n")
            continue
        rules = "; ".join(words.trouble(rule, currency) for rule in point["trouble"])
        unknown = words.not_known(point)
        beside = f"; of {unknown:,} it is not known" if unknown else ""
        _say(f"{point['accounts']:,} accounts in it now, {point['in_trouble']:,} met trouble{beside}.")
        _say(f"Trouble is any of: {rules}.")
        _say(words.churn(point["churn"], journey["horizon"], buys))
        table = _groups("Accounts that", journey["horizon"], buys)
        for group, title in (("trouble", "met trouble"), ("others", "met none")):
            table.add_row(title, *_group(point["churn"][group], point["value"][group], currency))
        show(table)
        metrics = new_table("Medians now", "All in it", "Met trouble", "Met none", right=(1, 2, 3))
        for each in point["metrics"]:
            cells = (_value(each[name], each["unit"], currency) for name in ("median", "in_trouble", "others"))
            metrics.add_row(escape(words.plain(each["sentence"])), *cells)
        show(metrics)
    if not journey["touchpoints"]:
        _say(f"{_capital(journey['why_not'])}.")
    _print_end(journey, manifest)


def print_personas(found: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Print the personas with share, churn and value, then the profile of all, or why there are none."""
    currency, buys = manifest["currency"], manifest.get("kind") == "inactivity"
    people = found["personas"]
    if people:
        table = _groups("Persona", found["horizon"], buys)
        for each in people:
            name = f"{escape(each['name'])}, {percent(each['share'], 0)}"
            table.add_row(name, *_group(each["churn"], each["value"], currency))
        show(table)
        profile = new_table("Medians now", "All", *(escape(each["name"]) for each in people),
                            right=range(1, 2 + len(people)))  # fmt: skip
        for row in zip(*(each["profile"] for each in people), strict=True):
            cells = (_value(each["median"], each["unit"], currency) for each in row)
            overall = _value(row[0]["overall"], row[0]["unit"], currency)
            profile.add_row(escape(words.plain(row[0]["sentence"])), overall, *cells)
        show(profile)
    if found["why_not"]:
        _say(f"{_capital(found['why_not'])}.")
    if found["churn_why_not"]:
        _say(f"{_capital(found['churn_why_not'])}.")
    _print_end(found, manifest)


def _print_end(shown: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    days = ", ".join(shown["observed_as_ofs"])
    seen = f"; churn was observed within {shown['horizon']} days after {days}" if days else ""
    _say(f"{shown['accounts']:,} accounts as of {shown['as_of']}{seen}. {shown['note']}".rstrip())
    print_warnings(manifest.get("warnings", ()))


def _groups(first: str, horizon: int, buys: bool) -> Any:
    left = f"{'Away for' if buys else 'Left in'} {horizon} d (95 % interval)"
    return new_table(first, left, "Observed", "Now", "Mean CLV", "Mean MRR", "At risk", right=range(1, 7))


def _group(left: Mapping[str, Any] | None, value: Mapping[str, Any], currency: str) -> tuple[str, ...]:
    observed = UNKNOWN if left is None else f"{left['left']:,} of {left['snapshots']:,}"
    amounts = (money(value[name]) for name in ("mean_clv", "mean_mrr", "value_at_risk"))
    return words.share_left(left), observed, f"{value['accounts']:,}", *amounts


def _value(value: float | None, unit: str, currency: str) -> str:
    return UNKNOWN if value is None else measured(value, unit, currency)


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False, highlight=False)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
