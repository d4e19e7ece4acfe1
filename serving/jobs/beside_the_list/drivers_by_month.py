"""Drivers month by month beside the list: a sample of accounts scored at earlier month starts, and business metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from undertow.features.errors import DataError, TimeError
from undertow.features.settings import Settings
from undertow.serving.jobs.prepare import Prepared
from undertow.training.bundle.scores import Scores
from undertow.training.business_metrics.metrics import CARDS
from undertow.training.business_metrics.monthly import BusinessMetrics, business_numbers
from undertow.training.business_metrics.sql import By
from undertow.training.drivers.monthly.measures import measures
from undertow.training.drivers.monthly.overview import overview
from undertow.training.drivers.monthly.platforms import platforms
from undertow.training.drivers.monthly.scored_months import MOST_ACCOUNTS, NOT_STATED, ScoredMonths, join, sample
from undertow.training.value.purchases.fitted import with_expected_spend

METRICS = (
    "error_rate", "task_success_rate", "load_time_p75", "first_response_time", "ticket_csat", "csat", "nps",
)  # fmt: skip
NO_PLATFORM = "no event of these months names a platform"


def drivers_by_month(settings: Settings, ready: Prepared, rows: pa.Table, scores: Scores) -> dict[str, object]:
    """Return what DRIVERS_BY_MONTH holds. `rows`, `scores`: of the list.

    Earlier months are scored by today's model from the features that were known then; `ready.months` says which.
    """
    scored, no_groups = _scored(settings, ready, rows, scores) if ready.months else (None, {})
    return overview(
        f"{ready.as_of:%Y-%m-%d}",
        ready.bundle.headline,
        ready.bundle.trained_until,
        scored,
        no_groups,
        measures(ready.bundle, rows, scores),
        _metrics(settings, ready, scored),
        "" if ready.months else _why_not(settings, ready),
    )


def _scored(settings: Settings, ready: Prepared, rows: pa.Table, scores: Scores) -> tuple[ScoredMonths, dict[str, str]]:
    """Return the sampled accounts of every month with their scores, and why they are not grouped in some way."""
    months = [_month(settings, ready, as_of) for as_of in ready.months[:-1]]
    newest = sample(rows["account_id"].to_pylist(), MOST_ACCOUNTS)
    sampled = [*(part for part, _ in months), rows.filter(pa.array(newest))]
    ids = [part["account_id"].to_pylist() for part in sampled]
    labels: dict[str, Any] = {
        way: [part[way].to_pylist() for part in sampled] for way in ("segment", "plan") if way in rows.column_names
    }
    used = platforms(settings, ready.tables, ready.months, ids)
    no_groups = {way: f"the features have no {way}" for way in ("segment", "plan") if way not in labels}
    if used is None:
        no_groups["platform"] = NO_PLATFORM
    else:
        labels["platform"] = used
    earlier = [part for part, _ in months]
    scored = [*_score_together(ready, earlier), _taken(scores, newest)]
    customers = [*(number for _, number in months), rows.num_rows]
    days = [f"{as_of:%Y-%m-%d}" for as_of in ready.months]
    headline = ready.bundle.ends.index(ready.bundle.headline)
    return join(days, customers, ids, labels, scored, headline), no_groups


def _month(settings: Settings, ready: Prepared, as_of: datetime) -> tuple[pa.Table, int]:
    """Return the rows of the sampled customers at an as_of, and how many customers there were."""
    keep = sample(ready.features.snapshots([as_of])["account_id"].to_pylist(), MOST_ACCOUNTS)
    rows = ready.features.read([as_of], keep)
    rows, _ = with_expected_spend(rows, ready.bundle.purchases, settings, ready.tables, as_of, ready.bundle.headline)
    return rows, len(keep)


def _score_together(ready: Prepared, months: Sequence[pa.Table]) -> list[Scores]:
    """Return the scores of each month; all are scored in one go, which takes less time."""
    together = pa.concat_tables(months, promote_options="default") if months else None
    if together is None or not together.num_rows:
        return []
    scores = ready.bundle.score(together)
    ends = np.cumsum([part.num_rows for part in months])
    return [_taken(scores, slice(end - part.num_rows, end)) for end, part in zip(ends, months, strict=True)]


def _taken(scores: Scores, mine: np.ndarray | slice) -> Scores:
    return Scores(**{field.name: getattr(scores, field.name)[mine] for field in fields(scores)})


def _why_not(settings: Settings, ready: Prepared) -> str:
    if ready.bundle.is_of_examples:
        return "a file of feature rows is scored as of one day: earlier months are not known"
    if settings.data.present_only:
        return f"{', '.join(settings.data.present_only)} shows only the present ([data] present_only)"
    return (
        f"the rows begin on {ready.tables.since:%Y-%m-%d}, less than 90 days before a month start earlier than "
        f"{ready.as_of:%Y-%m-%d}"
    )


# --- UX beside CX: business metrics of the month that ended at each as_of ---


def _metrics(settings: Settings, ready: Prepared, scored: ScoredMonths | None) -> dict[str, object]:
    nothing: dict[str, object] = {"cards": [], "lines": [], "left_out": {}}
    if scored is None:
        return nothing | {"why_not": "there are no months"}
    ways: list[By | None] = [None]
    if "segment" in scored.labels:
        ways.append("segment")
    if "platform" in scored.labels:
        ways.append("platform")
    found = [(way, _numbers(settings, ready, way)) for way in ways]
    whole = found[0][1]
    if isinstance(whole, str):
        return nothing | {"why_not": whole}
    names = [card.name for card in whole.cards]
    cards = [
        {"name": card.name, "sentence": card.sentence, "family": card.family, "unit": card.unit} for card in whole.cards
    ]
    lines = [
        {"by": way or "all", "name": _named(group), "months": _months(numbers, names, group)}
        for way, numbers in found
        if not isinstance(numbers, str)
        for group in numbers.groups
    ]
    return {"cards": cards, "lines": lines, "left_out": whole.left_out, "why_not": None}


def _numbers(settings: Settings, ready: Prepared, by: By | None) -> BusinessMetrics | str:
    """Return the metrics as known at as_of, or why there are none."""
    names = METRICS if by != "platform" else tuple(name for name in METRICS if CARDS[name].on_platforms)
    known = replace(ready.tables, until=ready.as_of)
    try:
        return business_numbers(settings, known, names, by, len(ready.months))
    except (DataError, TimeError) as refusal:
        return str(refusal)


def _named(group: str) -> str:
    """Return a group as the drivers name it."""
    return NOT_STATED if group == "no segment" else group


def _months(found: BusinessMetrics, names: Sequence[str], group: str) -> list[dict[str, object]]:
    """Return one entry per month; `as_of`: the first day after it. `values`: null where a metric is not broken down."""
    return [
        {
            "as_of": f"{month.ends:%Y-%m-%d}",
            "month": f"{month.starts:%Y-%m}",
            "values": [_value(found, name, group, place) for name in names],
        }
        for place, month in enumerate(found.months)
    ]


def _value(found: BusinessMetrics, name: str, group: str, place: int) -> dict[str, object]:
    line = found.lines.get((name, group))
    if line is None:
        return {"value": None, "low": None, "high": None, "n": 0, "status": "not broken down by it"}
    number = line[place].as_json()
    return {key: number[key] for key in ("value", "low", "high", "n", "status")}
