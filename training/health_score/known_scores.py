"""The health score of each snapshot as known at its as_of, as three more columns of the feature rows.

No feature is made of it: the model does not read these columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.database import Database
from undertow.features.settings import HealthScores
from undertow.features.tables import SCORES
from undertow.training.examples.split import Examples

HEALTH = "health"  # a number that is higher for healthier scores; null where none is known or it is too old
GIVEN = "health_score"  # the score as it was given; null where none was known, however old
AGE = "health_score_age_days"  # from scored_at to as_of
DAY = timedelta(days=1)
_NEWEST = "SELECT account_id, max_by(score, scored_at) AS score, max(scored_at) AS at FROM ({known}) AS k GROUP BY 1"


def with_health_scores(database: Database, scores: HealthScores, examples: Examples) -> Examples:
    """Return the examples with the newest score that was recorded before each as_of; tables must be open.

    A score that is older than `max_age_days` at its as_of counts as unknown.
    """
    as_of = examples.rows["as_of"].cast(pa.timestamp("us")).to_pylist()
    newest = {moment: _newest(database, moment) for moment in sorted(set(as_of))}
    accounts = examples.rows["account_id"].to_pylist()
    found = [newest[moment].get(account, (None, None)) for moment, account in zip(as_of, accounts, strict=True)]
    given = [score for score, _ in found]
    age = [None if at is None else (at_then - at) / DAY for at_then, (_, at) in zip(as_of, found, strict=True)]
    health = np.where(np.array(age, dtype=float) <= scores.max_age_days, as_health(scores, given), np.nan)
    rows = examples.rows.append_column(HEALTH, pa.array(health, pa.float64(), from_pandas=True))
    rows = rows.append_column(GIVEN, pa.array(given, pa.string())).append_column(AGE, pa.array(age, pa.float64()))
    return replace(examples, rows=rows)


def as_health(scores: HealthScores, given: Sequence[str | None]) -> np.ndarray:
    """Return scores as numbers that are higher for healthier ones, shape (n,); NaN where there is none.

    Words become their place in the order, the worst 0; of numbers of which low ones are healthy, the sign is turned.

    >>> as_health(HealthScores(), ["red", None, "green"]).tolist(), as_health(HealthScores(good="low"), ["7"]).tolist()
    ([0.0, nan, 4.0], [-7.0])
    """
    if are_words(scores, given):
        place = {word: float(number) for number, word in enumerate(scores.words)}
        return np.array([np.nan if score is None else place[score] for score in given])
    numbers = np.array([np.nan if score is None else float(score) for score in given])
    return numbers if scores.good == "high" else -numbers


def are_words(scores: HealthScores, given: Sequence[str | None]) -> bool:
    """Return whether scores, as they were kept, are words of the order and no numbers."""
    return scores.are_words or not all(_is_number(score) for score in set(given) - {None} if score is not None)


def health_of(rows: pa.Table) -> np.ndarray:
    """Return the health of feature rows, shape (n,); NaN where it is unknown."""
    return np.asarray(rows[HEALTH].to_numpy(), dtype=float)


def has_stale(rows: pa.Table) -> np.ndarray:
    """Return bool, shape (n,): there was a score, but it was too old."""
    return np.asarray(pc.and_(pc.is_valid(rows[GIVEN]), pc.is_null(rows[HEALTH])).to_numpy())


def _newest(database: Database, as_of: datetime) -> dict[str, tuple[str, datetime]]:
    """Return account -> (score, scored_at) of the newest score that was known at as_of."""
    known = known_rows(SCORES.name, ("account_id", "scored_at", "score"), as_of, database.dialect)
    found = database.arrow(_NEWEST.format(known=known), "health scores")
    at = found["at"].cast(pa.timestamp("us")).to_pylist()
    pairs = zip(found["score"].to_pylist(), at, strict=True)
    return dict(zip(found["account_id"].to_pylist(), pairs, strict=True))


def _is_number(score: str) -> bool:
    try:
        float(score)
    except ValueError:
        return False
    return True
