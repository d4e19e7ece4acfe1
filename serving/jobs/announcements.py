"""Announced changes of MRR in words: "gave notice for 2025-04-20", "down to 50 from 2025-05-01"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from undertow.training.examples.announced import ANNOUNCED, ROUNDING, Announced, announced
from undertow.training.examples.notices import IS_NOTICE


@dataclass(frozen=True)
class Notice:
    """The notice of one account: the first and the last day on which parts of its MRR end."""

    first: date
    last: date

    @property
    def text(self) -> str:
        """Return the notice as the evidence of a reason."""
        return f"gave notice: all of its MRR ends {'on' if self.first == self.last else 'by'} {self.last:%Y-%m-%d}"


def notice_of(values: Mapping[str, object], notice_probability: float) -> Notice | None:
    """Return the notice that an account has given, from its features and as_of; None where it has given none."""
    if not values.get("mrr_ending") or notice_probability < IS_NOTICE:
        return None
    known = announced(pa.table({name: [values.get(name)] for name in ("mrr", *ANNOUNCED)}))
    if not known.is_notice[0]:
        return None
    as_of = values["as_of"]
    assert isinstance(as_of, datetime)
    return Notice(_day(as_of, known.first_end[0]), _day(as_of, known.last_end[0]))


def gave_notice(rows: pa.Table, notice_probability: float) -> np.ndarray:
    """Return which accounts gave notice to leave, bool, (n,); none where an announced end is only that of a term."""
    return announced(rows).is_notice & (notice_probability >= IS_NOTICE)


def announced_texts(rows: pa.Table, notice_probability: float) -> list[str | None]:
    """Return, per feature row, what is announced for its MRR; None where nothing is."""
    known, as_ofs = announced(rows), rows["as_of"].to_pylist()
    return [_text(known, row, as_of, notice_probability) for row, as_of in enumerate(as_ofs)]


def _text(known: Announced, row: int, as_of: datetime, notice_probability: float) -> str | None:
    mrr, after = known.mrr[row], known.mrr_after[row]
    if known.is_notice[row]:
        said = "gave notice for" if notice_probability >= IS_NOTICE else "term ends on"
        return f"{said} {_day(as_of, known.last_end[row])}"
    if known.pausing[row] > 0 and mrr - known.ending[row] - known.pausing[row] <= ROUNDING * mrr:
        resumes = known.start[row] >= known.pause[row]
        until = f" to {_day(as_of, known.start[row])}" if resumes else ""
        return f"pauses from {_day(as_of, known.pause[row])}{until}"
    days = [day for day in (known.last_end[row], known.pause[row], known.start[row]) if not np.isnan(day)]
    if abs(after - mrr) <= ROUNDING * mrr or not days:
        return None
    return f"{'down' if after < mrr else 'up'} to {_amount(after)} from {_day(as_of, max(days))}"


def _day(as_of: datetime, days: float) -> date:
    return (as_of + timedelta(days=float(days))).date()


def _amount(money: float) -> str:
    return f"{money:,.2f}".removesuffix(".00")
