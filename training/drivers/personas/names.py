"""Names of personas in plain words, made from the measures in which a group differs most from the median account."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from undertow.features.catalogue.cards import Column

DIFFERS = 0.4  # standard deviations from the median; less is no part of a name
MOST_PARTS = 4
LIKE_MOST = "Near the median in everything"
# card: what it is about (one part of a name each), and the words for low and for high values
WORDS: dict[str, tuple[str, str, str]] = {
    "error_share_usual": ("errors", "few errors", "many errors"),
    "load_time_usual": ("speed", "fast pages", "slow pages"),
    "task_failures_usual": ("tasks", "few failed tasks", "many failed tasks"),
    "tickets_open": ("open tickets", "few open tickets", "many open tickets"),
    "oldest_open_ticket": ("open tickets", "recently opened tickets", "tickets open for long"),
    "reopened_tickets": ("reopened", "few reopened tickets", "many reopened tickets"),
    "nps_latest": ("answers", "low survey answers", "high survey answers"),
    "voice_lately": ("answers", "low survey answers", "high survey answers"),
    "voice": ("answers", "low survey answers", "high survey answers"),
    "ticket_voice": ("ratings", "low ticket ratings", "high ticket ratings"),
    "ticket_pace_usual": ("tickets", "few tickets", "many tickets"),
    "resolution_hours_usual": ("resolution", "tickets solved fast", "tickets solved slowly"),
    "resolution_hours_lately": ("resolution", "tickets solved fast", "tickets solved slowly"),
    "first_response_hours_usual": ("first answers", "fast first answers", "slow first answers"),
    "visits": ("visits", "few visits", "many visits"),
    "visit_pace": ("visits", "few visits", "many visits"),
    "page_views": ("visits", "few visits", "many visits"),
    "active_days": ("visits", "few visits", "many visits"),
    "seats_active_share": ("seats", "few seats in use", "many seats in use"),
    "visit_pace_per_seat": ("seats", "few visits per seat", "many visits per seat"),
    "champion_share": ("people", "use spread over people", "one person does most"),
    "champion_quiet_days": ("last use", "active lately", "quiet lately"),
    "days_since_last_activity": ("last use", "active lately", "quiet lately"),
    "features_used": ("features", "few features used", "many features used"),
    "pages_per_visit_usual": ("length", "short visits", "long visits"),
    "pages_per_visit_lately": ("length", "short visits", "long visits"),
    "features_per_visit_usual": ("depth", "few features per visit", "many features per visit"),
    "features_per_visit_lately": ("depth", "few features per visit", "many features per visit"),
    "conversions_per_visit": ("conversions", "few conversions", "many conversions"),
    "days_since_purchase": ("last purchase", "bought lately", "long since the last purchase"),
    "purchase_days": ("purchases", "few purchases", "many purchases"),
    "purchase_pace_usual": ("purchases", "few purchases", "many purchases"),
    "purchase_gap": ("gaps", "short gaps between purchases", "long gaps between purchases"),
    "answer_pace": ("surveys", "few surveys answered", "many surveys answered"),
}


def persona_names(measures: Sequence[Column], centres: np.ndarray) -> list[str]:
    """Return a name per group, all different: "Few visits, slow pages".

    `centres`: (k, p), mean standard deviations from the median account. Two parts, or more where two groups would have
    one name.
    """
    ranked = [_parts(measures, centre) for centre in centres]
    for most in range(2, MOST_PARTS + 1):
        names = [_joined(parts[:most]) for parts in ranked]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
            for place, name in enumerate(names)]  # fmt: skip


def _joined(parts: list[str]) -> str:
    text = ", ".join(parts) or LIKE_MOST
    return text[:1].upper() + text[1:]


def _parts(measures: Sequence[Column], centre: np.ndarray) -> list[str]:
    """Return the parts of a name, that of the largest difference first; one for each thing that they are about."""
    parts: dict[str, str] = {}
    for place in np.argsort(-np.abs(centre), kind="stable"):
        if abs(centre[place]) >= DIFFERS:
            about, low, high = _words(measures[place])
            parts.setdefault(about, high if centre[place] > 0 else low)
    return list(parts.values())


def _words(column: Column) -> tuple[str, str, str]:
    """Return what a measure is about and its words; those of a project's own feature come from its sentence."""
    card = column.feature
    about = card.sentence.split(":")[0].split(",")[0]
    about = about[:1].lower() + about[1:]
    return WORDS.get(card.name, (card.name, f"low in {about}", f"high in {about}"))
