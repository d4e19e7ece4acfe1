"""The query of the at-risk list: filters, order, page and form, the same for page, API, CSV and command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict, replace

from undertow.features.errors import RequestError, did_you_mean
from undertow.serving.formatting import short
from undertow.serving.published.requests import MAX_ROWS, Cause, Verdict, in_words

A_PAGE = 50  # accounts, where no limit is given
MAX_OFFSET = 1_000_000_000
MOST_DAYS = 3660  # ahead, of a renewal
MOST_TEXT = 100  # characters of a search
Format = Literal["json", "csv", "ndjson", "xlsx", "parquet", "ics"]
Columns = Literal["names", "titles"]
Locale = Literal["en", "de", "fr", "sv"]
Family = Literal["ux", "cx", "usage", "billing"]
Order = Literal["contact_value", "value_at_risk", "clv", "probability", "mrr", "renews_at", "name", "moved"]
Moves = Literal["new", "risen", "new_or_risen", "fallen"]
LEAST_MOVED = 0.01  # of the probability: what counts as risen or fallen since the list before
Several = tuple[str, ...]
MOST_CHOSEN = 50  # texts of one filter
Limit = Annotated[
    int,
    Meta(ge=1, le=MAX_ROWS, description=f"How many accounts. Not given: {A_PAGE} of JSON, else the whole list."),
]
Offset = Annotated[int, Meta(ge=0, le=MAX_OFFSET, description="How many accounts to skip.")]
Segments = Annotated[
    Several, Meta(max_length=MOST_CHOSEN, description="Only accounts of this segment; several may be given.")
]
Owners = Annotated[
    Several, Meta(max_length=MOST_CHOSEN, description="Only accounts of this owner; several may be given.")
]
Countries = Annotated[
    Several, Meta(max_length=MOST_CHOSEN, description="Only accounts of this country; several may be given.")
]
LikelierCause = Annotated[Cause, Meta(description="Only accounts with this likelier cause of churn.")]
ReasonFamily = Annotated[Family, Meta(description="Only accounts whose first reason is of this family of measures.")]
OfContact = Annotated[
    Verdict,
    Meta(
        description="Only accounts with which a contact is recommended, would pay but is beyond a budget, or does not "
        "pay, under the assumptions of [contact]."
    ),
]
Notice = Annotated[Literal["yes", "no"], Meta(description="Only accounts that gave notice to leave, or that did not.")]
MinValue = Annotated[float, Meta(description="Only accounts with at least this value at risk, in money.")]
Within = Annotated[int, Meta(ge=0, le=MOST_DAYS, description="Only accounts that renew within so many days of as_of.")]
Text = Annotated[
    str, Meta(max_length=MOST_TEXT, description="Only accounts with this text in their name or id, whatever its case.")
]
Moving = Annotated[
    Moves,
    Meta(
        description="Only accounts that are new since the list before, or whose probability has risen or fallen since "
        f"then, by at least {100 * LEAST_MOVED:g} percentage point."
    ),
]
AsCalled = Annotated[
    Format,
    Meta(
        description="JSON in pages, or the whole list: CSV, one account in JSON per line (ndjson), a workbook (xlsx), "
        "Parquet, or the calendar of its renewals (ics)."
    ),
]
AsColumns = Annotated[
    Columns,
    Meta(
        description="Only with format=csv: all columns under their names, the default, or those of the workbook under "
        "titles in words."
    ),
]
AsWritten = Annotated[
    Locale,
    Meta(
        description="Only with format=csv: en, the default, writes 1234.50 and 2025-03-31 between commas; de 1234,50 "
        "and 31.03.2025, fr 1234,50 and 31/03/2025, sv 1234,50 and 2025-03-31 between semicolons."
    ),
]
WithSeparator = Annotated[
    Literal["yes"],
    Meta(description="Only with format=csv: the first line is sep=, or sep=; and tells Excel the separator."),
]
Run = Annotated[
    str,
    Meta(description="The run_id of the list that this page belongs to, as `next` gives it. Of another: 409."),
]
CHOICES: dict[str, tuple[str, ...]] = {
    "cause": get_args(Cause), "format": get_args(Format), "family": get_args(Family), "sort": get_args(Order),
    "contact": get_args(Verdict), "notice": ("yes", "no"), "moved": get_args(Moves), "columns": get_args(Columns),
    "locale": get_args(Locale), "sep": ("yes",),
}  # fmt: skip
OF_CSV = ("columns", "locale", "sep")  # how CSV is written: no filters
UPWARDS = ("renews_at", "name")  # orders whose smallest comes first
VIEW = ("segment", "owner", "country", "cause", "notice", "contact", "family", "min_value", "renews_within",
        "renews_from", "renews_to", "search", "moved")  # fmt: skip


From = Annotated[date, Meta(description="Only accounts that renew on this day or later.")]
To = Annotated[date, Meta(description="Only accounts that renew on this day or before.")]


class AtRiskQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Query of the at-risk list: filters that combine, order, page and form."""

    limit: Limit | UnsetType = UNSET
    offset: Offset = 0
    segment: Segments = ()
    owner: Owners = ()
    country: Countries = ()
    cause: LikelierCause | None = None
    notice: Notice | None = None
    contact: OfContact | None = None
    family: ReasonFamily | None = None
    min_value: MinValue | None = None
    renews_within: Within | None = None
    renews_from: From | None = None
    renews_to: To | None = None
    search: Text = ""
    moved: Moving | None = None
    sort: Annotated[
        Order,
        Meta(
            description="The order: highest first, of renews_at the earliest, of name from A, of moved the largest "
            "rise of the probability since the list before."
        ),
    ] = "contact_value"
    format: AsCalled = "json"
    columns: AsColumns | None = None
    locale: AsWritten | None = None
    sep: WithSeparator | None = None
    run: Run | None = None

    @property
    def page_size(self) -> int:
        """How many accounts a page holds."""
        return A_PAGE if isinstance(self.limit, UnsetType) else self.limit

    @property
    def most(self) -> int | None:
        """How many accounts are answered at most; None: all of them."""
        return None if self.format != "json" and isinstance(self.limit, UnsetType) else self.page_size

    @property
    def unwritten(self) -> AtRiskQuery:
        """This query without what says how a file is written: what a page shows."""
        return replace(self, format="json", columns=None, locale=None, sep=None)

    def renews_between(self, as_of: date) -> tuple[date | None, date | None]:
        """Return the first and the last day of renewal that are wanted; None: no such bound."""
        first, last = self.renews_from, self.renews_to
        if self.renews_within is not None:
            within = as_of + timedelta(days=self.renews_within)
            first = as_of if first is None else max(first, as_of)
            last = within if last is None else min(last, within)
        return first, last

    @property
    def view(self) -> dict[str, Any]:
        """The filters that are given, by name."""
        return {name: value for name, value in self.given.items() if name in VIEW}

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that are not at their default, by name."""
        default = asdict(AtRiskQuery())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    def link(self, path: str, **changed: Any) -> str:
        """Return the URL below `path` of this query with some parameters changed; defaults are left out.

        >>> AtRiskQuery(owner=("Mira", "Jo")).link("/", sort="clv")
        '/?owner=Mira&owner=Jo&sort=clv'
        """
        kept = replace(self, **changed).given
        return f"{path}?{urlencode(kept, doseq=True)}" if kept else path

    def following(self, total: int, run: str) -> str | None:
        """Return the URL of the next page, relative to that of this one, or None after the last of `total` accounts."""
        if self.offset + self.page_size >= total:
            return None
        return self.link("at-risk", limit=self.page_size, offset=self.offset + self.page_size, run=run)


EXPECTED = {
    "limit": f"a whole number from 1 to {MAX_ROWS:,}",
    "offset": f"a whole number from 0 to {MAX_OFFSET:,}",
    "min_value": "an amount of money, such as 500",
    "renews_within": f"a number of days from 0 to {MOST_DAYS:,}",
    "renews_from": "a day such as 2025-03-31",
    "renews_to": "a day such as 2025-03-31",
    "search": f"at most {MOST_TEXT} characters",
    **dict.fromkeys(("segment", "owner", "country"), f"at most {MOST_CHOSEN} of them"),
    **{name: " or ".join(choices) for name, choices in CHOICES.items()},
}


def read_query(pairs: Sequence[tuple[str, str]]) -> AtRiskQuery:
    """Return the query from pairs of parameter name and text; an empty text means "not given".

    Raises RequestError for an unknown parameter, one given twice that takes one value, or a value that it cannot have.
    """
    given: dict[str, Any] = {}
    for name, text in pairs:
        if name not in AtRiskQuery.__struct_fields__:
            near = did_you_mean(short(name), AtRiskQuery.__struct_fields__)
            known = ", ".join(AtRiskQuery.__struct_fields__)
            raise RequestError(f"Unknown query parameter '{short(name)}'.{near} Known: {known}.")
        if name in ("segment", "owner", "country"):
            given.setdefault(name, []).extend([text] if text else [])
        elif name in given:
            raise RequestError(f"Query parameter '{name}' was given more than once. Send it once.")
        else:
            given[name] = text
    return query_of({name: value for name, value in given.items() if value not in ("", [])})


def query_of(given: Mapping[str, Any]) -> AtRiskQuery:
    """Return the query of parameters by name, as texts or as their values. Raises RequestError."""
    try:
        query = msgspec.convert(given, AtRiskQuery, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].partition("`")[0].partition("[")[0]
        if field not in EXPECTED:
            raise RequestError(in_words(str(error), AtRiskQuery)) from error
        raise _unexpected(field, given[field]) from error
    if query.min_value is not None and not math.isfinite(query.min_value):
        raise _unexpected("min_value", given["min_value"])
    nulls = [name for name in given if name in EXPECTED and getattr(query, name) is None]
    if nulls:  # msgspec reads the text "null" as none
        raise _unexpected(nulls[0], given[nulls[0]])
    if query.renews_from and query.renews_to and query.renews_from > query.renews_to:
        raise RequestError(f"renews_from {query.renews_from} is after renews_to {query.renews_to}. Swap them.")
    said = [name for name in OF_CSV if getattr(query, name) is not None]
    if said and query.format != "csv":
        raise RequestError(
            f"{said[0]}: says how CSV is written; the format is not CSV. Add format csv, or leave {said[0]} out."
        )
    return query


def _unexpected(field: str, got: object) -> RequestError:
    count = f"{len(got)} of them" if isinstance(got, (list, tuple)) else f"'{short(str(got))}'"
    return RequestError(f"{field}: expected {EXPECTED[field]}; got {count}.")
