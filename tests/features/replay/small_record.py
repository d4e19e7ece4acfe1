"""A small record of tickets, four as_ofs, and features whose rows are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import rows_of
from undertow.features.settings import Settings

NOW = datetime(2024, 7, 1)
AS_OFS = [datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 4, 1), datetime(2024, 5, 1)]
Row = Mapping[str, object]
Project = Callable[..., Settings]


def ticket(account: str, number: int, opened_at: str, resolved_at: str = "", **more: object) -> Row:
    row = {"account_id": account, "ticket_id": f"t{number}", "opened_at": opened_at, "recorded_at": opened_at}
    return {**row, "resolved_at": resolved_at, **more}


class GivenFeatures(FeatureTable):
    """Features whose rows are given."""

    def __init__(self, features: FeatureTable, rows: pa.Table) -> None:
        super().__init__(features.folder, features.catalogue, features.as_ofs)
        object.__setattr__(self, "rows", rows)

    def read(self, as_ofs: Sequence[datetime] | None = None) -> pa.Table:
        """Return the given rows."""
        return self.rows  # type: ignore[attr-defined]


CARDS = {
    "calls": Feature("calls", "Calls", family="cx", level="journey", unit="count", measure=rows_of("tickets").count()),
    "rate": Feature("rate", "Rate", family="ux", level="journey", unit="share", measure=rows_of("events").count()),
    "who": Feature("who", "Who", family="profile", level="journey", unit="text", measure=rows_of("accounts").count()),
}
