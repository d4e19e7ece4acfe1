"""The list as a decision: what a contact with each account is worth, what is done, until when, and in which order."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from undertow.features.errors import did_you_mean
from undertow.features.settings import Settings
from undertow.features.settings.playbook import Play, play_for
from undertow.training.value.contact_value import contacts_of


def ranked(table: pa.Table, settings: Settings, headline: int) -> pa.Table:
    """Return the table of scores with the columns of contacts and actions, the most valuable contact first.

    Where contacts are worth the same, or it is not known, value at risk decides, then the probability of the headline
    horizon (days), then the account id.
    """
    for name, values in (*_contacts(table, settings, headline).items(), *_actions(table, settings).items()):
        table = table.append_column(name, values)
    order = (("contact_value", "descending"), ("value_at_risk", "descending"), (f"p_{headline}", "descending"))
    return table.sort_by([*order, ("account_id", "ascending")])


def _contacts(table: pa.Table, settings: Settings, headline: int) -> dict[str, pa.Array]:
    """Return what a contact is worth, money, null where not known, and the verdict on it."""
    probability = _floats(table, f"p_{headline}")
    of_cause = np.maximum(*(_floats(table, f"p_{cause}_{headline}") for cause in ("voluntary", "involuntary")))
    groups = {column: table[column].to_pylist() for column in ("cause", "segment", "owner")}
    contacts = contacts_of(
        settings.contact, _floats(table, "value_at_risk"), of_cause / np.maximum(probability, 1e-300),
        table["notice"].to_numpy(), groups,
    )  # fmt: skip
    return {
        "contact_value": pa.array(contacts.value, from_pandas=True),
        "contact": pa.array(contacts.verdict, pa.string()),
    }


def _floats(table: pa.Table, name: str) -> np.ndarray:
    """Return a column as floats, shape (n,), NaN where null."""
    return np.asarray(table[name].to_numpy(), dtype=float)


def _actions(table: pa.Table, settings: Settings) -> dict[str, pa.Array]:
    """Return what the playbook says of each account: what, by whom, until when, and whether that is a default."""
    rows = table.select(["notice", "cause", "segment", "stands_out", "reasons"]).to_pylist()
    found = [_play(settings, row) for row in rows]
    due = [as_of + timedelta(days=play.within_days)
           for as_of, (play, _) in zip(table["as_of"].to_pylist(), found, strict=True)]  # fmt: skip
    return {
        "action": pa.array([play.do for play, _ in found], pa.string()),
        "action_by": pa.array([play.who for play, _ in found], pa.string()),
        "action_due": pa.array(due, pa.timestamp("us")),
        "action_is_default": pa.array([is_default for _, is_default in found], pa.bool_()),
    }


def _play(settings: Settings, row: dict[str, object]) -> tuple[Play, bool]:
    reasons = row["reasons"]
    leading = reasons[0]["family"] if row["stands_out"] and isinstance(reasons, list) and reasons else None
    segment = None if row["segment"] is None else str(row["segment"])
    return play_for(settings.playbook, bool(row["notice"]), str(row["cause"]), leading, segment)


def assumptions(settings: Settings) -> dict[str, object]:
    """Return what the ranking assumes of contacts, for the manifest; `assumed`: what nobody stated."""
    contact = settings.contact
    apart = [{"column": column, "value": value, **terms.model_dump(exclude_none=True)}
             for column, value, terms in contact.groups()]  # fmt: skip
    return {**contact.model_dump(include={"save_rate", "cost", "budget"}), "apart": apart,
            "assumed": list(contact.assumed)}  # fmt: skip


def unmet_names(settings: Settings, table: pa.Table) -> list[str]:
    """Return a note for every segment and owner that [contact] or [[playbook]] names and no listed account has."""
    named = [("[contact]", column, value) for column, value, _ in settings.contact.groups() if column != "cause"]
    named += [("[[playbook]]", "segment", value) for play in settings.playbook for value in play.segment]
    known = {column: {text for text in table[column].unique().to_pylist() if text is not None}
             for column in ("segment", "owner")}  # fmt: skip
    return [
        f"{where} names the {column} '{value}', which no account of this list has.{did_you_mean(value, known[column])}"
        for where, column, value in dict.fromkeys(named)
        if value not in known[column]
    ]
