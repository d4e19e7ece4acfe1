"""The query of the drivers by month: a group of accounts and a range of months, for page, API and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from undertow.features.errors import RequestError, did_you_mean
from undertow.serving.formatting import short
from undertow.serving.published.requests import in_words

WAYS = ("segment", "platform", "plan")
A_DAY = "a day such as 2025-03-01"
MOST_SHOWN = 12  # names in a message
Segment = Annotated[str, Meta(description="Only accounts of this segment; at most one of segment, platform and plan.")]
Platform = Annotated[str, Meta(description="Only accounts that used this platform most in the 90 days before.")]
Plan = Annotated[str, Meta(description="Only accounts with this plan.")]
From = Annotated[date, Meta(description="No month before this day; the day of a month is that of its as_of.")]
To = Annotated[date, Meta(description="No month after this day.")]


class DriversQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"since": "from", "until": "to"}):
    """Query of the drivers by month: one group of accounts, by default everybody, and a range of months."""

    segment: Segment | None = None
    platform: Platform | None = None
    plan: Plan | None = None
    since: From | None = None
    until: To | None = None

    @property
    def group(self) -> tuple[str, str]:
        """Return the way of grouping and the name of the group; ("all", "") for everybody."""
        return next(((way, getattr(self, way)) for way in WAYS if getattr(self, way) is not None), ("all", ""))

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that are given, by name."""
        sent = {"from": self.since, "to": self.until, **{way: getattr(self, way) for way in WAYS}}
        return {name: value for name, value in sent.items() if value is not None}

    def link(self, path: str) -> str:
        """Return the URL below `path` of this query.

        >>> DriversQuery(segment="small firms", since=date(2025, 1, 1)).link("/drivers")
        '/drivers?from=2025-01-01&segment=small+firms'
        """
        return f"{path}?{urlencode(self.given)}" if self.given else path


NAMES = ("segment", "platform", "plan", "from", "to")


def read_drivers_query(pairs: Sequence[tuple[str, str]]) -> DriversQuery:
    """Return the query from pairs of parameter name and text; an empty text means "not given".

    Raises RequestError for an unknown parameter, one given twice, a value that it cannot have, or two groups.
    """
    given: dict[str, str] = {}
    for name, text in pairs:
        if name not in NAMES:
            near = did_you_mean(short(name), NAMES)
            raise RequestError(f"Unknown query parameter '{short(name)}'.{near} Known: {', '.join(NAMES)}.")
        if name in given:
            raise RequestError(f"Query parameter '{name}' was given more than once. Send it once.")
        given[name] = text
    return drivers_query_of({name: text for name, text in given.items() if text})


def chosen_group(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs with the form's `group` as its parameter.

    >>> chosen_group([("group", "plan:team"), ("to", "")])
    [('plan', 'team'), ('to', '')]
    """
    read = []
    for name, text in pairs:
        way, mark, chosen = text.partition(":")
        if name != "group":
            read.append((name, text))
        elif text:
            read.append((way, chosen) if mark else (name, text))
    return read


def drivers_query_of(given: Mapping[str, Any]) -> DriversQuery:
    """Return the query of parameters by name, as texts or as their values. Raises RequestError."""
    try:
        query = msgspec.convert(given, DriversQuery, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].partition("`")[0]
        if field in ("from", "to"):
            raise _no_day(field, given[field]) from error
        raise RequestError(in_words(str(error), DriversQuery)) from error
    for name, value in (("from", query.since), ("to", query.until)):
        if name in given and value is None:  # msgspec reads the text "null" as none
            raise _no_day(name, given[name])
    nulls = [name for name in WAYS if name in given and getattr(query, name) is None]
    if nulls:
        query = msgspec.structs.replace(query, **{name: str(given[name]) for name in nulls})
    chosen = [name for name in WAYS if name in given]
    if len(chosen) > 1:
        raise RequestError(f"Expected one of segment, platform and plan; got {' and '.join(chosen)}. Leave one out.")
    if query.since and query.until and query.since > query.until:
        raise RequestError(f"from {query.since} is after to {query.until}. Swap them.")
    return query


def _no_day(name: str, got: object) -> RequestError:
    return RequestError(f"{name}: expected {A_DAY}; got '{short(str(got))}'.")


def select_drivers(published: Mapping[str, Any], query: DriversQuery) -> dict[str, Any]:
    """Return what a query asks for of what DRIVERS_BY_MONTH holds: one group, and the months in the range.

    Where nothing was published the answer is empty and `why_not` says why. Raises RequestError for a group or a range
    that there is not.
    """
    way, name = query.group
    kept = {key: value for key, value in published.items() if key not in ("groups", "metrics")}
    metrics = published["metrics"]
    cards = {key: metrics[key] for key in ("cards", "left_out", "why_not")}
    answer = kept | {"group": {"by": way, "name": name}, "by_month": [], "changes": []}
    answer["metrics"] = cards | {"months": []}
    if not published["groups"]:
        return answer
    group = next((each for each in published["groups"] if (each["by"], each["name"]) == (way, name)), None)
    if group is None:
        raise _no_group(published, way, name)
    days = [month["as_of"] for month in published["months"] if _is_in(month["as_of"], query)]
    if not days:
        first, last = (published["months"][place]["as_of"] for place in (0, -1))
        raise RequestError(f"No month lies in this range: months run from {first} to {last}. Choose among them.")
    line = next((each for each in metrics["lines"] if (each["by"], each["name"]) == (way, name)), None)
    answer["months"] = [month for month in published["months"] if month["as_of"] in days]
    answer["by_month"] = [month for month in group["months"] if month["as_of"] in days]
    answer["changes"] = group["changes"]
    found = [] if line is None else [month for month in line["months"] if month["as_of"] in days]
    answer["metrics"] = cards | {"months": found}
    return answer


def _is_in(day: str, query: DriversQuery) -> bool:
    moment = date.fromisoformat(day)
    return (query.since is None or query.since <= moment) and (query.until is None or moment <= query.until)


def _no_group(published: Mapping[str, Any], way: str, name: str) -> RequestError:
    found = next(each for each in published["ways"] if each["by"] == way)
    if found["why_not"]:
        return RequestError(f"Accounts are not grouped by {way}: {found['why_not']}.")
    if name in found["left_out"]:
        return RequestError(f"The {way} '{short(name)}' is too small to be shown; the largest {way}s are.")
    names = found["names"]
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return RequestError(
        f"No {way} '{short(name)}'.{did_you_mean(short(name), names)} Known: {', '.join(names[:MOST_SHOWN])}{more}."
    )
