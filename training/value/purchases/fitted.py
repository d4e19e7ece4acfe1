"""The purchase model of a project: fitted to the payments known at a time, judged on its last finished horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Tables
from undertow.training.examples.person_periods import DAYS_A_MONTH
from undertow.training.value.purchases.history import PurchaseRecord, read_purchases
from undertow.training.value.purchases.hybrid import PurchaseModel, SpendForecast, fit_purchases
from undertow.training.value.spend import SPEND_COLUMNS

_BOUGHT = """
SELECT account_id, CAST(greatest(attempted_at, recorded_at) AS DATE) AS day,
       CASE WHEN kind = 'attempt' THEN amount ELSE -abs(amount) END AS amount
FROM ({known}) AS known
WHERE amount <> 0 AND (kind IN ('refund', 'chargeback') OR (kind = 'attempt' AND succeeded AND amount > 0))
"""


@dataclass(frozen=True)
class JudgedSpend:
    """Spend forecasts of n customers for a horizon that is over, beside what they spent; (n,), money each.

    `first`: the day on which the horizon of `days` began. `past`: what each spent in as many days before it.
    `customer`: ids.
    """

    first: str
    days: int
    found: SpendForecast
    realised: np.ndarray
    past: np.ndarray

    @property
    def customer(self) -> np.ndarray:
        """Return the ids of the customers, (n,)."""
        return self.found.ids


def read_record(settings: Settings, tables: Tables, known_at: datetime) -> PurchaseRecord | None:
    """Return the purchases and refunds recorded by `known_at`, a midnight; None where no amount was.

    A row counts from the day on which it had happened and was recorded.
    """
    if "payments" not in tables.present:
        return None
    names = ("account_id", "attempted_at", "recorded_at", "succeeded", "kind", "amount")
    with open_database(settings) as database:
        open_tables(database, tables)
        rows = database.arrow(_BOUGHT.format(known=known_rows("payments", names, known_at, database.dialect)), "spend")
    if not rows.num_rows:
        return None
    account = np.asarray(rows["account_id"].to_pylist(), dtype=str)
    day = rows["day"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[D]")
    amount = np.asarray(rows["amount"].to_numpy(), dtype=float)
    return read_purchases(account, day, amount, np.datetime64(known_at, "D"))


def horizon_days(settings: Settings) -> int:
    """Return the days of the CLV's months."""
    return round(settings.value.months * DAYS_A_MONTH)


def fit_spend(settings: Settings, tables: Tables, known_at: datetime) -> tuple[PurchaseModel | None, str]:
    """Return the purchase model fitted to what was known at `known_at`; or None, and why there is none."""
    record = read_record(settings, tables, known_at)
    if record is None:
        return None, "No purchase states an amount: values are not forecast."
    try:
        return fit_purchases(record, horizon_days(settings)), ""
    except ModelRefusal as refusal:
        return None, f"Values are not forecast: {refusal}"


def judge_spend(settings: Settings, tables: Tables) -> tuple[JudgedSpend | None, str]:
    """Return forecasts for the last finished horizon by a model that saw nothing of it; or None, and why not."""
    days, record = horizon_days(settings), read_record(settings, tables, tables.until)
    if record is None:
        return None, ""
    first = record.until - days
    try:
        earlier = _cut(record, first)
        found = fit_purchases(earlier, days, allow_short=True).predict(earlier)
    except ModelRefusal as refusal:
        return None, f"Values are not judged, the record is too short to forecast its last {days} days: {refusal}"
    short = (first - record.since).astype(int) < 2 * days
    note = f"The value forecasts judged learned from {(first - record.since).astype(int)} days" if short else ""
    judged = _beside_spent(record, found, first, days)
    return judged, note and f"{note}, less than two horizons: those served learned from more."


def judge_at(
    settings: Settings, tables: Tables, model: PurchaseModel | None, as_of: datetime
) -> JudgedSpend | None:
    """Return forecasts at `as_of` beside what was spent since; None without a model or where the horizon is not over.

    `model`: fitted to what was known at `as_of`.
    """
    days, record, first = horizon_days(settings), read_record(settings, tables, tables.until), np.datetime64(as_of, "D")
    if model is None or record is None or first + days > record.until:
        return None
    try:
        found = model.predict(_cut(record, first))
    except ModelRefusal:
        return None
    return _beside_spent(record, found, first, days)


def pool_spend(parts: Sequence[JudgedSpend]) -> JudgedSpend:
    """Return the forecasts of several days together; a customer stands in it once per day."""
    names = [field.name for field in fields(SpendForecast) if field.name != "as_of"]
    found = {name: np.concatenate([getattr(part.found, name) for part in parts]) for name in names}
    realised, past = (np.concatenate([getattr(part, name) for part in parts]) for name in ("realised", "past"))
    pooled = SpendForecast(as_of=parts[0].found.as_of, **found)
    return JudgedSpend(parts[0].first, parts[0].days, pooled, realised, past)


def _beside_spent(record: PurchaseRecord, found: SpendForecast, first: np.datetime64, days: int) -> JudgedSpend:
    """Return forecasts for the `days` from `first` beside what was spent in them, and in as many days before."""
    realised = record.spent(found.ids, first, first + days)
    return JudgedSpend(str(first), days, found, realised, record.spent(found.ids, first - days, first))


def with_expected_spend(
    rows: pa.Table, model: PurchaseModel | None, settings: Settings, tables: Tables, as_of: datetime, headline: int
) -> tuple[pa.Table, str]:
    """Return feature rows of one as_of with SPEND_COLUMNS, null for accounts without a purchase; and a note.

    `headline`: the days of staying away for which value is lost. The note says why there is no forecast, where there is
    none.
    """
    if model is None:
        return rows, ""
    record = read_record(settings, tables, as_of)
    if record is None:
        return rows, "No purchase states an amount: values are not forecast."
    try:
        found = model.predict(record, headline)
    except ModelRefusal as refusal:
        return rows, f"Values are not forecast: {refusal}"
    account = np.asarray(rows["account_id"].to_pylist(), dtype=str)
    place = np.minimum(np.searchsorted(found.ids, account), len(found.ids) - 1)
    is_known = found.ids[place] == account
    forecasts = (found.spend, found.low, found.high, found.alive, found.if_away)
    for name, values in zip(SPEND_COLUMNS, forecasts, strict=True):
        rows = rows.append_column(name, pa.array(np.where(is_known, values[place], np.nan), from_pandas=True))
    return rows, ""


def _cut(record: PurchaseRecord, day: np.datetime64) -> PurchaseRecord:
    """Return the record as it ended at the start of `day`. Raises ModelRefusal where nothing lies before it."""
    rows = record.day < day
    if not rows.any():
        raise ModelRefusal(f"no purchase lies before {day}")
    parts = {name: getattr(record, name)[rows] for name in ("customer", "day", "net")}
    return replace(record, until=day, **parts)
