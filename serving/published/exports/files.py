"""The list as one file in a form that is made whole: its media type and how it is made."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.serving.published.exports.renewals import as_calendar
from undertow.serving.published.exports.workbook import as_workbook

Make = Callable[[pa.Table, Mapping[str, Any]], bytes]


def as_parquet(rows: pa.Table, manifest: Mapping[str, Any]) -> bytes:
    """Return rows of scores as a Parquet file: all columns under their own names, with the list in its metadata."""
    made = io.BytesIO()
    described = {"undertow_run": manifest["run_id"], "undertow_as_of": manifest["as_of"]}
    pq.write_table(rows.replace_schema_metadata(described), made)
    return made.getvalue()


FILES: dict[str, tuple[str, Make]] = {  # ending: media type, and what makes the file
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_workbook),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
    "ics": ("text/calendar", as_calendar),
}
