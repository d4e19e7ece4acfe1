"""Files: a folder per list, with all its accounts as CSV or Parquet."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.errors import PushError
from undertow.features.publishing.unfinished import unfinished_path
from undertow.features.publishing.versions import sync
from undertow.features.settings.destinations import PROBABILITY, FilesDestination
from undertow.serving.published.exports.spreadsheet import spreadsheet_text
from undertow.serving.push.accounts import BATCH, Listed
from undertow.serving.push.outcome import Outcome

NUMBERS = {"rank": pa.int64(), "value_at_risk": pa.float64(), "contact_value": pa.float64(), "as_of": pa.date32()}


def send(name: str, destination: FilesDestination, listed: Listed, project: Path) -> Outcome:
    """Write FOLDER/RUN/accounts.csv or .parquet, which is there whole or not at all."""
    root = project / destination.folder
    path = root / listed.run_id / f"accounts.{destination.format}"
    try:
        with unfinished_path(root, listed.run_id) as unfinished:
            unfinished.mkdir()
            written = unfinished / path.name
            (_write_csv if destination.format == "csv" else _write_parquet)(written, listed)
            sync(unfinished)
            path.parent.mkdir(exist_ok=True)
            written.replace(path)
    except OSError as error:
        where = f"[destinations.{name}]: {error.filename or root}"
        raise PushError(f"{where} cannot be written: {error.strerror}.") from error
    shown = destination.folder / listed.run_id / path.name
    return Outcome(sent=listed.table.num_rows, requests=1, said=[f"wrote {shown}"])


def _write_csv(path: Path, listed: Listed) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(listed.fields)
        for account in listed:
            writer.writerow([_cell(account.values[field]) for field in listed.fields])


def _cell(value: Any) -> Any:
    return spreadsheet_text(value) if isinstance(value, str) else value


def _write_parquet(path: Path, listed: Listed) -> None:
    schema = pa.schema([(field, _type(field)) for field in listed.fields])
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, Any]] = []
        for account in listed:
            rows.append(account.values | {"as_of": date.fromisoformat(listed.as_of)})
            if len(rows) == BATCH:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))


def _type(field: str) -> pa.DataType:
    return pa.float64() if PROBABILITY.fullmatch(field) else NUMBERS.get(field, pa.string())
