"""Generates an event log of any size, one Parquet file per month as the store keeps it: `python -m ... FOLDER EVENTS`.

24 months, one account per thousand events, 2 % of the rows recorded late. Memory holds one month.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from hashlib import md5
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from undertow.features.tables import ACCOUNT_KEY, HAPPENED_DAY, KNOWN_DAY

FIRST = datetime(2024, 1, 1)
MONTHS = 24
EVENTS_PER_ACCOUNT = 1000
LATE_SHARE = 0.02
LATEST_DAYS = 10.0
MOST_USERS = 40
ROW_GROUP = 122_880  # rows, as DuckDB writes them

KINDS = {  # kind -> share of all events
    "page_view": 0.45, "click": 0.15, "feature_used": 0.12, "error": 0.04, "crash": 0.005, "rage_click": 0.015,
    "task_started": 0.07, "task_completed": 0.05, "task_failed": 0.015, "web_vital": 0.05, "conversion": 0.005,
    "login": 0.03,
}  # fmt: skip
PLATFORMS = ("web", "web", "ios", "android", "desktop")
TYPICAL_MS = {"page_view": 1200.0, "task_completed": 40_000.0, "task_failed": 60_000.0}  # median
HAS_VALUE = ("web_vital", "feature_used", "task_completed")


def main(folder: Path, events: int) -> None:
    """Write accounts.parquet and events/month=YYYY-MM/events.parquet."""
    rng = np.random.default_rng(7)
    accounts = max(1, events // EVENTS_PER_ACCOUNT)
    names = pa.array([f"account {number:07}" for number in range(accounts)])
    folder.mkdir(parents=True, exist_ok=True)
    keys = pa.array([int(md5(name.encode()).hexdigest()[:15], 16) for name in names.to_pylist()], pa.int64())
    pq.write_table(pa.table({"account_id": names}), folder / "accounts.parquet")
    activity = rng.lognormal(0.0, 0.8, accounts)
    activity /= activity.sum()
    users = np.clip(rng.lognormal(1.8, 0.8, accounts), 1, MOST_USERS).astype(np.int64)
    edges = [_month(number) for number in range(MONTHS + 1)]
    counts = np.diff(np.linspace(0, events, MONTHS + 1).astype(np.int64))
    for number, count in enumerate(counts):
        written = folder / "events" / f"month={edges[number]:%Y-%m}"
        written.mkdir(parents=True, exist_ok=True)
        account = np.repeat(np.arange(accounts), rng.multinomial(count, activity))
        rows = _rows(rng, names, keys, account, users, (edges[number], edges[number + 1]), int(counts[:number].sum()))
        pq.write_table(rows, written / "events.parquet", row_group_size=ROW_GROUP, store_schema=False)


def _month(number: int) -> datetime:
    return datetime(FIRST.year + number // 12, number % 12 + 1, 1)


def _rows(rng, names, keys, account, users, month, first_id) -> pa.Table:  # type: ignore[no-untyped-def]
    """Return the events of one month, by account and time; `account`: account numbers, ascending, one per row."""
    count = len(account)
    start, length = np.datetime64(month[0], "us"), (month[1] - month[0]) / timedelta(microseconds=1)
    occurred = np.sort(account + rng.random(count))  # by account, then by the fraction, which is the time
    occurred = start + ((occurred - account) * length).astype("timedelta64[us]")
    late = (rng.random(count) < LATE_SHARE) * rng.random(count) * LATEST_DAYS * 86_400e6
    user = account * MOST_USERS + (rng.random(count) ** 2 * users[account]).astype(np.int64)
    half_day = (occurred - np.datetime64(FIRST, "us")) // np.timedelta64(12, "h")
    kind = rng.choice(len(KINDS), count, p=np.array(list(KINDS.values())) / sum(KINDS.values()))
    platform = np.where(rng.random(count) < 0.9, user, rng.integers(0, 5, count)) % len(PLATFORMS)
    recorded = occurred + late.astype("timedelta64[us]")
    return pa.table(
        {
            "account_id": names.take(pa.array(account)),
            "event_id": _numbered("e", np.arange(first_id, first_id + count)),
            "user_id": _numbered("u", user),
            "session_id": _numbered("s", user * 2000 + half_day),
            "occurred_at": pa.array(occurred),
            "recorded_at": pa.array(recorded),
            "kind": pa.array(list(KINDS)).take(pa.array(kind)),
            "name": _numbered("n", kind * 10 + rng.integers(0, 6, count)),
            "platform": pa.array(PLATFORMS).take(pa.array(platform)),
            "duration_ms": _durations(rng, kind),
            "value": pa.array(np.round(rng.gamma(2.0, 100.0, count), 1), mask=~_is_one_of(kind, HAS_VALUE)),
            "definition": pa.nulls(count, pa.string()),
            ACCOUNT_KEY: keys.take(pa.array(account)),
            HAPPENED_DAY: pa.array(occurred.astype("datetime64[D]")),
            KNOWN_DAY: pa.array(recorded.astype("datetime64[D]")),
        }
    )


def _numbered(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")


def _is_one_of(kind: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
    return np.isin(kind, [list(KINDS).index(name) for name in wanted])


def _durations(rng: np.random.Generator, kind: np.ndarray) -> pa.Array:
    typical = np.array([TYPICAL_MS.get(name, 0.0) for name in KINDS])[kind]
    return pa.array(np.round(typical * rng.lognormal(0.0, 0.7, len(kind)), 1), mask=typical == 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(float(sys.argv[2])))
