"""The parts of the list: every account is in one, and what is said of contacts is their sum."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from undertow.serving.published.decision.in_words import assumed_in_words, contacts_of_query, tabs
from undertow.serving.published.decision.parts import NEEDED, parts_of
from undertow.serving.published.list_query import AtRiskQuery

CONTACT = {"save_rate": 0.2, "cost": 20.0, "budget": None, "apart": [], "assumed": ["save_rate", "cost"]}
MANIFEST = {"contact": CONTACT, "currency": "EUR"}


def table(seed: int = 0, count: int = 40) -> pa.Table:
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        notice = draw.random() < 0.2
        verdict = None if notice else draw.choice(("recommended", "over_budget", "does_not_pay", None))
        value = {"recommended": 30.0, "over_budget": 10.0, "does_not_pay": -5.0, None: None}[verdict]
        rows.append({"notice": notice, "cause": draw.choice(("voluntary", "involuntary")), "contact": verdict,
                     "contact_value": value, "value_at_risk": draw.choice((None, 100.0))})  # fmt: skip
    kinds = {"notice": pa.bool_(), "cause": pa.string(), "contact": pa.string(), "contact_value": pa.float64(),
             "value_at_risk": pa.float64()}  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))


@pytest.mark.parametrize("seed", range(5))
def test_every_account_is_in_one_part_and_sums_are_those_of_the_rows(seed: int) -> None:
    rows, parts = table(seed), parts_of(table(seed))
    assert sum(part.accounts for part in parts) == rows.num_rows
    verdicts = rows["contact"].to_pylist()
    for verdict in ("recommended", "over_budget", "does_not_pay"):
        assert sum(part.verdicts[verdict] for part in parts) == verdicts.count(verdict)
    assert sum(part.contact_value for part in parts) == 30.0 * verdicts.count("recommended")
    assert sum(part.value_at_risk for part in parts) == sum(value or 0.0 for value in rows["value_at_risk"].to_pylist())
    assert [part.name for part in parts] == ["voluntary", "involuntary", "notice"]


def test_an_empty_list_has_empty_parts_and_an_older_one_has_none() -> None:
    assert [part.accounts for part in parts_of(table(count=0))] == [0, 0, 0]
    for column in NEEDED[:1] + NEEDED[2:4]:
        assert parts_of(table().drop_columns([column])) == ()
    assert contacts_of_query((), AtRiskQuery(), {}) == ""


def test_a_tab_keeps_the_other_filters_and_says_which_one_is_shown() -> None:
    query = AtRiskQuery(segment=("smb",), cause="involuntary", notice="no", offset=50)
    found = {tab.title: tab for tab in tabs(parts_of(table()), query, "/")}
    assert [title for title, tab in found.items() if tab.current] == ["By failed payment"]
    assert found["Gave notice"].link == "/?segment=smb&notice=yes"
    assert found["By choice"].link == "/?segment=smb&cause=voluntary&notice=no"


def test_it_is_said_how_many_contacts_pay_and_how_many_do_not() -> None:
    rows, verdicts = table(), table()["contact"].to_pylist()
    said = contacts_of_query(parts_of(rows), AtRiskQuery(), MANIFEST)
    recommended, beyond = verdicts.count("recommended"), verdicts.count("over_budget")
    assert said.startswith(
        f"{recommended} contacts recommended, worth EUR {30 * recommended}, {beyond} more are beyond the budget; "
        f"{verdicts.count('does_not_pay')} do not pay, of {verdicts.count(None)} it is not known. Assumed: "
    )
    notice = contacts_of_query(parts_of(rows), AtRiskQuery(notice="yes"), MANIFEST)
    assert notice == "No contact is valued here: what it would save is not known."


@pytest.mark.parametrize(("changed", "said"), [
    ({}, "Assumed: a contact keeps 20 % of leavers (default) and costs EUR 20 (default)."),
    ({"assumed": [], "budget": 1500},
     "Assumed: a contact keeps 20 % of leavers and costs EUR 20; budget 1,500 contacts."),
    ({"assumed": ["cost"], "apart": [{"column": "segment", "value": v} for v in "abcd"]},
     "Assumed: a contact keeps 20 % of leavers and costs EUR 20 (default), other for the segment a, the segment b, the "
     "segment c and 1 more."),
])  # fmt: skip
def test_assumptions_say_which_of_them_nobody_stated(changed: dict[str, object], said: str) -> None:
    assert assumed_in_words(CONTACT | changed, "EUR") == said
