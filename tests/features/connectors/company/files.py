"""Writes JSON lines, JSON pages and CSV files, the same bytes for the same rows."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one per line


def write_lines(path: Path, objects: Iterable[Json | str]) -> None:
    """Write one JSON object per line, packed if the name ends in .gz; a text is a line that is written already."""
    lines = (each if isinstance(each, str) else dumped(each) for each in objects)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object] | Mapping[str, object]]) -> None:
    """Write a CSV file; a row is a sequence, or a mapping whose missing columns stay empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([row.get(name) for name in header] if isinstance(row, Mapping) else row for row in rows)


def dumped(value: object) -> str:
    """Return a value as JSON on one line."""
    return _ENCODER.encode(value)


def vendor_id(prefix: str, text: str, length: int = 14) -> str:
    """Return an id as vendors make them, always the same for a text: `vendor_id("cus_", "A-00001")`."""
    return prefix + md5(text.encode()).hexdigest()[:length]


def uuid_of(text: str) -> str:
    """Return a UUID that is always the same for a text."""
    digits = md5(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
