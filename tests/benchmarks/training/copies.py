"""A project with many accounts: the accounts of a demo, with their features and outcomes, copied under new names.

Training reads feature rows and subscriptions, not events: copies cost it what as many accounts of their own would.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from undertow.features.build.feature_table import FeatureTable
from undertow.features.sources.loaded import Tables

READ = ("accounts", "subscriptions", "payments", "invoices")  # tables that labels are computed from


def copy_accounts(
    tables: Tables, features: FeatureTable, copies: int, folder: Path
) -> tuple[Tables, FeatureTable]:
    """Return tables and features in which each account stands `copies` times, written below `folder` if not there."""
    to_tables, to_features = folder / "tables", folder / "features"
    if not (folder / "done").exists():
        to_tables.mkdir(parents=True, exist_ok=True)
        for name in tables.present:
            source = tables.path(name)
            if name in READ:
                _tile(source, to_tables / source.name, copies)
            elif not (to_tables / source.name).exists():
                (to_tables / source.name).symlink_to(source.resolve())
        for as_of in features.as_ofs:
            source = features.path(as_of)
            (to_features / source.name).mkdir(parents=True, exist_ok=True)
            _tile(source, to_features / source.name / "rows.parquet", copies)
        (folder / "done").touch()
    return replace(tables, folder=to_tables), replace(features, folder=to_features)


def _tile(source: Path, target: Path, copies: int) -> None:
    files = f"{source}/**/*.parquet" if source.is_dir() else str(source)
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        connection.execute(
            "COPY (SELECT rows.* EXCLUDE (copy) REPLACE (account_id || '-' || copy AS account_id) FROM "
            f"(SELECT * FROM read_parquet('{files}') CROSS JOIN range({copies}) AS r(copy)) AS rows) "
            f"TO '{target}' (FORMAT parquet, ROW_GROUP_SIZE 20000)"
        )
