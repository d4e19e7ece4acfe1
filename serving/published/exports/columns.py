"""The columns of a workbook, and of CSV for people: their titles in words, what they hold, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from undertow.serving.published.answers import CARRIED
from undertow.serving.published.exports.links import LINK

Kind = Literal["text", "money", "share", "day"]


@dataclass(frozen=True)
class Shown:
    """One column of a file for people. `name`: in the table of scores; `title`: in words; `kind`: how it is shown."""

    name: str
    title: str
    kind: Kind = "text"


def shown_columns(names: list[str], manifest: Mapping[str, Any]) -> list[Shown]:
    """Return the columns of a list in order: who, what it pays, how likely it leaves, what that costs, and why.

    `names`: columns of the table of scores; those that the list carries along come last.
    """
    days, months, currency = manifest["headline"], manifest["value_months"], manifest["currency"]
    buys = manifest.get("kind") == "inactivity"
    spent, mrr = Shown("spent", f"Spent in 365 days, {currency}", "money"), Shown("mrr", f"MRR, {currency}", "money")
    causes = () if buys else (
        Shown(f"p_voluntary_{days}", "By choice", "share"),
        Shown(f"p_involuntary_{days}", "By failed payment", "share"),
    )  # fmt: skip
    previous = manifest.get("previous")
    since = "" if previous is None else f"since {previous['as_of']}"
    moved = (Shown("moved", f"Change {since}", "share"), Shown("is_new", f"New {since}")) if previous else ()
    listed = [
        Shown("name", "Name"), Shown("account_id", "Account"), Shown("owner", "Owner"), Shown("segment", "Segment"),
        Shown("country", "Country"), spent if buys else mrr,
        Shown(f"p_{days}", f"{'Away for' if buys else 'Leaves in'} {days} days", "share"), *causes,
        *moved,
        Shown("value_at_risk", f"Value at risk, {currency}", "money"),
        Shown("contact_value", f"A contact is worth, {currency}", "money"), Shown("contact", "Contact"),
        Shown("action", "What to do"), Shown("action_by", "By whom"), Shown("action_due", "Until", "day"),
        Shown("clv", f"Value over {months} months, {currency}", "money"),
        Shown("clv_low", "At least, 8 of 10", "money"), Shown("clv_high", "At most, 8 of 10", "money"),
        Shown("reason_1", "The score reacts to"), Shown("reason_2", "And to"),
        *(() if buys else (Shown("renews_at", "Renews", "day"), Shown("announced", "Announced"))),
        Shown(LINK, "Link"), Shown("as_of", "As of", "day"), Shown("model_version", "Model"),
    ]  # fmt: skip
    carried = [Shown(name, name.removeprefix(CARRIED)) for name in names if name.startswith(CARRIED)]
    return [each for each in (*listed, *carried) if each.name in names]
