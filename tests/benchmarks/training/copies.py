"""A project with many accounts: the accounts of a demo, with their features and outcomes, copied under new names.

Training reads feature rows and subscriptions, not events: copies cost it what as many accounts of their own would.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    rows = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    names, at = rows["account_id"], rows.schema.get_field_index("account_id")
    renamed = [pc.binary_join_element_wise(names, str(copy), "-") for copy in range(copies)]
    pq.write_table(pa.concat_tables([rows.set_column(at, "account_id", new) for new in renamed]), target)
