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
from undertow.serving.published.list_query import LEAST_MOVED, UPWARDS, AtRiskQuery

MOST_NAMED = 10  # segments or owners named in a refusal
ROUNDING = 1e-9  # 0.06 - 0.05 is less than 0.01
CHOSEN = ("segment", "owner", "country")


@dataclass(frozen=True)
class Selection:
    """A filtered part of the at-risk list. `total`, `value_at_risk`: of all that matched; `rows`: this page of it."""

    total: int
    value_at_risk: float
    rows: pa.Table


@dataclass(frozen=True)
class Beside:
    """The ids of the accounts before and after one in a selection, None at its ends; its place, from 1, of `total`."""

    before: str | None
    after: str | None
    place: int
    total: int


class ListColumns:
    """The columns of a published table that queries filter and order by; each is made once, when first needed."""

    def __init__(self, table: pa.Table, headline: int, as_of: date) -> None:
        """`table`: scores, as they are listed. `headline`: days. `as_of`: of the scores."""
        self._table, self._headline, self._as_of = table, headline, as_of
        self._orders: dict[str, pa.Array] = {}

    def select(self, query: AtRiskQuery) -> Selection:
        """Return the accounts that a query selects, in its order; equal ones in the order of the list.

        Raises RequestError for a segment, an owner or a country that no account has.
        """
        rows = self._rows(query)
        if rows is None:  # Arrow imports pandas to compute with Python's numbers
            page = self._table.slice(query.offset, query.most)
            return Selection(self._table.num_rows, known_sum(self._table["value_at_risk"]), page)
        value = known_sum(self._table["value_at_risk"].take(rows))
        return Selection(len(rows), value, self._table.take(rows.slice(query.offset, query.most)))

    def beside(self, query: AtRiskQuery, row: int) -> Beside | None:
        """Return where a row of the table stands in what a query selects; None where it is not among it."""
        rows = self._rows(query)
        rows = np.arange(self._table.num_rows) if rows is None else rows.to_numpy()
        [places] = np.nonzero(rows == row)
        if not len(places):
            return None
        place = int(places[0])
        ids = [self._table["account_id"][int(rows[each])].as_py() if 0 <= each < len(rows) else None
               for each in (place - 1, place + 1)]  # fmt: skip
        return Beside(ids[0], ids[1], place + 1, len(rows))

    def _rows(self, query: AtRiskQuery) -> pa.Array | None:
        """Return the rows that a query selects, in its order; None: all, as they are listed."""
        tests, rows = self._tests(query), self._order(query.sort)
        if rows is None:
            if not tests:
                return None
            rows = pc.indices_nonzero(tests.pop())
        for test in tests:
            rows = rows.filter(test.take(rows))  # a row whose test is null is left out
        return rows

    def choices(self, column: str) -> list[str]:
        """Return the texts that occur in "segment", "owner" or "country", sorted."""
        return self._choices[column]

    def _tests(self, query: AtRiskQuery) -> list[pa.Array]:
        """Return of every filter which rows match it, shape (n_accounts,); null: not known."""
        tests = [pc.is_in(self._table[name], pa.array(self._known(name, chosen)))
                 for name in CHOSEN if (chosen := getattr(query, name))]  # fmt: skip
        if query.cause is not None:
            tests.append(pc.equal(self._table["cause"], query.cause))
        if query.notice is not None:
            tests.append(pc.equal(self._decided("notice"), query.notice == "yes"))
        if query.contact is not None:
            tests.append(pc.equal(self._decided("contact"), query.contact))
        if query.family is not None:
            tests.append(pc.equal(self._first_family, query.family))
        if query.min_value is not None:
            tests.append(pc.greater_equal(self._table["value_at_risk"], query.min_value))
        if query.search:
            found = [pc.match_substring(each, query.search.lower()) for each in self._searched]
            tests.append(pc.or_kleene(*found))
        if query.moved is not None:
            tests.append(self.has_moved(query.moved))
        tests += self._renewing(*query.renews_between(self._as_of))
        return tests

    def has_moved(self, moves: str) -> pa.Array | pa.ChunkedArray:
        """Return which accounts are new or have moved since the list before. Raises RequestError without one."""
        if not self.compares:
            raise RequestError(
                "moved: there is no list before this one to compare with, or this one was published before lists were "
                "compared. Leave moved out; the next list of a later day has it."
            )
        is_new, by = self._table["is_new"], pc.fill_null(self._table["moved"], 0.0)
        match moves:
            case "new":
                return is_new
            case "fallen":
                return pc.less_equal(by, -LEAST_MOVED + ROUNDING)
            case "risen":
                return pc.greater_equal(by, LEAST_MOVED - ROUNDING)
            case _:
                return pc.or_kleene(is_new, pc.greater_equal(by, LEAST_MOVED - ROUNDING))

    @cached_property
    def compares(self) -> bool:
        """Whether the list was compared with one before it."""
        return "is_new" in self._table.column_names and self._table["is_new"].null_count < max(self._table.num_rows, 1)

    def _renewing(self, first: date | None, last: date | None) -> list[pa.ChunkedArray]:
        renews, kind = self._table["renews_at"], self._table["renews_at"].type
        tests = []
        if first is not None:
            tests.append(pc.greater_equal(renews, pa.scalar(datetime.combine(first, time()), kind)))
        if last is not None:
            after = datetime.combine(last, time()) + timedelta(days=1)
            tests.append(pc.less(renews, pa.scalar(after, kind)))
        return tests

    @property
    def _is_decided(self) -> bool:
        """Whether contacts were valued; lists of earlier releases go by value at risk instead."""
        return "contact_value" in self._table.column_names

    def _decided(self, column: str) -> pa.ChunkedArray:
        if not self._is_decided:
            raise RequestError(
                f"This list was published before contacts were valued, so {column} cannot be chosen. "
                "Run `undertow score` again."
            )
        return self._table[column]

    def _known(self, column: str, wanted: Sequence[str]) -> list[str]:
        known = self._choices[column]
        for each in wanted:
            if each not in known:
                some = ", ".join(f"'{short(text)}'" for text in known[:MOST_NAMED]) or "none"
                more = f" and {len(known) - MOST_NAMED:,} more" if len(known) > MOST_NAMED else ""
                near = did_you_mean(each, known) or did_you_mean(each.casefold(), known)
                raise RequestError(f"No account has the {column} '{short(each)}'.{near} Known: {some}{more}.")
        return list(wanted)

    def _order(self, sort: str) -> pa.Array | None:
        """Return the rows in an order, shape (n_accounts,), unknown values last; None: as they are listed.

        So they are in the order of what moved where nothing is known to have.
        """
        if sort == "contact_value" or (sort == "value_at_risk" and not self._is_decided):
            return None
        if sort == "moved" and not self.compares:
            return None
        if sort not in self._orders:
            self._orders[sort] = self._made_order(sort)
        return self._orders[sort]

    def _made_order(self, sort: str) -> pa.Array:
        if sort == "name":
            keys = pc.utf8_lower(pc.coalesce(self._table["name"], self._table["account_id"]))
        else:
            keys = self._table[f"p_{self._headline}" if sort == "probability" else sort]
        keyed = pa.Table.from_arrays([pc.is_null(keys, nan_is_null=True), keys], names=["absent", "key"])
        direction = "ascending" if sort in UPWARDS else "descending"
        return pc.sort_indices(keyed, [("absent", "ascending"), ("key", direction)])  # a stable sort

    @cached_property
    def _choices(self) -> dict[str, list[str]]:
        texts = {name: pc.unique(self._table[name]).to_pylist() for name in CHOSEN}
        return {name: sorted(text for text in of_column if text is not None) for name, of_column in texts.items()}

    @cached_property
    def _searched(self) -> list[pa.ChunkedArray]:
        return [pc.utf8_lower(self._table[name]) for name in ("name", "account_id")]

    @cached_property
    def _first_family(self) -> pa.Array:
        """The family of each account's first reason; null: no reason."""
        return first_families(self._table["reasons"])


def first_families(reasons: pa.ChunkedArray) -> pa.Array:
    """Return the family of each account's first reason, from the column `reasons`; null: no reason."""
    together = reasons.combine_chunks()
    lists = together.chunk(0) if isinstance(together, pa.ChunkedArray) else together
    families = pc.struct_field(lists.values, "family") if len(lists.values) else pa.nulls(0, pa.string())
    starts = lists.offsets.slice(0, len(lists))
    has_one = pc.greater(pc.fill_null(pc.list_value_length(lists), 0), 0)
    return families.take(pc.if_else(has_one, starts, None))


def known_sum(values: pa.ChunkedArray) -> float:
    """Return the sum of the values that are known."""
    return float(pc.sum(values.filter(pc.is_finite(values))).as_py() or 0.0)
