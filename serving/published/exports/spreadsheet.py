"""Published scores as CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime

import pyarrow as pa

from undertow.serving.published.answers import finite

MONEY = ("mrr", "spent", "clv", "contact_value", "value_at_risk", "like_value_at_risk")  # how names of amounts begin
IN_TIME = ("tenure_days", "months_expected", "months_in_a_year")
NOT_IN_CSV = ("reasons", "top_features")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # a spreadsheet would run them
BEGINS_A_CELL = re.compile(r"([;\t\r\n]\s*)(?=[=+\-@＝＋－＠])")  # where the separator is no comma


def as_csv(rows: pa.Table, with_names: bool = True) -> str:
    """Return rows of scores as CSV text: flat, rounded, dates as ISO, and safe in a spreadsheet.

    `with_names`: whether the names of the columns come first.
    """
    columns = [name for name in rows.column_names if not name.startswith(NOT_IN_CSV)]
    text = io.StringIO()
    writer = csv.writer(text)
    if with_names:
        writer.writerow(columns)
    for row in rows.select(columns).to_pylist():
        writer.writerow([_cell(name, value) for name, value in finite(row).items()])
    return text.getvalue()


def spreadsheet_text(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: what begins like a formula gets a quote before it.

    So does what follows a semicolon, a tab or a line break, where a spreadsheet of another language begins a cell.

    >>> spreadsheet_text("=1+1"), spreadsheet_text("Nord; =1+1"), spreadsheet_text("A-1; B")
    ("'=1+1", "Nord; '=1+1", 'A-1; B')
    """
    inside = BEGINS_A_CELL.sub(r"\1'", text)
    return f"'{inside}" if text.lstrip(" ").startswith(DANGEROUS) else inside


def _cell(column: str, value: object) -> object:
    if isinstance(value, str):
        return spreadsheet_text(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        digits = 2 if column.startswith(MONEY) else 1 if column in IN_TIME else 4
        return f"{value:.{digits}f}"
    return value
