"""Where a business metric and a feature measure the same thing, they are equal on random months.

June has 30 days, so a window of 30 days before 1 July is the month; surveys and ticket ratings, whose windows are
longer, were only given in June. What differs on purpose is kept out of the rows: see EXCEPTIONS.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.build.feature_table import landmark_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.business_metrics.monthly import business_numbers

JUNE, JULY = datetime(2024, 6, 1), datetime(2024, 7, 1)
NOW = datetime(2024, 9, 1)
PAIRS = {  # metric: (feature column, what one of its units is in the metric's)
    "error_rate": ("error_rate_30", 1),
    "crash_free_sessions": ("crash_free_visits_30", 1),
    "task_success_rate": ("task_success_rate_30", 1),
    "time_on_task": ("time_on_task_30", 1),
    "load_time_p75": ("load_time_p75_30", 1),
    "apdex": ("apdex_30", 1),
    **{f"{vital}_p75": (f"{vital}_p75_30", 1) for vital in ("lcp", "inp", "cls")},
    **{f"{how}_{v}_share": (f"{how}_{v}_share_30", 1) for how in ("good", "poor") for v in ("lcp", "inp", "cls")},
    "page_views_per_visit": ("page_views_per_visit_30", 1),
    "click_through_rate": ("click_through_rate_30", 1),
    "conversion_rate": ("conversion_rate_30", 1),
    "nps": ("nps_180", 100),
    "csat": ("csat_satisfied_90", 1),
    "ces": ("ces_mean_90", 1),
    "ticket_csat": ("satisfied_tickets_90", 1),
    "first_response_time": ("first_response_time_30", 1),
    "resolution_time": ("resolution_time_30", 1),
}
EXCEPTIONS = {
    "task_success_rate": "the metric's attempts are starts or ends, whichever are more: here starts are more",
    "click_through_rate": "the metric counts clicks on names that were shown: here every clicked name was",
    "crash_free_sessions": "a visit belongs to the month it began in: here no visit crosses midnight",
}
SCALES = (("nps", 10), ("csat", 5), ("ces", 7), ("nps", None), ("csat", 7), ("ces", 5), ("csat", None), ("ces", None),
          ("csat", 100))  # fmt: skip
USUAL = {"nps": 10, "csat": 5, "ces": 7}
Row = dict[str, object]


def random_june(seed: int) -> dict[str, list[Row]]:
    """Return the tables of one account whose June is drawn by `seed`; August only ends the record."""
    random = np.random.default_rng(seed)
    kinds = ("page_view", "error", "crash", "click", "impression", "task_completed", "conversion", "web_vital")
    events: list[Row] = []
    for _ in range(1500):
        kind = str(random.choice(kinds))
        day = int(random.integers(30))
        time = JUNE + timedelta(days=day, seconds=int(random.integers(86_000)))
        row: Row = {"kind": kind, "occurred_at": time, "session_id": f"{day}-{random.integers(3)}", "name": "home"}
        if kind in ("page_view", "task_completed"):
            row["duration_ms"] = float(random.integers(100, 12_000))
        if kind == "web_vital":
            row["name"] = str(random.choice(["LCP", "INP", "CLS"]))
            row["value"] = float(random.integers(1, 6000)) / (10_000 if row["name"] == "CLS" else 1)
            row["value"] = random.choice([row["value"], None, -1.0], p=[0.9, 0.05, 0.05])  # unknown, or refused
        if kind == "task_completed":
            events.append({**row, "kind": "task_started"})
        events.append(row)
    events += [{"kind": "task_started", "occurred_at": JUNE}] * 40
    events.append({"kind": "login", "occurred_at": datetime(2024, 8, 20)})
    events = [{"event_id": f"e{number}", **event} for number, event in enumerate(events)]
    surveys: list[Row] = []
    tickets: list[Row] = []
    for number in range(240):
        time = JUNE + timedelta(hours=float(random.uniform(0, 24 * 30)))
        kind, scale = SCALES[number % len(SCALES)]
        score = int(random.integers(0 if kind == "nps" else 1, (scale or USUAL[kind]) + 1))
        score = -1 if number % 20 == 0 else score  # not answered
        surveys.append({"kind": kind, "score": score, "scale_max": scale, "responded_at": time})
        answered = time - timedelta(hours=float(random.uniform(0, 40)))
        of = (5, 10)[number % 2]
        opened = answered - timedelta(hours=float(random.uniform(0, 90)))
        tickets.append({"ticket_id": f"t{number}", "opened_at": opened, "first_response_at": max(answered, JUNE),
                        "resolved_at": time, "csat": int(random.integers(1, of + 1)), "csat_scale": of,
                        "csat_at": time})  # fmt: skip
    subscription = {"subscription_id": "s", "started_at": datetime(2024, 1, 1), "mrr": 10}
    tables = {"events": events, "surveys": surveys, "tickets": tickets, "subscriptions": [subscription]}
    rows = {f"{name}.csv": [{"account_id": "a", **row} for row in given] for name, given in tables.items()}
    return {"accounts.csv": [{"account_id": "a", "created_at": "2024-01-01"}], **rows}


@pytest.fixture(params=[1, 2, 3])
def june(request: pytest.FixtureRequest, project: Callable[..., Settings]) -> tuple[dict[str, float], Row]:
    """The metrics of a random June, and the features of its only account as of 1 July."""
    settings = project(random_june(request.param), "[engine]\nthreads = 1\n")
    tables = load_tables(settings, NOW)
    numbers = business_numbers(settings, tables, tuple(PAIRS), months=3)
    metrics = {number.metric: number.value for number in numbers.numbers if number.month == JUNE}
    landmark = pa.table({"account_id": ["a"], "as_of": pa.array([JULY], pa.timestamp("us"))})
    [features] = landmark_features(settings, tables, landmark).to_pylist()
    return metrics, features


def test_a_metric_and_a_feature_of_one_definition_are_equal_on_random_months(
    june: tuple[dict[str, float], Row],
) -> None:
    metrics, features = june
    assert set(metrics) == set(PAIRS)
    for metric, (column, scale) in PAIRS.items():
        assert metrics[metric] == pytest.approx(scale * float(str(features[column])), rel=1e-9), metric
    assert len({round(float(value), 6) for value in metrics.values()}) > len(PAIRS) - 3  # not all 0 or 1
