"""Values carried to one form when they are loaded, so that features and business metrics read the same numbers.

Scores are answers on a scale: NPS from 0 to 10, CSAT from 1 to `scale_max` (5 unless stated), CES from 1 to `scale_max`
(7 unless stated), the rating of a ticket from 1 to `csat_scale` (5 unless stated). A scale of 10 and more begins at 0,
and so does a scale of 1, which is good (1) or bad (0). A negative score, and 0 on a scale that begins at 1, means "not
answered". A score above its scale is refused, and so are an NPS on another scale and a negative web vital.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import literal
from undertow.features.tables import PAYMENT_KINDS

USUAL = {"nps": 10, "csat": 5, "ces": 7}  # the highest score where none is stated
BOXES = (3, 10)  # the scales on which the two best boxes are counted; others are carried to 1 to 5
DISPUTES = ("dispute", "disputed", "charge_back")


def replacements(table: str, given: dict[str, str], rated_0_or_1: bool) -> dict[str, str]:
    """Return column -> SQL of its value in one form, over the cast columns of a table."""
    if table == "events":
        return {"name": "CASE WHEN kind = 'web_vital' THEN upper(name) ELSE name END"} if "name" in given else {}
    if table == "surveys":
        return _survey(rated_0_or_1)
    if table == "tickets" and "csat" in given:
        return _ticket(rated_0_or_1)
    return {"kind": PAYMENT_KIND} if table == "payments" else {}


def problems(table: str, given: dict[str, str], rated_0_or_1: bool) -> list[tuple[str, str]]:
    """Return (condition, reason to quarantine) of impossible values, over the cast columns of a table."""
    if table == "events" and "value" in given:
        return [("kind = 'web_vital' AND value < 0", "value of a web vital is below 0")]
    if table == "surveys" and "score" in given:
        scale = _survey_scale(rated_0_or_1)
        return [
            ("score IS NOT NULL AND scale_max <= 0", "scale_max is not above 0"),
            (f"kind = 'nps' AND score IS NOT NULL AND {scale} <> 10", "nps is not on a scale of 0 to 10"),
            (f"score > {scale}", "score is above its scale (scale_max; unless stated 10 for nps, 5 csat, 7 ces)"),
            (f"score > 0 AND score < {_lowest(scale, survey=True)}", "score is below its scale"),
        ]
    if table == "tickets" and "csat" in given:
        scale = _ticket_scale(rated_0_or_1)
        return [
            ("csat IS NOT NULL AND csat_scale <= 0", "csat_scale is not above 0"),
            (f"csat > {scale}", "csat is above its scale (csat_scale; 5 unless stated)"),
            (f"csat > 0 AND csat < {_lowest(scale)}", "csat is below its scale"),
        ]
    return []


def _survey(rated_0_or_1: bool) -> dict[str, str]:
    scale = _survey_scale(rated_0_or_1)
    lowest = _lowest(scale, survey=True)
    is_open = f"(score < 0 OR (score = 0 AND {lowest} = 1)) AND {scale} IS NOT NULL"
    fewest, most = BOXES
    is_carried = f"kind = 'csat' AND ({scale} < {fewest} OR {scale} > {most})"
    csat, ces = _carried("score", scale, lowest, 5), _carried("score", scale, lowest, 7)
    return {
        "responded_at": f"CASE WHEN {is_open} THEN NULL ELSE responded_at END",
        "score": f"CASE WHEN {is_open} THEN NULL WHEN {is_carried} THEN {csat} ELSE score END",
        "scale_max": f"CASE WHEN {is_carried} THEN 5.0 ELSE scale_max END",
        "scaled": f"CASE WHEN {is_open} THEN NULL WHEN kind = 'nps' THEN score WHEN kind = 'csat' THEN {csat} "
        f"WHEN kind = 'ces' THEN {ces} END",
    }


def _ticket(rated_0_or_1: bool) -> dict[str, str]:
    scale = _ticket_scale(rated_0_or_1)
    lowest = _lowest(scale)
    is_open = f"csat < 0 OR (csat = 0 AND {lowest} = 1)"
    return {
        "csat": f"CASE WHEN {is_open} THEN NULL WHEN {scale} = 5 THEN csat "
        f"ELSE {_carried('csat', scale, lowest, 5)} END",
        "csat_at": f"CASE WHEN {is_open} THEN NULL ELSE csat_at END",
    }


def _survey_scale(rated_0_or_1: bool) -> str:
    usual = USUAL | ({"csat": 1} if rated_0_or_1 else {})
    whens = " ".join(f"WHEN {literal(kind)} THEN {scale}.0" for kind, scale in usual.items())
    return f"(CASE WHEN kind IN ('nps', 'csat', 'ces') THEN coalesce(scale_max, CASE kind {whens} END) END)"


def _ticket_scale(rated_0_or_1: bool) -> str:
    return f"coalesce(csat_scale, {1 if rated_0_or_1 else 5}.0)"


def _lowest(scale: str, survey: bool = False) -> str:
    nps = "kind = 'nps' OR " if survey else ""
    return f"(CASE WHEN {nps}{scale} <= 1 OR {scale} >= 10 THEN 0.0 ELSE 1.0 END)"


def _carried(score: str, scale: str, lowest: str, to: int) -> str:
    """Return a score carried from its scale to 1 to `to`."""
    return f"1 + {to - 1} * ({score} - {lowest}) / nullif({scale} - {lowest}, 0)"


PAYMENT_KIND = f"""CASE WHEN kind IN ({", ".join(literal(kind) for kind in PAYMENT_KINDS[1:])}) THEN kind
    WHEN kind IN ({", ".join(literal(kind) for kind in DISPUTES)}) THEN 'chargeback'
    WHEN amount < 0 THEN 'refund' WHEN amount = 0 THEN 'zero' ELSE 'attempt' END"""
