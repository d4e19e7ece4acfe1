"""Features of every account at risk, computed from loaded tables on the project's engine by one query plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from undertow.features.catalogue.cards import Column
from undertow.features.compiler.plan import plan_features
from undertow.features.engines.database import open_database
from undertow.features.settings import Settings
from undertow.features.snapshots.population import open_tables, take_population
from undertow.features.sources.loaded import Tables


def features_at_risk(
    settings: Settings, tables: Tables, columns: Sequence[Column], as_ofs: Sequence[datetime], plan: str = "slots"
) -> pa.Table:
    """Return one row per account at risk and as_of, in the order of account_id and as_of."""
    with open_database(settings) as database:
        open_tables(database, tables)
        take_population(database, as_ofs)
        query = plan_features(columns, as_ofs if plan == "slots" else None, database.dialect).prepare(database)
        return database.arrow(f"{query} ORDER BY account_id, as_of", "features")
