"""Writes the events as one Parquet file per month, and keeps a fingerprint of the rows of each month."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import reduce
from operator import xor
from pathlib import Path

from undertow.features.engines.account_key import account_key
from undertow.features.engines.duckdb import Connection, literal, path_literal, rows, run
from undertow.features.tables import ACCOUNT_KEY, HAPPENED_DAY, KNOWN_DAY

Fingerprint = tuple[int, int, int]  # rows, and the exclusive or and the sum of their hashes
ORDER = "account_id, occurred_at"
FILE = "data_0.parquet"


def write_months(connection: Connection, folder: Path) -> dict[str, Fingerprint]:
    """Write the table `events` to `folder`/month=<year-month>/, in the order of account and time.

    One month is sorted at a time, so that memory need not hold all of them. Returns the fingerprint of each. An empty
    table is written as one file, so that its columns can be read.
    """
    found: dict[str, Fingerprint] = {}
    months = sorted(months_of(connection, "events"))
    if not months:
        run(connection, f"COPY ({_stored_rows()}) TO {literal(f'{folder}.parquet')} (FORMAT parquet)", "events")
    for month in months:
        into = folder / f"month={month}"
        into.mkdir(parents=True)
        mine = _stored_rows(_in_month(month))
        run(connection, f"COPY ({mine} ORDER BY {ORDER}) TO {literal(str(into / FILE))} (FORMAT parquet)", "events")
        found[month] = fingerprint(connection, mine)
    return found


def add_to_months(connection: Connection, before: Path, folder: Path, changed: Iterable[str]) -> None:
    """Write the months of `before` and the rows of the table `events` to `folder`.

    `changed`: the months to write again; the table `unmarked` names the rows that no longer open a visit. The files
    of other months are those of `before`: the disk holds them once.
    """
    written = set(changed)
    for month in sorted(path.name.removeprefix("month=") for path in before.glob("month=*")):
        if month not in written:
            _link(before / f"month={month}", folder / f"month={month}")
    for month in sorted(written):
        _write_month(connection, before / f"month={month}", folder / f"month={month}", month)


def months_of(connection: Connection, table: str) -> set[str]:
    """Return the months in which a table of events has rows, such as {"2024-03"}."""
    sql = f"SELECT DISTINCT strftime(occurred_at, '%Y-%m') AS month FROM {table}"
    return {str(row["month"]) for row in rows(connection, sql, "events")}


def event_files(folder: Path, month: str = "*") -> list[Path]:
    """Return the files of a month, or of all."""
    return sorted(folder.glob(f"month={month}/*.parquet"))


def read_events(files: Iterable[Path]) -> str:
    """Return the SELECT that reads monthly files."""
    return f"SELECT * FROM read_parquet([{', '.join(map(path_literal, files))}], hive_partitioning = false)"


def fingerprint(connection: Connection, select: str) -> Fingerprint:
    """Return the fingerprint of the rows of a SELECT; there is at least one."""
    sql = f"SELECT count(*) AS n, bit_xor(hash(t)) AS either, sum(hash(t)) AS total FROM ({select}) AS t"
    [row] = rows(connection, sql, "events")
    return int(str(row["n"])), int(str(row["either"])), int(str(row["total"]))


def of_all(months: dict[str, Fingerprint]) -> Fingerprint:
    """Return the fingerprint of all months together.

    >>> of_all({"2024-01": (2, 5, 7), "2024-02": (1, 4, 4)})
    (3, 1, 11)
    """
    parts = list(months.values())
    return sum(n for n, _, _ in parts), reduce(xor, (either for _, either, _ in parts), 0), sum(t for _, _, t in parts)


def _write_month(connection: Connection, before: Path, into: Path, month: str) -> None:
    into.mkdir(parents=True)
    earlier = sorted(before.glob("*.parquet"))
    stored = f"SELECT * REPLACE (CASE WHEN ({_KEY}) NOT IN (SELECT ({_KEY}) FROM unmarked) THEN opens_visit END " \
             f"AS opens_visit) FROM ({read_events(earlier)}) UNION ALL BY NAME " if earlier else ""  # fmt: skip
    run(
        connection,
        f"COPY ({stored}{_stored_rows(_in_month(month))} ORDER BY {ORDER}) "
        f"TO {literal(str(into / FILE))} (FORMAT parquet)",
        "events",
    )


def _stored_rows(where: str = "true") -> str:
    """Return the SELECT of the table `events` as it is stored: with the key of the account and two days.

    The key is computed once per account, which takes a fifth of the time.
    """
    accounts = f"SELECT DISTINCT account_id FROM events WHERE {where}"
    keys = f"SELECT account_id, {account_key('account_id')} AS {ACCOUNT_KEY} FROM ({accounts})"
    return (
        f"SELECT *, CAST(occurred_at AS DATE) AS {HAPPENED_DAY}, "
        f"CAST(greatest(occurred_at, recorded_at) AS DATE) AS {KNOWN_DAY} "
        f"FROM (SELECT * FROM events WHERE {where}) JOIN ({keys}) USING (account_id)"
    )


def _in_month(month: str) -> str:
    first = f"TIMESTAMP '{month}-01'"
    return f"occurred_at >= {first} AND occurred_at < {first} + INTERVAL 1 MONTH"


_KEY = "account_id, event_id"


def _link(file_folder: Path, into: Path) -> None:
    into.mkdir(parents=True)
    for file in file_folder.glob("*.parquet"):
        try:
            os.link(file, into / file.name)
        except OSError:  # a file system without hard links
            shutil.copy2(file, into / file.name)
