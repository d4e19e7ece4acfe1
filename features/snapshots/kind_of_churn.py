"""Which kind of churn the loaded rows suggest, subscription or inactivity, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from undertow.features.engines.duckdb import Connection, open_duckdb, rows
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Tables, counted

MOST = 0.5  # share of the buyers with a subscription above which customers are taken to subscribe
DAYS = (30, 60, 90, 180, 365)  # of [churn] active_days that are suggested
FEW = 100  # gaps between purchases, below which no days are suggested

_GAPS = """
SELECT count(gap) AS gaps, quantile_cont(gap, 0.5) AS half, quantile_cont(gap, 0.9) AS most FROM (
    SELECT day - lag(day) OVER (PARTITION BY account_id ORDER BY day) AS gap
    FROM (SELECT DISTINCT account_id, CAST({time} AS DATE) AS day FROM {table} WHERE {where})
)
"""
_WHERE = {"payments": ("attempted_at", "kind = 'attempt' AND succeeded"), "events": ("occurred_at", "true")}


@dataclass(frozen=True)
class KindOfChurn:
    """A suggested [churn] kind, and the reason in words; `active_days`: of inactivity, None for subscriptions."""

    kind: str
    why: str
    active_days: int | None = None

    def said(self, set_kind: str) -> str:
        """Return the suggestion as one line of text; `set_kind`: the [churn] kind in undertow.toml."""
        days = f", active_days = {self.active_days}" if self.active_days else ""
        fits = f'Churn: {self.why} This suggests [churn] kind = "{self.kind}"{days}'
        return f"{fits}, as is set." if self.kind == set_kind else f'{fits}; undertow.toml says "{set_kind}".'

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def suggest_kind(settings: Settings, tables: Tables) -> KindOfChurn | None:
    """Return the kind of churn that the rows suggest; None where they hold neither subscriptions nor activity."""
    active = [table for table in _WHERE if table in tables.present]
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        for table in ("subscriptions", *active):
            if table in tables.present:
                files = ", ".join(f"'{path}'" for path in tables.files(table))
                connection.execute(f"CREATE VIEW {table} AS FROM read_parquet([{files}])")
        subscribers = _accounts(connection, "subscriptions", "mrr > 0") if "subscriptions" in tables.present else 0
        active = [table for table in active if _accounts(connection, table, _WHERE[table][1])]
        if not active:
            return _subscription(subscribers, "") if subscribers else None
        table = active[0]
        buyers = _accounts(connection, table, _WHERE[table][1])
        if subscribers > MOST * buyers:
            return _subscription(subscribers, f" of {buyers:,} that {_did(table)}")
        return _inactivity(connection, table, subscribers, buyers)


def _accounts(connection: Connection, table: str, where: str) -> int:
    found = rows(connection, f"SELECT count(DISTINCT account_id) AS n FROM {table} WHERE {where}", table)
    return int(str(found[0]["n"]))


def _did(table: str) -> str:
    return "paid" if table == "payments" else "used something"


def _subscription(subscribers: int, of: str) -> KindOfChurn:
    return KindOfChurn("subscription", f"{counted(subscribers, 'account')}{of} have a paid subscription, which ends.")


def _inactivity(connection: Connection, table: str, subscribers: int, buyers: int) -> KindOfChurn:
    time, where = _WHERE[table]
    [gaps] = rows(connection, _GAPS.format(table=table, time=time, where=where), "gaps")
    why = f"{counted(buyers, 'account')} {_did(table)}, {subscribers or 'none'} of them with a paid subscription."
    if int(str(gaps["gaps"])) < FEW:
        return KindOfChurn("inactivity", why)
    half, most = (float(str(gaps[name])) for name in ("half", "most"))
    what = "purchases come" if table == "payments" else "active days come"
    why = f"{why} Half of the {what} within {half:.0f} days of the one before, 9 of 10 within {most:.0f}."
    return KindOfChurn("inactivity", why, next((days for days in DAYS if days >= most), DAYS[-1]))
