"""Labels: what happened to each account after its as_of. Looks ahead of as_of, as `revenue` does, and nothing else.

An account churns when its MRR goes from above 0 to 0 and does not return within `grace_days` (Stripe's subscriber
churn, with a grace period). Its paid time is cut into spells; a spell that ended for a neutral reason, such as a
completed course, is not churn: the account had its whole chance to churn and did not.

Where nobody cancels ([churn] kind = "inactivity"), an account has left within a horizon if it was not active in the
whole of it; the hazard model is then of staying away through each period, given that it stayed away until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from undertow.features.build.feature_table import FeatureTable
from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.database import Database
from undertow.features.engines.duckdb import literal
from undertow.features.settings import Churn
from undertow.features.snapshots.activity import Activity, is_known
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Tables
from undertow.features.sources.merges import MERGED
from undertow.training.examples.person_periods import churned_in, entered

VOLUNTARY = "voluntary"
INVOLUNTARY = "involuntary"
CAUSES = (VOLUNTARY, INVOLUNTARY)


@dataclass(frozen=True)
class Outcomes:
    """The labels of n snapshots, row by row with the feature table; arrays of shape (n,).

    `followed_days`: float, days after as_of that have been fully observed; a period that ends later gives no label.
    `churn_days`: float, days from as_of to churn, in [0, followed_days); NaN where none was observed.
    `neutral_days`: the same for an end that is not churn, after which the account can no longer churn.
    `cause`: "voluntary", "involuntary", or "" where no churn was observed.
    `gone`: bool, the account had already ended at as_of and the end was only recorded later; no model may learn
    from such a row.
    `active_days`: inactivity alone: days from as_of to the day on which the account was active again, NaN where that
    was not observed; `churn_days` is then 0 where it stayed away for the [churn] active_days, else NaN. None for
    subscriptions.
    """

    followed_days: np.ndarray
    churn_days: np.ndarray
    neutral_days: np.ndarray
    cause: np.ndarray
    gone: np.ndarray
    active_days: np.ndarray | None = None

    @property
    def left_days(self) -> np.ndarray:
        """Return float, shape (n,): days to an end of either kind; NaN where none was observed."""
        return np.fmin(self.churn_days, self.neutral_days)

    def churned(self, horizon: int, cause: str | None = None) -> np.ndarray:
        """Return bool, shape (n,): churn in `[as_of, as_of + horizon)`, of this cause if given.

        For inactivity: followed through the window, and not active in it.
        """
        if self.active_days is not None:
            return (self.followed_days >= horizon) & ~(self.active_days < horizon) & (cause in (None, VOLUNTARY))
        within = self.churn_days < horizon
        return within if cause is None else within & (self.cause == cause)

    def entered(self, ends: tuple[int, ...]) -> np.ndarray:
        """Return which periods each snapshot began and was followed through, bool, shape (n, K)."""
        return entered(self.followed_days, self.left_days if self.active_days is None else self.active_days, ends)

    def churned_in(self, ends: tuple[int, ...], cause: str) -> np.ndarray:
        """Return whether churn of this cause fell in each period entered, bool, shape (n, K).

        For inactivity: whether the account stayed away through the period.
        """
        if self.active_days is not None:
            away = ~(self.active_days[:, None] < np.array(ends)[None, :])
            return self.entered(ends) & away & (cause == VOLUNTARY)
        return self.entered(ends) & churned_in(self.churn_days, ends) & (self.cause == cause)[:, None]

    def matured(self, horizon: int) -> np.ndarray:
        """Return bool, shape (n,): the whole window `[as_of, as_of + horizon)` was observed.

        A neutral end inside the window counts as observed: the account did not churn.
        """
        return (self.followed_days >= horizon) & ~self.gone

    def take(self, rows: np.ndarray) -> Outcomes:
        """Return the outcomes of these rows (bool mask or positions)."""
        return Outcomes(
            self.followed_days[rows],
            self.churn_days[rows],
            self.neutral_days[rows],
            self.cause[rows],
            self.gone[rows],
            None if self.active_days is None else self.active_days[rows],
        )


def observe_outcomes(
    database: Database, churn: Churn, tables: Tables, features: FeatureTable, as_ofs: Sequence[datetime],
    known_at: datetime, activity: Activity | None = None,
) -> Outcomes:  # fmt: skip
    """Return the labels of these snapshots as known at `known_at`; `activity`: where nobody cancels.

    Only rows recorded before `known_at` are read, and the last `grace_days` give no label: an account that
    stopped paying then may still return.
    """
    snapshots = features.snapshots(as_ofs)
    open_tables(database, tables)
    numbered = snapshots.append_column("row", pa.array(np.arange(snapshots.num_rows)))
    if activity is not None:
        activity.make_days(database)
        database.register("snapshots", numbered)
        found = database.arrow(_NEXT_ACTIVITY.format(known=is_known(f"TIMESTAMP '{known_at}'")), "outcomes")
        return _absences(found, observed_until(churn, known_at), activity.days)
    make_spells(database, churn, tables, known_at)
    database.register("snapshots", numbered)
    ends = database.arrow(_JOIN_SPELLS, "outcomes")
    return _outcomes(ends, observed_until(churn, known_at))


def observed_until(churn: Churn, known_at: datetime) -> datetime:
    """Return the time up to which outcomes are known: `known_at`.

    A subscription's end differs from a pause only `grace_days` before that.
    """
    return known_at if churn.kind == "inactivity" else known_at - timedelta(days=churn.grace_days)


def make_spells(database: Database, churn: Churn, tables: Tables, known_at: datetime) -> None:
    """Make the table `spells`: (account_id, started_at, ended_at, cause) of unbroken paid time.

    Periods closer than `grace_days` are one spell. `cause` is null while the spell runs, and "neutral" where it
    ended for a reason that is not churn. Periods of length 0 are none, and neither is a first spell of which every
    payment attempt failed, if it began when payments were recorded already: whoever never paid cannot churn.
    """
    grace = f"INTERVAL {churn.grace_days} DAY"
    payments = _NO_PAYMENTS
    if "payments" in tables.present:
        names = ("account_id", "attempted_at", "succeeded", "kind")
        payments = known_rows("payments", names, known_at, database.dialect)
    columns = ("account_id", "started_at", "mrr", "ended_at", "end_reason")
    known = known_rows("subscriptions", columns, known_at, database.dialect)
    sql = _SPELLS.format(known=known, grace=grace, cause=_cause(churn), payments=payments)
    database.create_table("spells", sql, "spells")


def _cause(churn: Churn) -> str:
    """Return the SQL CASE for the cause of an end; a failed last payment decides where no reason is given."""
    involuntary = _sql_list(churn.involuntary_reasons)
    neutral = _sql_list((*churn.neutral_reasons, MERGED))
    return (
        f"CASE WHEN e.ended_at IS NULL THEN NULL WHEN e.end_reason IN ({neutral}) THEN 'neutral' "
        f"WHEN e.end_reason IN ({involuntary}) THEN '{INVOLUNTARY}' "
        f"WHEN e.end_reason IS NULL AND p.failed THEN '{INVOLUNTARY}' ELSE '{VOLUNTARY}' END"
    )


def _sql_list(reasons: tuple[str, ...]) -> str:
    return ", ".join(literal(reason) for reason in reasons) or "NULL"


_SPELLS = """
WITH known AS ({known}),
paid AS (
    SELECT account_id, started_at, ended_at, end_reason, coalesce(ended_at, TIMESTAMP '9999-01-01') AS ends
    FROM known WHERE mrr > 0 AND coalesce(ended_at > started_at, true)
),
reached AS (
    SELECT *, max(ends) OVER (
        PARTITION BY account_id ORDER BY started_at, ends
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS ended_before
    FROM paid
),
numbered AS (
    SELECT *, sum(CASE WHEN ended_before IS NULL OR started_at > ended_before + {grace} THEN 1 ELSE 0 END)
        OVER (PARTITION BY account_id ORDER BY started_at, ends) AS spell
    FROM reached
),
ranked AS (
    SELECT *, row_number() OVER (
            PARTITION BY account_id, spell ORDER BY ends DESC, started_at DESC, end_reason IS NULL, end_reason
        ) AS nth
    FROM numbered
),
ended AS (
    SELECT account_id, spell, min(started_at) AS started_at,
           nullif(max(ends), TIMESTAMP '9999-01-01') AS ended_at,
           max(CASE WHEN nth = 1 THEN end_reason END) AS end_reason
    FROM ranked
    GROUP BY account_id, spell
),
attempts AS (SELECT account_id, attempted_at, succeeded FROM ({payments}) AS every WHERE kind = 'attempt'),
never_paid AS (
    SELECT e.account_id, e.spell FROM ended AS e
    JOIN attempts AS p ON p.account_id = e.account_id AND p.attempted_at >= e.started_at - INTERVAL 1 DAY
        AND coalesce(p.attempted_at <= e.ended_at, true)
    WHERE e.spell = 1 AND e.started_at >= (SELECT min(attempted_at) FROM attempts) - INTERVAL 1 DAY
    GROUP BY e.account_id, e.spell HAVING NOT bool_or(p.succeeded)
),
last_payments AS (
    SELECT account_id, ended_at, NOT succeeded AS failed FROM (
        SELECT e.account_id, e.ended_at, p.succeeded, row_number() OVER (
            PARTITION BY e.account_id, e.ended_at ORDER BY p.attempted_at DESC, p.succeeded
        ) AS nth
        FROM ended AS e
        JOIN attempts AS p ON p.account_id = e.account_id AND p.attempted_at <= e.ended_at
            AND p.attempted_at >= e.ended_at - INTERVAL 30 DAY
    ) AS before_end
    WHERE nth = 1
)
SELECT e.account_id, e.started_at, e.ended_at, {cause} AS cause FROM ended AS e
LEFT JOIN last_payments AS p ON p.account_id = e.account_id AND p.ended_at = e.ended_at
LEFT JOIN never_paid AS n ON n.account_id = e.account_id AND n.spell = e.spell
WHERE n.account_id IS NULL
"""

_NO_PAYMENTS = """
    SELECT account_id, started_at AS attempted_at, true AS succeeded, 'attempt' AS kind FROM known WHERE 1 = 0"""

_JOIN_SPELLS = """
SELECT n.row, n.as_of, min(s.started_at) AS started_at, min(s.ended_at) AS ended_at,
       min_by(s.cause, s.ended_at) AS cause
FROM snapshots AS n
LEFT JOIN spells AS s
  ON s.account_id = n.account_id AND s.started_at < n.as_of AND coalesce(s.ended_at >= n.as_of, true)
GROUP BY n.row, n.as_of
ORDER BY n.row
"""


_NEXT_ACTIVITY = """
SELECT n.row, n.as_of, min(CAST(a.day AS TIMESTAMP)) AS active_at FROM snapshots AS n
LEFT JOIN activity AS a ON a.account_id = n.account_id AND a.day >= n.as_of AND {known}
GROUP BY n.row, n.as_of
ORDER BY n.row
"""


def _absences(found: pa.Table, observed: datetime, active_days: int) -> Outcomes:
    """Return the outcomes of inactivity; `found`: as_of and active_at, the next day of activity, per snapshot."""
    as_of, active_at = _micros(found["as_of"]), _micros(found["active_at"])
    n, followed = len(as_of), _days(np.datetime64(observed, "us") - as_of)
    back = _days(active_at - as_of)
    back = np.where(np.isnat(active_at) | (back >= followed), np.nan, back)
    away = (followed >= active_days) & ~(back < active_days)
    return Outcomes(
        followed_days=followed,
        churn_days=np.where(away, 0.0, np.nan),
        neutral_days=np.full(n, np.nan),
        cause=np.where(away, VOLUNTARY, "").astype(object),
        gone=np.zeros(n, dtype=bool),
        active_days=back,
    )


def _outcomes(ends: pa.Table, observed: datetime) -> Outcomes:
    as_of = _micros(ends["as_of"])
    ended = _micros(ends["ended_at"])
    cause = np.array([text or "" for text in ends["cause"].to_pylist()], dtype=object)
    limit = _days(np.datetime64(observed, "us") - as_of)
    after = _days(ended - as_of)
    seen = ~np.isnat(ended) & (after < limit)
    neutral = seen & (cause == "neutral")
    churned = seen & ~neutral
    return Outcomes(
        followed_days=limit,
        churn_days=np.where(churned, after, np.nan),
        neutral_days=np.where(neutral, after, np.nan),
        cause=np.where(churned, cause, ""),
        gone=np.isnat(_micros(ends["started_at"])),
    )


def _days(lasted: np.ndarray) -> np.ndarray:
    return np.asarray(lasted / np.timedelta64(1, "D"), dtype=float)


def _micros(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
