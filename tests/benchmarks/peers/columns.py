"""The columns that every contender computes: 20 measures over three windows, 60 in all."""

from __future__ import annotations

from dataclasses import replace

from undertow.features.catalogue import usage, ux
from undertow.features.catalogue.cards import Column, Feature
from undertow.features.catalogue.choose import make_catalogue

WINDOWS = (7, 30, 90)
CARDS = (
    "page_views", "errors", "crashes", "feature_use", "logins", "conversions", "tasks_started", "task_failures",
    "error_rate", "task_failure_rate", "task_success_rate", "slow_load_share", "apdex",
    "load_time_median", "load_time_p95", "slowest_load", "active_users", "active_days", "platforms_used",
)  # fmt: skip
LOAD_TIME_MEAN = Feature(
    "load_time_mean", "Mean load time of pages", family="ux", level="interaction", unit="ms",
    measure=ux.page_views.mean("duration_ms"), windows=WINDOWS, null_means="no page was viewed", good="low",
)  # fmt: skip


def cards() -> tuple[Feature, ...]:
    """Return the 20 cards, each with a column per window and no other."""
    named = {card.name: card for card in (*ux.UX, *usage.USAGE, LOAD_TIME_MEAN)}
    plain = {"windows": WINDOWS, "trend": None, "own": None, "peers": None, "change": None}
    return tuple(replace(named[name], **plain) for name in (*CARDS, LOAD_TIME_MEAN.name))


def columns() -> list[Column]:
    """Return the 60 columns."""
    return [column for card in cards() for column in card.columns]


def every_column() -> list[Column]:
    """Return all windowed columns of the catalogue that read no table but events."""
    return [column for column in make_catalogue(["events"]).columns if column.window is not None]
