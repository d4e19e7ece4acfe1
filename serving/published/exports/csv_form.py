"""How CSV is written: separator, decimal mark and form of dates by locale, and names or titles of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from undertow.serving.published.list_query import AtRiskQuery

ISO = "%Y-%m-%d"  # as str writes it, faster


@dataclass(frozen=True)
class CsvForm:
    """How CSV is written: never with thousands separators.

    `separator`: of cells; `decimal`: the mark in numbers; `day`: of dates, as strftime writes them; `titles`: whether
    the columns are those of the workbook under titles in words; `names_separator`: whether the first line is sep=;
    """

    separator: str = ","
    decimal: str = "."
    day: str = ISO
    titles: bool = False
    names_separator: bool = False

    def number(self, value: float, digits: int) -> str:
        """Return a number with so many decimals.

        >>> CsvForm(";", ",").number(-1234.5, 2)
        '-1234,50'
        """
        text = f"{value:.{digits}f}"
        return text if self.decimal == "." else text.replace(".", self.decimal)

    def in_days(self, value: date) -> str:
        """Return a day as text.

        >>> CsvForm(day="%d.%m.%Y").in_days(date(2025, 3, 31))
        '31.03.2025'
        """
        return str(value)[:10] if self.day == ISO else value.strftime(self.day)


PLAIN = CsvForm()
LOCALES = {  # separator, decimal mark, day
    "en": (",", ".", ISO),
    "de": (";", ",", "%d.%m.%Y"),
    "fr": (";", ",", "%d/%m/%Y"),
    "sv": (";", ",", ISO),
}


def csv_form(query: AtRiskQuery) -> CsvForm:
    """Return how the CSV that a query asks for is written."""
    return CsvForm(*LOCALES[query.locale or "en"], query.columns == "titles", query.sep == "yes")
