"""Business metrics of rows written in a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tables_by_hand import write_tables
from tests.training.business_metrics.rows import SINCE, UNTIL, MetricsOf, World
from undertow.features.settings import make_settings
from undertow.training.business_metrics.monthly import BusinessMetrics, business_numbers


@pytest.fixture
def metrics_of(tmp_path: Path) -> MetricsOf:
    """Return a function from rows by table to business numbers; columns not said take their default."""

    def business(
        world: World,
        *names: str,
        since: datetime = SINCE,
        until: datetime = UNTIL,
        toml: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> BusinessMetrics:
        met = {str(row["account_id"]) for rows in world.values() for row in rows if "account_id" in row}
        accounts = {name: {"account_id": name, "created_at": SINCE} for name in sorted(met)}
        accounts |= {row["account_id"]: row for row in world.get("accounts", ())}
        given = {**world, "accounts": list(accounts.values())}
        tables = write_tables(tmp_path, given, since, until)
        made = make_settings(tmp_path, {"engine": {"threads": 1}, **(toml or {})})
        return business_numbers(made, tables, names, **options)

    return business
