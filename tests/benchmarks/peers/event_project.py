"""Writes a project whose sources are an event log: every account pays the same from the first day on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SETTINGS = """
[files]
log = "{log}/events/*/events.parquet"
owners = "{log}/accounts.parquet"
[tables]
accounts = "SELECT account_id, TIMESTAMP '2023-01-01' AS created_at FROM owners"
events = "SELECT * EXCLUDE (month, account_key, happened_day, known_day) FROM log"
subscriptions = '''SELECT account_id, account_id AS subscription_id, TIMESTAMP '2023-06-01' AS started_at, 50 AS mrr
FROM owners'''
[engine]
memory_limit = "{memory_limit}"
[snapshots]
dates = [{dates}]
"""


def write_project(folder: Path, log: Path, memory_limit: str, as_ofs: Sequence[str] = ()) -> None:
    """Write undertow.toml; `as_ofs`: days of the snapshots, else the month starts of the record."""
    folder.mkdir(parents=True, exist_ok=True)
    text = SETTINGS.format(log=log.resolve().as_posix(), memory_limit=memory_limit, dates=", ".join(as_ofs))
    (folder / "undertow.toml").write_text(text, encoding="utf-8")
