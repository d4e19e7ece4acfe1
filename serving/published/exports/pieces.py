"""The whole list in pieces, as CSV or one account in JSON per line, so that no more than one piece is in memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from undertow.serving.published.answers import as_accounts
from undertow.serving.published.exports.spreadsheet import as_csv
from undertow.serving.published.list_query import Format

PIECE = 250  # accounts: some 150 KB of CSV or 1 MB of JSON, made in some ten milliseconds


def in_pieces(rows: pa.Table, manifest: Mapping[str, Any], form: Format) -> Iterator[bytes]:
    """Return rows of scores piece by piece, as CSV (UTF-8 with a byte order mark, for spreadsheets) or JSON lines."""
    for start in range(0, max(rows.num_rows, 1), PIECE):
        part = rows.slice(start, PIECE)
        yield _csv(part, start == 0) if form == "csv" else _lines(part, manifest)


def _csv(rows: pa.Table, is_first: bool) -> bytes:
    text = as_csv(rows, with_names=is_first).encode()
    return codecs.BOM_UTF8 + text if is_first else text


def _lines(rows: pa.Table, manifest: Mapping[str, Any]) -> bytes:
    return b"".join(msgspec.json.encode(account) + b"\n" for account in as_accounts(rows, manifest))
