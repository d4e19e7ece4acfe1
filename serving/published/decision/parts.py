"""The parts of the list: by choice, by failed payment, and the accounts that gave notice, with the contacts of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
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
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in NEEDED}
    notice = columns["notice"].astype(bool)
    mine = {name: notice if name == NOTICE else ~notice & (columns["cause"] == name) for name in PARTS}
    return tuple(_part(name, query, {column: values[mine[name]] for column, values in columns.items()})
                 for name, query in PARTS.items())  # fmt: skip


def _part(name: str, query: dict[str, str], mine: dict[str, np.ndarray]) -> ListPart:
    verdicts = {each: int((mine["contact"] == each).sum()) for each in get_args(Verdict)}
    worth = float(np.nansum(mine["contact_value"][mine["contact"] == "recommended"].astype(float)))
    return ListPart(name, query, len(mine["cause"]), float(np.nansum(mine["value_at_risk"])), verdicts, worth)
