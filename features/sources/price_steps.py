"""Steps of list prices: changes of a plan's list price that take effect while a paid subscription to it runs.

Point-in-time rule: whatever rows were recorded by an as_of, the table `price_steps` computed from them alone holds the
same known rows as the one computed from all rows. So a step is recorded when the last of its rows was (both prices and
the subscription), and is superseded when a row is recorded that undoes it: an end of the subscription before the step,
a newer state of the subscription, or a list price that is valid between the two.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, rows, run


def list_price_steps(connection: Connection) -> None:
    """Create the table `price_steps` from the tables `list_prices` and `subscriptions`.

    A step belongs to the subscriptions to its plan with an MRR above 0 that run in `(started_at, ended_at]` when it
    takes effect: who begins at that moment begins at the new price.
    """
    run(connection, f"CREATE OR REPLACE TABLE price_steps AS {_STEPS}", "list_prices")


def plans_without_subscription(connection: Connection) -> tuple[int, str]:
    """Return how many plans of `list_prices` are the plan of no subscription, and the first of them; "" without any."""
    [row] = rows(connection, _STRANGE, "list_prices")
    return int(str(row["n"])), str(row["example"] or "")


# Two prices of a plan are a change until a price between them is recorded. Prices that are equal, in different
# currencies, or 0 at first are no step; they separate other prices all the same.
_STEPS = """
WITH prices AS (SELECT *, greatest(announced_at, recorded_at) AS known_at FROM list_prices),
changes AS (
    SELECT old.plan, new.valid_from, new.announced_at, new.price / old.price - 1 AS rise,
           greatest(old.known_at, new.known_at) AS known_at, min(between_.known_at) AS gone_at
    FROM prices AS old
    JOIN prices AS new ON new.plan = old.plan AND new.valid_from > old.valid_from
    LEFT JOIN prices AS between_ ON between_.plan = old.plan
        AND between_.valid_from > old.valid_from AND between_.valid_from < new.valid_from
    WHERE old.price > 0 AND new.price > 0 AND new.price <> old.price AND new.currency IS NOT DISTINCT FROM old.currency
    GROUP BY ALL
),
steps AS (
    SELECT s.account_id, s.subscription_id, c.announced_at,
           greatest(c.known_at, s.started_at, s.recorded_at) AS recorded_at,
           c.valid_from AS takes_effect_at, c.rise,
           least(c.gone_at, s.superseded_at, CASE WHEN s.ended_at < c.valid_from THEN s.end_recorded_at END)
               AS superseded_at
    FROM subscriptions AS s JOIN changes AS c ON c.plan = s.plan AND c.valid_from > s.started_at
    WHERE s.mrr > 0
)
FROM steps WHERE coalesce(recorded_at < superseded_at, true)
"""

_STRANGE = """
SELECT count(DISTINCT plan) AS n, min(plan) AS example FROM list_prices
WHERE plan NOT IN (SELECT plan FROM subscriptions WHERE plan IS NOT NULL)
"""
