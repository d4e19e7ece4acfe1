"""The tables and columns that a simulated world has: no exchange rates, list prices, health scores, optional money."""

from __future__ import annotations

from dataclasses import replace

from undertow.features.tables import TABLES as ALL
from undertow.features.tables import Table

NOT_SIMULATED = {"csat_scale", "closed_at", "closed_reason"}


def _as_written(table: Table) -> Table:
    left_out = NOT_SIMULATED | ({"kind"} if table.name == "payments" else set())
    columns = tuple(column for column in table.given_columns if column.name not in left_out)
    return replace(table, columns=columns, has_versions=False)


NO_TABLES = ("rates", "list_prices", "scores")
TABLES: dict[str, Table] = {name: _as_written(table) for name, table in ALL.items() if name not in NO_TABLES}
