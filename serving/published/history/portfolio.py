"""The roll-up of the list by owner and by segment: accounts, money, and what moved since the list before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from undertow.serving.published.answers import Count, Days, IsoDay, Probability
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.scores import PublishedScores

SUMMED = ("mrr", "spent", "value_at_risk", "value_at_risk_moved", "new_value_at_risk")
COUNTED = ("new", "risen", "fallen")
FIRST = "this is the first list: there is none before it to compare with"
EARLIER = "this list was published before lists were compared; the next one is compared with it"


class Book(msgspec.Struct):
    """The accounts of one owner, of one segment, or all. `name`: null where an account has none, and of all.

    `mrr`, `spent`: per month, and in 365 days; `probability`: the mean at the headline horizon; `value_at_risk`: money.
    Since the list before: accounts that are `new`, have `left` or moved by a percentage point or more (`risen`,
    `fallen`); `moved`: value at risk of the accounts on both lists, now less then, beside that of new and left ones.
    Null where there is nothing to compare with, or no value is known.
    """

    name: str | None
    accounts: Count
    mrr: float | None
    spent: float | None
    value_at_risk: float | None
    probability: Probability | None
    risen: Count | None
    fallen: Count | None
    moved: float | None
    new: Count | None
    new_value_at_risk: float | None
    left: Count | None
    left_value_at_risk: float | None


class Portfolio(msgspec.Struct):
    """The list by owner and by segment, highest value at risk first. `since`: the as_of of the list before.

    `why_not`: why nothing is compared; else null.
    """

    run_id: str
    model_version: str
    as_of: IsoDay
    since: IsoDay | None
    why_not: str | None
    headline: Days
    currency: str
    total: Book
    owners: list[Book]
    segments: list[Book]


def portfolio(published: PublishedScores) -> Portfolio:
    """Return the roll-up of a publication, with the accounts of its owner alone where it is that of one."""
    manifest, previous = published.manifest, published.manifest.get("previous")
    if previous is not None and not published.columns.compares:
        previous = None
    gone = previous and [book for book in previous["gone"] if published.owner in (None, book["owner"])]
    table = _columns(published, previous is not None)
    return Portfolio(
        run_id=manifest["run_id"],
        model_version=manifest["model_version"],
        as_of=manifest["as_of"][:10],
        since=previous and previous["as_of"],
        why_not=None if previous else FIRST if "previous" in manifest else EARLIER,
        headline=manifest["headline"],
        currency=manifest["currency"],
        total=_all(table, gone),
        owners=_books(table, gone, "owner"),
        segments=_books(table, gone, "segment"),
    )


def _columns(published: PublishedScores, compares: bool) -> pa.Table:
    """Return what is summed of each account; unknown numbers are null."""
    table, count = published.table, published.table.num_rows
    columns = {"owner": table["owner"], "segment": table["segment"], "all": pa.nulls(count, pa.string())}
    columns["probability"] = _known(table, f"p_{published.manifest['headline']}")
    columns |= {name: _known(table, name) for name in SUMMED}
    for name in COUNTED:
        is_so = published.columns.has_moved(name) if compares else pa.nulls(count, pa.bool_())
        columns[name] = is_so.cast(pa.int64())
    if compares:
        is_new = published.columns.has_moved("new")
        columns["new_value_at_risk"] = pc.if_else(is_new, columns["value_at_risk"], None)
    return pa.table(columns)


def _known(table: pa.Table, name: str) -> pa.Array | pa.ChunkedArray:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.float64())
    values = table[name].cast(pa.float64())
    return pc.if_else(pc.is_finite(values), values, None)


def _all(table: pa.Table, gone: list[dict[str, Any]] | None) -> Book:
    found = _books(table, gone, "all")
    return found[0] if found else _book({}, None, [] if gone is not None else None)


def _books(table: pa.Table, gone: list[dict[str, Any]] | None, by: str) -> list[Book]:
    """Return a book per text in the column `by`, also of those all of whose accounts have left."""
    wanted = [(name, "sum") for name in (*SUMMED, *COUNTED)] + [("probability", "mean"), ([], "count_all")]
    rows = {row[by]: row for row in table.group_by(by).aggregate(wanted).to_pylist()}
    left = defaultdict[str | None, list[dict[str, Any]]](list)
    for each in gone or ():
        left[each.get(by)].append(each)
    names = rows.keys() | left.keys()
    books = [_book(rows.get(name, {}), name, None if gone is None else left[name]) for name in names]
    return sorted(books, key=lambda book: (book.name is None, -(book.value_at_risk or 0.0), book.name or ""))


def _book(row: Mapping[str, Any], name: str | None, gone: Iterable[Mapping[str, Any]] | None) -> Book:
    left = None if gone is None else [*gone]
    counts = {each: row.get(f"{each}_sum") if left is None else row.get(f"{each}_sum") or 0 for each in COUNTED}
    return Book(
        name=name,
        accounts=row.get("count_all", 0),
        mrr=row.get("mrr_sum"),
        spent=row.get("spent_sum"),
        value_at_risk=row.get("value_at_risk_sum"),
        probability=row.get("probability_mean"),
        **counts,
        moved=row.get("value_at_risk_moved_sum"),
        new_value_at_risk=row.get("new_value_at_risk_sum"),
        left=None if left is None else sum(book["accounts"] for book in left),
        left_value_at_risk=None if left is None else sum(book["value_at_risk"] for book in left),
    )


def link(root: str, by: str, book: Book, **more: Any) -> str | None:
    """Return the URL of the list filtered to a book; None where there is none: of accounts without an owner.

    >>> link("./", "segment", Book("smb", *[0] * 12), moved="risen")
    './?segment=smb&moved=risen'
    """
    if by == "all":
        return AtRiskQuery().link(root, **more)
    return None if book.name is None else AtRiskQuery().link(root, **{by: (book.name,)}, **more)
