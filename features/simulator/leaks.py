"""Planted leakage, as it occurs in real records, for the audit to find; and the older export that reveals it.

All but two are end states: values that were true at the time of the export and are used for the whole past.
The other two are rows that were written when an account left and back-dated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.history import World, stream
from undertow.features.simulator.observe.columns import DAY, HOUR, account_ids, numbered, same, timestamps, user_ids
from undertow.features.simulator.state import INVOLUNTARY, SEGMENTS, VOLUNTARY, Flags, Ints
from undertow.features.tables import TABLES, Table

OLDER = "older"  # the folder of the older export, beside the tables


@dataclass(frozen=True)
class Leak:
    """A planted leak: the culprit that the audit should name, and how it was planted."""

    culprit: str
    planted: str


PLANTED = (
    Leak("accounts.closed_reason", "a column that is filled when an account leaves"),
    Leak("accounts.days_since_seen", "days since the last visit, as of the export"),
    Leak("accounts.peer_churn", "churn rate of the owner's accounts in a country, the account itself included"),
    Leak("accounts.lifetime_tickets", "a count that is computed anew with every export"),
    Leak("accounts.segment", "a segment that is overwritten when an account leaves"),
    Leak("tickets", "a cancellation ticket, written when an account leaves and dated back"),
    Leak("events", "a note of the account's manager, written when it leaves and dated back"),
)  # fmt: skip


def older_day(world: World) -> int:
    """Return the day of the older export: the month start after four fifths of the months."""
    months = world.parameters.months
    return world.parameters.month_start(months - max(1, months // 5))


def with_leaks(world: World, tables: dict[str, pa.Table], until: int) -> dict[str, pa.Table]:
    """Return the tables as exported at the first instant of `until`, with the planted leaks added."""
    gone = _gone_before(world, until)
    leaky = dict(tables)
    leaky["accounts"] = _accounts(world, tables, gone, until)
    leaky["tickets"] = pa.concat_tables([tables["tickets"], _cancellations(world, gone, until, tables["tickets"])])
    return leaky


def notes(world: World, until: int, schema: pa.Schema) -> pa.Table:
    """Return managers' notes on the accounts that left before `until`, as events back-dated by 5 to 40 days."""
    gone = np.flatnonzero(_gone_before(world, until)[: world.parameters.accounts])
    back_dated = timestamps(world.parameters, _back_dated(world, gone, until, 6))
    n = len(gone)
    given = {
        "account_id": account_ids(gone),
        "event_id": pc.binary_join_element_wise("E-note", account_ids(gone), "-"),
        "user_id": user_ids(gone, np.zeros(n, np.int64)),
        "occurred_at": back_dated,
        "recorded_at": back_dated,
        "kind": same(n, "feature_used"),
        "name": same(n, "csm_note"),
        "definition": same(n, "v1"),
    }
    return _filled(given, n, schema)


def as_exported(world: World, name: str, table: pa.Table, until: int) -> pa.Table:
    """Return the rows of a table as exported at `until`: recorded before it, later-known values null."""
    contract, timestamp = TABLES[name], timestamps(world.parameters, np.array([until * DAY]))[0]
    recorded_at = "recorded_at" if "recorded_at" in table.column_names else contract.happened_at
    rows = table.filter(pc.less(table[recorded_at], timestamp))
    for position, column in enumerate(rows.column_names):
        known_from = _known_from(contract, column)
        if known_from is not None and known_from in rows.column_names:
            is_known = pc.fill_null(pc.less(rows[known_from], timestamp), False)
            null = pa.scalar(None, rows[column].type)
            rows = rows.set_column(position, column, pc.if_else(is_known, rows[column], null))
    return rows


def _known_from(contract: Table, name: str) -> str | None:
    column = contract.column(name)
    return None if column is None else column.known_from


