"""The list as a workbook (XLSX): numbers as numbers, days as days, a frozen header with filters, no formulas."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import xlsxwriter

from undertow.features.errors import RequestError
from undertow.serving.published.exports.columns import shown_columns

MOST = 20_000  # accounts: some four seconds
FORMATS = {"text": {}, "money": {"num_format": "#,##0.00"}, "share": {"num_format": "0.0%"},
           "day": {"num_format": "yyyy-mm-dd"}}  # fmt: skip
WIDTHS = {"text": 22, "money": 14, "share": 12, "day": 12}  # in characters
WIDE = {"reason_1": 60, "reason_2": 60, "announced": 30, "link": 50}
LONGEST_CELL = 32_000  # characters; Excel's limit is 32,767


def as_workbook(rows: pa.Table, manifest: Mapping[str, Any]) -> bytes:
    """Return rows of scores as an XLSX file with one sheet. Raises RequestError for more than 20,000 rows.

    Texts are written as texts, never as formulas or links, whatever they begin with.
    """
    if rows.num_rows > MOST:
        raise RequestError(
            f"A workbook holds at most {MOST:,} accounts; this selection has {rows.num_rows:,}. Narrow it by a filter "
            "or limit, or take format=csv or parquet, which hold all."
        )
    columns = shown_columns(rows.column_names, manifest)
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": f"At risk, {manifest['as_of']}", "comments": f"List {manifest['run_id']}"})
    formats = {kind: book.add_format(form) for kind, form in FORMATS.items()}
    sheet = book.add_worksheet("At risk")
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    for place, column in enumerate(columns):
        sheet.set_column(place, place, WIDE.get(column.name, WIDTHS[column.kind]), formats[column.kind])
        sheet.write_string(0, place, column.title, head)
    for line, row in enumerate(rows.select([column.name for column in columns]).to_pylist(), 1):
        for place, column in enumerate(columns):
            _write(sheet, line, place, row[column.name], formats["day"])
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(rows.num_rows, 1), len(columns) - 1)
    book.close()
    return made.getvalue()


def _write(sheet: Any, line: int, place: int, value: object, day: Any) -> None:
    if isinstance(value, datetime):
        sheet.write_datetime(line, place, value.replace(tzinfo=None), day)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value):
            sheet.write_number(line, place, value)
    elif isinstance(value, bool):
        sheet.write_string(line, place, "yes" if value else "no")
    elif value is not None:
        sheet.write_string(line, place, str(value)[:LONGEST_CELL])
