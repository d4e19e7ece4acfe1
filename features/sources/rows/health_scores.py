"""What a health score may be: a number, or a word of an order; all scores of a project are of one kind."""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, literal, rows
from undertow.features.settings import HealthScores
from undertow.features.tables import SCORE_COLOURS


def words_of_scores(connection: Connection, scores: HealthScores, text: str) -> tuple[str, ...]:
    """Return the words that scores may be, the worst first; none where they are numbers.

    `text`: SQL of the score in `staged`. Without an order they are words where more of them are colours than numbers.
    """
    if scores.are_words:
        return scores.words
    colours, numbers = f"lower({text}) IN ({_listed(SCORE_COLOURS)})", f"TRY_CAST({text} AS DOUBLE)"
    sql = f"SELECT count_if({colours}) > count({numbers}) AS are_words FROM staged"
    [found] = rows(connection, sql, "table scores")
    return SCORE_COLOURS if found["are_words"] else ()


def score_problem(words: tuple[str, ...]) -> tuple[str, str]:
    """Return (condition, reason to quarantine) of a score that is not of the project's kind.

    >>> score_problem(("red", "green"))
    ("score NOT IN ('red', 'green')", 'score is not one of red, green ([scores] order)')
    """
    if words:
        return f"score NOT IN ({_listed(words)})", f"score is not one of {', '.join(words)} ([scores] order)"
    return (
        "score IS NOT NULL AND NOT coalesce(isfinite(TRY_CAST(score AS DOUBLE)), false)",
        'score is not a number (words need their order, the worst first: [scores] order = ["at risk", "fine"])',
    )


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(literal(word) for word in words)
