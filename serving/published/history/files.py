"""The files of the history: one compact Parquet file per publication, kept for a number of days.

    store/history/2025-06-01--2025-06-01-20250601T040000000000.parquet    as_of, then run_id

A file holds one row per account, sorted by account_id in small row groups, so that the rows of one account are found by
their statistics. It is written beside and renamed, so that a reader never sees half of one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from undertow.features.errors import Unreadable
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.publishing.versions import sync_entries
from undertow.serving.published.requests import Cause
from undertow.serving.published.selection import first_families

FOLDER = "history"  # of the store
NAME = re.compile(r"(\d{4}-\d\d-\d\d)--(.+)\.parquet")
ROWS = 2_000  # accounts of a row group: what is read to find one of them
CAUSES = get_args(Cause)
TOLD = "undertow"  # the key of a file's metadata that says what publication it is of
BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException)  # what a damaged file raises
OF_MANIFEST = ("run_id", "as_of", "published_at", "model_version", "headline", "horizons", "families", "currency",
               "value_months")  # fmt: skip
WORDS = ("name", "owner", "segment", "cause", "announced")
AMOUNTS = ("like_probability", "value_at_risk", "clv", "mrr")
OF_A_POINT = ("account_id", "probability", "by_cause", "contributions", "like_probability", "value_at_risk", "clv",
              "cause", "first_family")  # fmt: skip


@dataclass(frozen=True, order=True)
class Publication:
    """One file of the history. Ordered by as_of and, of one as_of, by the time of the publication."""

    as_of: date
    run_id: str
    path: Path


def publications(root: Path) -> list[Publication]:
    """Return the publications in a history folder, oldest as_of first; none where there is no folder."""
    found = []
    for path in root.glob("*.parquet"):
        named = NAME.fullmatch(path.name)
        if named is not None and (day := _day(named[1])) is not None:
            found.append(Publication(day, named[2], path))
    return sorted(found)


def newest_of_each_day(found: list[Publication]) -> list[Publication]:
    """Return the newest publication of every as_of, oldest first."""
    return list({each.as_of: each for each in sorted(found)}.values())


def keep(root: Path, table: pa.Table, manifest: Mapping[str, Any], days: int) -> Path:
    """Add a publication to the history, then remove those more than `days` before the newest as_of; return its file.

    `table`, `manifest`: of the published run.
    """
    path = root / f"{manifest['as_of'][:10]}--{manifest['run_id']}.parquet"
    told = {name: manifest.get(name) for name in OF_MANIFEST} | {"kind": manifest.get("kind", "subscription")}
    written = compact(table, manifest).replace_schema_metadata({TOLD: json.dumps(told)})
    with unfinished_path(root, path.name) as unfinished:
        pq.write_table(
            written, unfinished, row_group_size=ROWS, compression="zstd", use_dictionary=[*WORDS, "first_family"],
            write_statistics=["account_id"], write_page_checksum=True,
        )  # fmt: skip
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    sync_entries(root)
    prune(root, days)
    return path


def prune(root: Path, days: int) -> None:
    """Remove the publications whose as_of lies more than `days` before the newest one."""
    found = publications(root)
    for each in found:
        if each.as_of < found[-1].as_of - timedelta(days=days):
            each.path.unlink(missing_ok=True)


def compact(table: pa.Table, manifest: Mapping[str, Any]) -> pa.Table:
    """Return what the history keeps of a table of scores, sorted by account_id.

    account_id, name, owner, segment, cause, announced, first_family: texts. probability: at the headline horizon,
    float64. by_cause: a list of the voluntary probability at every horizon, then the involuntary one. contributions: a
    list by family, at the headline horizon. like_probability, value_at_risk, clv, mrr. All but probability are float32.
    """
    horizons, small = manifest["horizons"], pa.float32()
    of_causes = [f"p_{cause}_{horizon}" for cause in CAUSES for horizon in horizons]
    columns = {
        "account_id": table["account_id"],
        **{name: _column(table, name, pa.string()) for name in WORDS},
        "first_family": first_families(table["reasons"]),
        "probability": table[f"p_{manifest['headline']}"],
        "by_cause": _listed(table, of_causes),
        "contributions": _listed(table, [f"probability_{family}" for family in manifest["families"]]),
        **{name: _column(table, name, small) for name in AMOUNTS},
    }
    return pa.table(columns).sort_by("account_id")


def _listed(table: pa.Table, names: list[str]) -> pa.Array:
    """Return columns of numbers as one column of lists, float32."""
    columns = [table[name].combine_chunks().to_numpy(zero_copy_only=False) for name in names]
    values = pa.array(np.column_stack(columns).astype(np.float32).ravel(), from_pandas=True)  # NaN is null
    return pa.FixedSizeListArray.from_arrays(values, len(names))


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return table[name].cast(kind) if name in table.column_names else pa.nulls(table.num_rows, kind)


def read_whole(publication: Publication) -> tuple[pa.Table, dict[str, Any]]:
    """Return all rows of a publication, and what it is of. Raises Unreadable where the file cannot be read."""
    try:
        with pq.ParquetFile(publication.path, page_checksum_verification=True) as file:
            return file.read(), _told(file)
    except BROKEN as error:
        raise _unreadable(publication) from error


def row_of(
    publication: Publication, account_id: str, columns: Sequence[str] | None = OF_A_POINT
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return what a publication says of an account, and what it is of; None where the account was not on the list.

    `columns`: that are read; None: all. Raises Unreadable where the file cannot be read.
    """
    try:
        with pq.ParquetFile(publication.path, memory_map=True, page_checksum_verification=True) as file:
            group = _group_with(file.metadata, account_id)
            if group is None:
                return None
            rows = file.read_row_group(group, columns, use_threads=False)
            place = pc.index(rows["account_id"], account_id).as_py()
            return None if place < 0 else (rows.slice(place, 1).to_pylist()[0], _told(file))
    except FileNotFoundError:  # removed by a newer publication since it was listed
        return None
    except BROKEN as error:
        raise _unreadable(publication) from error


def read_last(
    found: Sequence[Publication], account_id: str, run_id: str
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return all that the publication `run_id` says of an account, its name and owner too."""
    return next((row_of(each, account_id, None) for each in found if each.run_id == run_id), None)


def _group_with(metadata: Any, account_id: str) -> int | None:
    """Return the row group that holds an account if any does, by bisection of their largest ids."""
    first, after = 0, metadata.num_row_groups
    while first < after:
        middle = (first + after) // 2
        if metadata.row_group(middle).column(0).statistics.max < account_id:
            first = middle + 1
        else:
            after = middle
    return first if first < metadata.num_row_groups else None


def _told(file: pq.ParquetFile) -> dict[str, Any]:
    told = json.loads(file.schema_arrow.metadata[TOLD.encode()])
    return dict(told)


def _unreadable(publication: Publication) -> Unreadable:
    return Unreadable(f"{FOLDER}/{publication.path.name} cannot be read and is passed over; remove it if it stays so.")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
