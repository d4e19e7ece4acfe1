"""The parts of the list: by choice, by failed payment, and the accounts that gave notice, with the contacts of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa

from undertow.serving.published.requests import Cause, Verdict

NOTICE = "notice"
PARTS = {**{cause: {"cause": cause, "notice": "no"} for cause in get_args(Cause)}, NOTICE: {"notice": "yes"}}
NEEDED = ("notice", "cause", "contact", "contact_value", "value_at_risk")


@dataclass(frozen=True)
class ListPart:
    """One part; `query`: the filters that select it. Money; `value_at_risk`: of all its accounts.

    `verdicts`: number of accounts by verdict on a contact. `contact_value`: of the recommended contacts.
    """

    name: str
    query: dict[str, str]
    accounts: int
    value_at_risk: float
    verdicts: dict[str, int]
    contact_value: float


def parts_of(table: pa.Table) -> tuple[ListPart, ...]:
    """Return the parts of a table of scores; none of one in which contacts were not valued."""
    if any(name not in table.column_names for name in NEEDED):
        return ()
    mine: dict[str, list[tuple[Any, ...]]] = {name: [] for name in PARTS}
    for notice, cause, *rest in zip(*(table[name].to_pylist() for name in NEEDED), strict=True):
        mine[NOTICE if notice else cause].append(tuple(rest))
    return tuple(_part(name, query, mine[name]) for name, query in PARTS.items())


def _part(name: str, query: dict[str, str], mine: list[tuple[Any, ...]]) -> ListPart:
    """Return a part; `mine`: the verdict, the value of a contact and the value at risk of each of its accounts."""
    verdicts = Counter(verdict for verdict, _, _ in mine)
    return ListPart(
        name=name,
        query=query,
        accounts=len(mine),
        value_at_risk=sum(at_risk or 0.0 for _, _, at_risk in mine),
        verdicts={each: verdicts[each] for each in get_args(Verdict)},
        contact_value=sum(value or 0.0 for verdict, value, _ in mine if verdict == "recommended"),
    )
