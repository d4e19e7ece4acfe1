"""Published scores as CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from undertow.serving.published.answers import finite
from undertow.serving.published.exports.columns import Shown
from undertow.serving.published.exports.csv_form import PLAIN, CsvForm

MONEY = ("mrr", "spent", "clv", "contact_value", "value_at_risk", "like_value_at_risk")  # how names of amounts begin
IN_TIME = ("tenure_days", "months_expected", "months_in_a_year")
NOT_IN_CSV = ("reasons", "top_features")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # a spreadsheet would run them
BEGINS_A_CELL = {  # separator of the file -> what a spreadsheet that separates otherwise would take as a cell's begin
    ",": re.compile(r"""([;\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])"""),
    ";": re.compile(r"""([,;\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])"""),
}


def as_csv(rows: pa.Table, with_names: bool = True, form: CsvForm = PLAIN, shown: Sequence[Shown] = ()) -> str:
    """Return rows of scores as CSV text: flat, rounded, and safe in a spreadsheet.

    `with_names`: whether the names or titles of the columns come first, after the line of the separator, if the form
    has one; `form`: how cells are written; `shown`: the columns and their titles. Without: all, under their names.
    """
    columns = [each.name for each in shown] or [n for n in rows.column_names if not n.startswith(NOT_IN_CSV)]
    titles = [each.title for each in shown] or columns
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form.separator)
    if with_names and form.names_separator:
        text.write(f"sep={form.separator}\r\n")
    if with_names:
        writer.writerow([spreadsheet_text(each, form.separator) for each in titles])
    for row in rows.select(columns).to_pylist():
        writer.writerow([_cell(name, value, form) for name, value in finite(row).items()])
    return text.getvalue()


def spreadsheet_text(text: str, separator: str = ",") -> str:
    """Return a text that no spreadsheet runs as a formula: what begins like a formula gets a quote before it.

    So does what follows a semicolon, a tab or a line break, where a spreadsheet of another language begins a cell; in a
    file separated by semicolons also what follows a comma.

    >>> spreadsheet_text("=1+1"), spreadsheet_text("Nord; =1+1"), spreadsheet_text("A-1; B")
    ("'=1+1", "Nord; '=1+1", 'A-1; B')
    >>> spreadsheet_text("Nord, =1+1", ";")
    "Nord, '=1+1"
    """
    inside = BEGINS_A_CELL[separator].sub(r"\1'", text)
    return f"'{inside}" if text.lstrip(' "').startswith(DANGEROUS) else inside


def _cell(column: str, value: object, form: CsvForm) -> object:
    if isinstance(value, str):
        return spreadsheet_text(value, form.separator)
    if isinstance(value, date):
        return form.in_days(value)
    if isinstance(value, bool):
        return (("false", "true"), ("no", "yes"))[form.titles][value]
    if isinstance(value, float):
        return form.number(value, 2 if column.startswith(MONEY) else 1 if column in IN_TIME else 4)
    return value
