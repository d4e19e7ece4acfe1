"""Selects and orders accounts of the published table by a query of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.errors import RequestError, did_you_mean
from undertow.serving.formatting import short
from undertow.serving.published.list_query import UPWARDS, AtRiskQuery

MOST_NAMED = 10  # segments or owners named in a refusal
CHOSEN = ("segment", "owner", "country")


@dataclass(frozen=True)
class Selection:
    """A filtered part of the at-risk list. `total`, `value_at_risk`: of all that matched; `rows`: this page of it."""

    total: int
    value_at_risk: float
    rows: pa.Table


class ListColumns:
    """The columns of a published table that queries filter and order by; each is made once, when first needed."""

    def __init__(self, table: pa.Table, headline: int, as_of: date) -> None:
        """`table`: scores, highest value at risk first. `headline`: days. `as_of`: of the scores."""
        self._table, self._headline, self._as_of = table, headline, as_of
        self._orders: dict[str, np.ndarray] = {}

    def select(self, query: AtRiskQuery) -> Selection:
        """Return the accounts that a query selects, in its order; equal ones in the order of the list.

        Raises RequestError for a segment, an owner or a country that no account has.
        """
        rows = self._order(query.sort)
        wanted = self._wanted(query)
        if wanted is not None:
            rows = rows[wanted[rows]]
        values = self._at_risk[rows]
        page = rows[query.offset : None if query.most is None else query.offset + query.most]
        return Selection(len(rows), float(values.sum()), self._table.take(pa.array(page)))

    def choices(self, column: str) -> list[str]:
        """Return the texts that occur in "segment", "owner" or "country", sorted."""
        return self._choices[column]

    def _wanted(self, query: AtRiskQuery) -> np.ndarray | None:
        """Return which rows match every filter, shape (n_accounts,); None: all."""
        tests = [pc.is_in(self._table[name], pa.array(self._known(name, chosen)))
                 for name in CHOSEN if (chosen := getattr(query, name))]  # fmt: skip
        if query.cause is not None:
            tests.append(pc.equal(self._table["cause"], query.cause))
        if query.family is not None:
            tests.append(pc.equal(self._first_family, query.family))
        if query.min_value is not None:
            tests.append(pc.greater_equal(self._table["value_at_risk"], query.min_value))
        if query.search:
            found = [pc.match_substring(each, query.search.lower()) for each in self._searched]
            tests.append(pc.or_kleene(*found))
        tests += self._renewing(*query.renews_between(self._as_of))
        if not tests:
            return None
        return np.logical_and.reduce([_true(test) for test in tests])

    def _renewing(self, first: date | None, last: date | None) -> list[pa.ChunkedArray]:
        renews, kind = self._table["renews_at"], self._table["renews_at"].type
        tests = []
        if first is not None:
            tests.append(pc.greater_equal(renews, pa.scalar(datetime.combine(first, time()), kind)))
        if last is not None:
            after = datetime.combine(last, time()) + timedelta(days=1)
            tests.append(pc.less(renews, pa.scalar(after, kind)))
        return tests

    def _known(self, column: str, wanted: Sequence[str]) -> list[str]:
        known = self._choices[column]
        for each in wanted:
            if each not in known:
                some = ", ".join(f"'{short(text)}'" for text in known[:MOST_NAMED]) or "none"
                more = f" and {len(known) - MOST_NAMED:,} more" if len(known) > MOST_NAMED else ""
                near = did_you_mean(each, known) or did_you_mean(each.casefold(), known)
                raise RequestError(f"No account has the {column} '{short(each)}'.{near} Known: {some}{more}.")
        return list(wanted)

    def _order(self, sort: str) -> np.ndarray:
        """Return the rows in an order, shape (n_accounts,); unknown values are last."""
        if sort not in self._orders:
            self._orders[sort] = self._made_order(sort)
        return self._orders[sort]

    def _made_order(self, sort: str) -> np.ndarray:
        if sort == "value_at_risk":  # the order of the list
            return np.arange(self._table.num_rows)
        if sort == "name":
            keys = pc.utf8_lower(pc.coalesce(self._table["name"], self._table["account_id"]))
        else:
            keys = self._table[f"p_{self._headline}" if sort == "probability" else sort]
        keyed = pa.table({"absent": pc.is_null(keys, nan_is_null=True), "key": keys,
                          "row": pa.array(np.arange(self._table.num_rows))})  # fmt: skip
        direction = "ascending" if sort in UPWARDS else "descending"
        order = [("absent", "ascending"), ("key", direction), ("row", "ascending")]
        return np.asarray(pc.sort_indices(keyed, order))

    @cached_property
    def _choices(self) -> dict[str, list[str]]:
        texts = {name: pc.unique(self._table[name]).to_pylist() for name in CHOSEN}
        return {name: sorted(text for text in of_column if text is not None) for name, of_column in texts.items()}

    @cached_property
    def _at_risk(self) -> np.ndarray:
        values = np.asarray(pc.fill_null(self._table["value_at_risk"], 0.0), float)
        return np.where(np.isfinite(values), values, 0.0)

    @cached_property
    def _searched(self) -> list[pa.ChunkedArray]:
        return [pc.utf8_lower(self._table[name]) for name in ("name", "account_id")]

    @cached_property
    def _first_family(self) -> pa.Array:
        """The family of each account's first reason; null: no reason."""
        reasons = self._table["reasons"].combine_chunks()
        lists = reasons.chunk(0) if isinstance(reasons, pa.ChunkedArray) else reasons
        families = pc.struct_field(lists.values, "family") if len(lists.values) else pa.nulls(0, pa.string())
        starts = pa.array(np.asarray(lists.offsets)[:-1])
        has_one = pc.greater(pc.fill_null(pc.list_value_length(lists), 0), 0)
        return families.take(pc.if_else(has_one, starts, None))


def _true(test: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(test, False), bool)
