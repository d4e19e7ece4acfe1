"""Every business metric, computed by hand for March 2024."""

from __future__ import annotations

import pytest

from tests.training.business_metrics.rows import (
    APRIL,
    DAY,
    FREE,
    HOUR,
    MARCH,
    MOVING,
    NOON,
    REOPENED,
    SHOWN,
    SINCE,
    TICKETS,
    MetricsOf,
    World,
    answers,
    events,
    lasting,
    march,
    ticket,
    visits,
    vitals,
)
from undertow.features.tables import TABLES
from undertow.training.business_metrics.metrics import CARDS

TASKS_OF_FEBRUARY = events(40, "task_started", MARCH - HOUR) + events(36, "task_completed") + events(4, "task_failed")
BY_HAND: list[tuple[str, World, float, int]] = [
    ("error_rate", {"events": events(40, "page_view") + events(10, "error")}, 10 / 40, 40),
    ("crash_free_sessions", {"events": visits(40, "page_view") + visits(4, "crash", "crash")}, 36 / 40, 40),
    ("task_success_rate", {"events": events(40, "task_started") + events(30, "task_completed")}, 30 / 40, 40),
    ("task_success_rate", {"events": TASKS_OF_FEBRUARY}, 36 / 40, 40),
    ("time_on_task", {"events": lasting("task_completed", 31) + events(9, "task_failed", duration_ms=1)}, 16, 31),
    ("load_time_p75", {"events": lasting("page_view", 41) + events(9, "click", duration_ms=999)}, 31, 41),
    ("apdex", {"events": events(20, "page_view", duration_ms=2000) + events(10, "page_view", duration_ms=8000)
               + events(10, "page_view", duration_ms=8001) + events(5, "page_view")}, (20 + 10 / 2) / 40, 40),
    ("lcp_p75", {"events": vitals("LCP", (20, 1000), (20, 5000)) + vitals("INP", (40, 1))}, 5000, 40),
    *((f"good_{name.lower()}_share", {"events": vitals(name, (20, good), (10, poor), (10, poor * 1.01))}, 0.5, 40)
      for name, good, poor in (("LCP", 2500, 4000), ("INP", 200, 500), ("CLS", 0.1, 0.25))),
    *((f"poor_{name.lower()}_share", {"events": vitals(name, (20, good), (10, poor), (10, poor * 1.01))}, 0.25, 40)
      for name, good, poor in (("LCP", 2500, 4000), ("INP", 200, 500), ("CLS", 0.1, 0.25))),
    ("inp_p75", {"events": vitals("INP", (40, 120))}, 120, 40),
    ("cls_p75", {"events": vitals("CLS", (40, 0.07))}, 0.07, 40),
    ("page_views_per_visit", {"events": visits(40, "page_view") + visits(20, "page_view", "page_view")
                              + events(9, "page_view")}, 80 / 40, 40),
    ("click_through_rate", {"events": events(40, "impression", **SHOWN) + events(10, "click", **SHOWN)
                            + events(99, "click", name="menu")}, 10 / 40, 40),
    ("conversion_rate", {"events": visits(40, "login") + visits(10, "conversion", "conversion")}, 10 / 40, 40),
    ("paid_conversion", FREE, 5 / 50, 50),
    ("nps", {"surveys": answers("nps", None, 9, 10, 7, 6) + answers("nps", 10, 10, 9, 8, 0)
             + answers("ces", 10, 10)}, 100 * (4 - 2) / 8, 80),
    ("csat", {"surveys": answers("csat", None, 5, 4, 3, 1) + answers("csat", 7, 7, 6, 5, 4)
              + answers("nps", 5, 5)}, 4 / 8, 80),
    ("ticket_csat", {"tickets": [ticket(i, csat=i % 5 + 1, csat_at=NOON) for i in range(40)]}, 16 / 40, 40),
    ("ces", {"surveys": answers("ces", None, 5, 7) + answers("ces", 5, 3, 5) + answers("csat", 5, 5)},
     (5 + 7 + 4 + 7) / 4, 40),
    ("first_response_time", {"tickets": [ticket(i, first_response_at=NOON + (i % 2 + 1) * HOUR) for i in range(40)]},
     1.5, 40),
    ("resolution_time", {"tickets": TICKETS}, 2, 40),
    ("open_ticket_age", {"tickets": [ticket(i, opened_at=APRIL - 2 * DAY) for i in range(30)]
                         + [ticket(i, opened_at=SINCE, resolved_at=NOON) for i in range(9)]
                         + [ticket(i, opened_at=APRIL - 4 * DAY, resolved_at=APRIL) for i in range(40)]}, 4, 70),
    ("reopen_rate", {"tickets": REOPENED}, 4 / 40, 40),
    *((name, {"subscriptions": MOVING}, value, n) for name, value, n in (
        ("mrr", 30 * 100 + 5 * 150 + 3 * 50 + 4 * 70 + 60, 43),
        ("mrr_new", 4 * 70, 4), ("mrr_reactivation", 60, 1), ("mrr_expansion", 5 * 50, 5),
        ("mrr_contraction", 3 * 50, 3), ("mrr_churned", 2 * 100, 2),
        ("arpa", 100, 40),
        ("logo_churn", 2 / 40, 40), ("logo_churn_stripe", 2 / (40 + 4 + 1), 45),
        ("gross_mrr_churn", (200 + 150) / 4000, 40), ("net_mrr_churn", (200 + 150 - 250) / 4000, 40),
        ("grr", (4000 - 200 - 150) / 4000, 40), ("nrr", (4000 + 250 - 200 - 150) / 4000, 40),
        ("clv", sum(0.95 ** (m - 0.5) * 100 * 0.8 * 1.1 ** (-(m - 0.5) / 12) for m in range(1, 13)), 40),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "world", "value", "n"), BY_HAND)
def test_a_number_computed_by_hand(metrics_of: MetricsOf, metric: str, world: World, value: float, n: int) -> None:
    found = march(metrics_of(world, metric), metric)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.n == n


def test_every_metric_is_computed_by_hand() -> None:
    assert {metric for metric, *_ in BY_HAND} == set(CARDS)


def test_every_card_can_be_read() -> None:
    for card in CARDS.values():
        assert card.sentence and card.formula and card.source and card.panel
        assert card.table in TABLES
        assert len(card.sentence) <= 70, card.name
