"""What a query of the list selects, beside the same filters and orders written row by row."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.features.errors import RequestError
from undertow.serving.published.list_query import AtRiskQuery, read_query
from undertow.serving.published.selection import ListColumns

AS_OF, HEADLINE = date(2025, 1, 31), 90
SEGMENTS, FAMILIES = ("business", "startup", None), ("ux", "cx", "usage", "billing")
MOVES = (
    {"is_new": True, "moved": None},
    *({"is_new": False, "moved": by} for by in (0.06 - 0.05, 0.3, 0.009, -0.009, -0.01))
)  # fmt: skip
DAYS = (0, 1, 2, 30, 31, 60, 61)  # until a renewal
SCHEMA = pa.schema([
    ("account_id", pa.string()), ("name", pa.string()), ("segment", pa.string()), ("owner", pa.string()),
    ("country", pa.string()), ("cause", pa.string()), ("value_at_risk", pa.float64()), ("clv", pa.float64()),
    ("notice", pa.bool_()), ("contact", pa.string()), ("contact_value", pa.float64()),
    ("mrr", pa.float64()), ("p_90", pa.float64()), ("renews_at", pa.timestamp("us")),
    ("reasons", pa.list_(pa.struct([("family", pa.string())]))),
    ("is_new", pa.bool_()), ("moved", pa.float64()),
])  # fmt: skip
Row = dict[str, Any]


def people(seed: int, count: int = 30) -> list[Row]:
    draw = random.Random(seed)
    rows = [
        {
            "account_id": f"A-{number:03}",
            "name": draw.choice((None, f"Größe {number}", "nordwind", "Äther")),
            "segment": draw.choice(SEGMENTS),
            "owner": draw.choice(("Mara", "Tom", None)),
            "country": draw.choice(("DE", "FR", None)),
            "cause": draw.choice(("voluntary", "involuntary")),
            "value_at_risk": draw.choice((None, 0.0, float(draw.randint(0, 9)))),
            "clv": draw.choice((None, float(draw.randint(0, 5)))),
            "notice": draw.random() < 0.2,
            "contact": draw.choice((None, "recommended", "over_budget", "does_not_pay")),
            "contact_value": draw.choice((None, float(draw.randint(-2, 4)))),
            "mrr": float(draw.randint(0, 5)),
            "p_90": draw.random(),
            "renews_at": draw.choice((None, datetime(2025, 1, 31, draw.choice((0, 9))) + timedelta(draw.choice(DAYS)))),
            **draw.choice(MOVES),
            "reasons": [{"family": family} for family in draw.sample(FAMILIES, draw.randint(0, 2))],
        }
        for number in range(count)
    ]
    return sorted(rows, key=lambda row: -5.0 if row["contact_value"] is None else row["contact_value"], reverse=True)


def listed(rows: list[Row]) -> ListColumns:
    return ListColumns(pa.Table.from_pylist(rows, SCHEMA), HEADLINE, AS_OF)


def expected(rows: list[Row], query: AtRiskQuery) -> list[str]:
    """The ids that a query selects, by a plain reading of it."""
    first, last = query.renews_from, query.renews_to
    within = None if query.renews_within is None else AS_OF + timedelta(days=query.renews_within)

    def matches(row: Row) -> bool:
        renews = row["renews_at"] and row["renews_at"].date()
        family = row["reasons"][0]["family"] if row["reasons"] else None
        texts = [text.lower() for text in (row["name"], row["account_id"]) if text]
        return all((
            not query.segment or row["segment"] in query.segment,
            not query.owner or row["owner"] in query.owner,
            not query.country or row["country"] in query.country,
            query.cause is None or row["cause"] == query.cause,
            query.family is None or family == query.family,
            query.notice is None or row["notice"] == (query.notice == "yes"),
            query.contact is None or row["contact"] == query.contact,
            query.min_value is None or (row["value_at_risk"] is not None and row["value_at_risk"] >= query.min_value),
            query.moved is None or any((
                row["is_new"] and query.moved.startswith("new"),
                query.moved.endswith("risen") and row["moved"] is not None and row["moved"] > 0.0099,
                query.moved == "fallen" and row["moved"] is not None and row["moved"] < -0.0099,
            )),
            not query.search or any(query.search.lower() in text for text in texts),
            first is None or (renews is not None and renews >= first),
            last is None or (renews is not None and renews <= last),
            within is None or (renews is not None and AS_OF <= renews <= within),
        ))  # fmt: skip

    kept = [row for row in rows if matches(row)]
    columns = {"probability": "p_90"}
    column = columns.get(query.sort, query.sort)
    if query.sort == "name":
        kept.sort(key=lambda row: (row["name"] or row["account_id"]).lower())
    elif query.sort != "contact_value":
        sign = 1 if query.sort == "renews_at" else -1
        order = {row["account_id"]: row[column] for row in kept}
        known = {name: value for name, value in order.items() if value is not None}
        ranks = {value: sign * rank for rank, value in enumerate(sorted(set(known.values())))}
        kept.sort(key=lambda row: (row[column] is None, ranks.get(row[column], 0)))
    return [row["account_id"] for row in kept]


def of(texts: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(texts), unique=True).map(tuple)


QUERIES = st.builds(
    AtRiskQuery,
    segment=of(("business", "startup")),
    owner=of(("Mara", "Tom")),
    country=of(("DE", "FR")),
    cause=st.sampled_from((None, "voluntary", "involuntary")),
    family=st.sampled_from((None, *FAMILIES)),
    notice=st.sampled_from((None, None, "yes", "no")),
    contact=st.sampled_from((None, None, "recommended", "over_budget", "does_not_pay")),
    min_value=st.sampled_from((None, 0.0, 3.0)),
    renews_within=st.sampled_from((None, 0, 30, 60)),
    renews_from=st.sampled_from((None, date(2025, 2, 1))),
    renews_to=st.sampled_from((None, date(2025, 3, 2), date(2025, 4, 1))),
    search=st.sampled_from(("", "NORD", "größe 1", "a-00", "ä")),
    moved=st.sampled_from((None, None, "new", "risen", "new_or_risen", "fallen")),
    sort=st.sampled_from(
        ("contact_value", "value_at_risk", "clv", "probability", "mrr", "renews_at", "name", "moved")
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(query=QUERIES, seed=st.integers(0, 5))
def test_filters_combine_and_orders_hold_as_read_row_by_row(query: AtRiskQuery, seed: int) -> None:
    rows = people(seed)
    found = listed(rows).select(query)
    wanted = expected(rows, query)
    assert found.rows["account_id"].to_pylist() == wanted[:50]
    assert found.total == len(wanted)
    values = {row["account_id"]: row["value_at_risk"] or 0.0 for row in rows}
    assert found.value_at_risk == pytest.approx(sum(values[name] for name in wanted))


def test_the_ten_most_valuable_accounts_that_renew_within_60_days() -> None:
    rows = people(1, 400)
    query = read_query([("renews_within", "60"), ("sort", "clv"), ("limit", "10")])
    soon = [row for row in rows if row["renews_at"] and row["renews_at"].date() <= AS_OF + timedelta(days=60)]
    best = sorted((row["clv"] for row in soon if row["clv"] is not None), reverse=True)[:10]
    assert listed(rows).select(query).rows["clv"].to_pylist() == best


def test_a_list_from_before_contacts_were_valued_goes_by_value_at_risk_and_refuses_to_choose_by_contact() -> None:
    rows = sorted(people(2), key=lambda row: -(row["value_at_risk"] or -1.0))
    older = pa.Table.from_pylist(rows, SCHEMA).drop_columns(["notice", "contact", "contact_value"])
    columns = ListColumns(older, HEADLINE, AS_OF)
    for sort in ("contact_value", "value_at_risk"):
        found = columns.select(AtRiskQuery(sort=sort)).rows["account_id"].to_pylist()  # type: ignore[arg-type]
        assert found == [row["account_id"] for row in rows]
    for query in (AtRiskQuery(contact="recommended"), AtRiskQuery(notice="no")):
        with pytest.raises(RequestError, match=r"published before contacts were valued.*`undertow score` again"):
            columns.select(query)


def test_an_empty_list_has_no_accounts_in_any_order() -> None:
    for sort in ("value_at_risk", "clv", "name", "renews_at"):
        assert listed([]).select(AtRiskQuery(sort=sort, family="ux")).total == 0


def test_a_query_survives_its_own_link() -> None:
    query = AtRiskQuery(segment=("a & b", "c"), search="100 %", renews_from=date(2025, 3, 1), sort="clv", min_value=2.5)
    assert read_query(parse_qsl(query.link("/").partition("?")[2])) == query


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("query", [
    AtRiskQuery(), AtRiskQuery(sort="clv"), AtRiskQuery(segment=("smb", "business"), sort="name", offset=5, limit=2),
    AtRiskQuery(notice="no", min_value=3.0),
])  # fmt: skip
def test_an_account_stands_between_those_before_and_after_it(seed: int, query: AtRiskQuery) -> None:
    rows = people(seed)
    if "smb" in query.segment:
        rows[0]["segment"] = "smb"
    columns, wanted = listed(rows), expected(rows, query)
    for number, row in enumerate(rows):
        beside = columns.beside(query, number)
        if row["account_id"] not in wanted:
            assert beside is None
            continue
        place = wanted.index(row["account_id"])
        assert beside is not None and (beside.place, beside.total) == (place + 1, len(wanted))
        assert beside.before == (wanted[place - 1] if place else None)
        assert beside.after == (wanted[place + 1] if place + 1 < len(wanted) else None)
