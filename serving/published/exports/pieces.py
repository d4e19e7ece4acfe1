"""The whole list in pieces, as CSV or one account in JSON per line, so that no more than one piece is in memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from undertow.serving.published.answers import as_accounts
from undertow.serving.published.exports.columns import shown_columns
from undertow.serving.published.exports.csv_form import CsvForm, csv_form
from undertow.serving.published.exports.links import with_links
from undertow.serving.published.exports.spreadsheet import as_csv
from undertow.serving.published.list_query import OF_CSV, AtRiskQuery

PIECE = 250  # accounts: some 150 KB of CSV or 1 MB of JSON, made in some ten milliseconds


def in_pieces(rows: pa.Table, manifest: Mapping[str, Any], query: AtRiskQuery, address: str = "") -> Iterator[bytes]:
    """Return rows of scores piece by piece, as CSV (UTF-8 with a byte order mark, for spreadsheets) or JSON lines.

    `query`: whose format it is, and how CSV is written; `address`: of the list, for the links of accounts in CSV.
    """
    form = csv_form(query)
    for start in range(0, max(rows.num_rows, 1), PIECE):
        part = rows.slice(start, PIECE)
        is_csv = query.format == "csv"
        yield _csv(with_links(part, address), manifest, form, start == 0) if is_csv else _lines(part, manifest)


def csv_text(rows: pa.Table, manifest: Mapping[str, Any], query: AtRiskQuery) -> str:
    """Return rows of scores as one CSV text.

    It begins with a byte order mark where `query` says how it is written: then a spreadsheet is to open it.
    """
    is_for_people = any(getattr(query, name) is not None for name in OF_CSV)
    return ("\ufeff" if is_for_people else "") + _text(rows, manifest, csv_form(query))


def _csv(rows: pa.Table, manifest: Mapping[str, Any], form: CsvForm, is_first: bool) -> bytes:
    text = _text(rows, manifest, form, is_first).encode()
    return codecs.BOM_UTF8 + text if is_first else text


def _text(rows: pa.Table, manifest: Mapping[str, Any], form: CsvForm, is_first: bool = True) -> str:
    return as_csv(rows, is_first, form, shown_columns(rows.column_names, manifest) if form.titles else ())


def _lines(rows: pa.Table, manifest: Mapping[str, Any]) -> bytes:
    return b"".join(msgspec.json.encode(account) + b"\n" for account in as_accounts(rows, manifest))