def _gone_before(world: World, until: int) -> Flags:
    """Return which accounts have churned at the first instant of `until`; the last entry is the monitor (never)."""
    left = np.isin(world.journal.left, (VOLUNTARY, INVOLUNTARY)) & (world.journal.day < until)
    gone = np.zeros(world.parameters.accounts + 1, bool)
    gone[world.journal.account[left]] = True
    gone[:-1] &= ~world.state_at(until).active
    return gone


def _last_day(world: World, accounts: Ints, until: int) -> Ints:
    """Return the last day before `until` on which each account churned, voluntarily or involuntarily."""
    j = world.journal
    left = np.isin(j.left, (VOLUNTARY, INVOLUNTARY)) & (j.day < until)
    last = np.zeros(world.parameters.accounts, np.int64)
    np.maximum.at(last, j.account[left], j.day[left])
    return last[accounts]


def _back_dated(world: World, accounts: Ints, until: int, turn: int) -> Ints:
    """Return noon of a day 5 to 40 days before each account churned, within its last subscription and the history."""
    back = stream(world.seed, turn).integers(5, 41, world.parameters.accounts)[accounts]
    last, begun = _last_day(world, accounts, until), world.state_at(until).stint_start[accounts]
    day = np.maximum(last - back, np.clip(begun, 0, last))
    return np.asarray(day * DAY + 12 * HOUR)


def _accounts(world: World, tables: dict[str, pa.Table], gone: Flags, until: int) -> pa.Table:
    accounts = tables["accounts"]
    gone = gone[: accounts.num_rows]
    tickets = pc.value_counts(tables["tickets"]["account_id"])
    ticket_counts = dict(zip(tickets.field("values").to_pylist(), tickets.field("counts").to_pylist(), strict=True))
    ids = accounts["account_id"].to_pylist()
    seen = np.ones(len(ids))
    lost = np.flatnonzero(gone)
    seen[lost] = until - _last_day(world, lost, until)
    overwritten = gone & (np.arange(len(ids)) % 3 == 0)
    segment = pc.if_else(pa.array(overwritten), SEGMENTS[0], accounts["segment"])
    changed = accounts.set_column(accounts.column_names.index("segment"), "segment", segment)
    return (
        changed.append_column("closed_reason", pc.if_else(pa.array(gone), "price", pa.scalar(None, pa.string())))
        .append_column("days_since_seen", pa.array(seen))
        .append_column("peer_churn", pa.array(_peer_churn(accounts, gone)))
        .append_column("lifetime_tickets", pa.array([float(ticket_counts.get(account, 0)) for account in ids]))
    )


def _peer_churn(accounts: pa.Table, gone: Flags) -> list[float]:
    """Return the churn rate, 0 to 1, among the accounts of the same owner and country, for each account."""
    peers = list(zip(accounts["owner"].to_pylist(), accounts["country"].to_pylist(), strict=True))
    left: dict[tuple[str, str], list[bool]] = {}
    for peer, is_gone in zip(peers, gone.tolist(), strict=True):
        left.setdefault(peer, []).append(is_gone)
    return [float(np.mean(left[peer])) for peer in peers]


def _cancellations(world: World, gone: Flags, until: int, tickets: pa.Table) -> pa.Table:
    lost = np.flatnonzero(gone[: world.parameters.accounts])
    opened = timestamps(world.parameters, _back_dated(world, lost, until, 7))
    n = len(lost)
    given = {
        "account_id": account_ids(lost),
        "ticket_id": numbered("T-C", lost, 6),
        "opened_at": opened,
        "recorded_at": opened,
        "priority": same(n, "high"),
        "channel": same(n, "email"),
        "topic": same(n, "cancellation"),
    }
    return _filled(given, n, tickets.schema)


def _filled(given: dict[str, pa.Array], n: int, schema: pa.Schema) -> pa.Table:
    """Return a table of n rows with this schema; columns that are not given are null."""
    columns = {field.name: given.get(field.name, pa.nulls(n, field.type)) for field in schema}
    return pa.table(columns, schema=schema)
