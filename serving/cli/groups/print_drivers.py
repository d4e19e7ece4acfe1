"""Printed drivers by month: shares of risk and of money by family, since when, and the months beside UX and CX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from undertow.serving.cli.console import new_table, out, show
from undertow.serving.formatting import UNKNOWN, measured, percent, points
from undertow.serving.published.overviews import in_words as words

LIKE = "like accounts"  # the part that is context: what accounts in the same contract position have
SHORT = {
    "error_rate": "Errors", "task_success_rate": "Tasks", "load_time_p75": "Load",
    "first_response_time": "Answer", "ticket_csat": "Rated", "csat": "CSAT", "nps": "NPS",
}  # fmt: skip


def print_drivers_by_month(shown: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Print the newest month of a group part by part, then every month; `shown`: what the query selected."""
    group = shown["group"]
    about = f"{group['by']} {group['name']}" if group["name"] else "all accounts"
    if shown["why_not"]:
        _say(f"By month: {shown['why_not']}.\n")
        return
    newest, sampled = shown["by_month"][-1], shown["months"][-1]
    sample = f" of a sample of {sampled['sampled']:,} of {sampled['customers']:,}; money is scaled to all"
    part_of_all = sample if sampled["sampled"] < sampled["customers"] else ""
    _say(f"{_capital(about)}, {newest['as_of']}: {newest['accounts']:,} accounts{part_of_all}.")
    if newest["too_few"]:
        _say("Not enough data: 30 accounts are needed.\n")
    else:
        _print_parts(shown, newest, manifest)
    _print_months(shown, manifest)
    _say(f"{shown['read_as']} {shown['since_means']}")
    for each in shown["statements"]:
        if each["about"] != "measures":
            _say(f"{_capital(each['grade'])} ({each['about']}): {each['does_not_mean']}")
    out.print()


def _print_parts(shown: Mapping[str, Any], newest: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    _say(f"Mean chance {words.in_percent(newest['probability'])}; value at risk "
         f"{words.costing(newest['value_at_risk'], manifest['currency'])}; in brackets 95 % intervals.")  # fmt: skip
    changes = {each["part"]: each for each in shown["changes"]}
    table = new_table("Part", "Points", "Share of risk", "Value at risk", "Since when", right=(1, 2, 3))
    for each in newest["parts"]:
        table.add_row(
            _named(each["part"]),
            words.pointed(each["points"]),
            words.in_percent(each["share"]),
            words.costing(each["money"]),
            escape(words.since_when(changes[each["part"]], str)),
        )
    show(table)


def _print_months(shown: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    cards = shown["metrics"]["cards"]
    parts = ["like", *manifest["families"]]
    titles = [SHORT.get(card["name"], card["name"]) for card in cards]
    headers = ("Chance", *parts, *titles)
    table = new_table("As of", "Accounts", *headers, right=range(1, 2 + len(headers)))
    metrics = {month["as_of"]: month["values"] for month in shown["metrics"]["months"]}
    for month in shown["by_month"]:
        by_part = {each["part"]: each["points"] for each in month["parts"]}
        chance = "too few" if month["too_few"] else percent(month["probability"]["value"])
        moved = (points(by_part[part]["value"]) if part in by_part else UNKNOWN for part in parts)
        values = metrics.get(month["as_of"], [None] * len(cards))
        measures = (_measured(value, card["unit"], manifest) for value, card in zip(values, cards, strict=True))
        table.add_row(month["as_of"], f"{month['accounts']:,}", chance, *moved, *measures)
    show(table)


def _measured(value: Mapping[str, Any] | None, unit: str, manifest: Mapping[str, Any]) -> str:
    if value is None or value["value"] is None:
        return UNKNOWN
    return measured(value["value"], unit, manifest["currency"])


def _named(part: str) -> str:
    return LIKE if part == "like" else part


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False, highlight=False)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
