"""The model page: results beside baselines, backtests, freshness, and a model card whose text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.serving.client import Client
from tests.serving.pages.reading import words
from undertow.serving.pages import with_ages
from undertow.serving.pages.model.model_page import METRICS, model_page, rows_of, sections_of
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.scores import PublishedScores

CARD = """# Model card

## Definition of churn
- MRR falls to 0 for <script>alert(1)</script>

## Limits
- No causes. [here](javascript:alert(1))

## Features
| Column | Family |
| --- | --- |
| errors_30 | ux |
"""


def metrics(prefix: str = "", horizon: int = 90, value: float = 0.7) -> dict[str, float | None]:
    return {f"{prefix}{metric.name}_{horizon}{end}": value + change
            for metric in METRICS for end, change in (("", 0.0), ("_low", -0.1), ("_high", 0.1))}  # fmt: skip


@pytest.fixture
def published(store: Any) -> PublishedScores:
    return ScoresReader(store).latest()


def page(published: PublishedScores, model: dict[str, Any] | None = None, **manifest: Any) -> str:
    shown = replace(published, model=published.model | (model or {}), manifest=published.manifest | manifest)
    return model_page(shown)


def test_ours_stands_first_and_beside_the_baselines_that_were_judged() -> None:
    given = metrics() | metrics("base_rate.", value=0.5) | metrics("logistic_regression.") | metrics(horizon=30)
    assert [(row.model, row.horizon) for row in rows_of(given, [30, 90, 180])] == [
        ("undertow hazard", 30), ("undertow hazard", 90), ("base rate", 90), ("logistic regression", 90),
    ]  # fmt: skip
    ours = rows_of(given, [90])[0].estimates[0]
    assert ours is not None and (ours.value, ours.interval) == ("0.700", "0.600 to 0.800")
    assert (round(ours.low), round(ours.high)) == (60, 80)


def test_what_cannot_be_computed_is_not_judged_and_nothing_is_made_up(published: PublishedScores) -> None:
    given = metrics() | {"lift_90": None}
    assert rows_of(given, [90])[0].estimates[-1] is None
    assert "not judged" in words(page(published, {"metrics": given}))
    assert "Not enough data: nothing could be held out and judged" in words(page(published, {"metrics": {}}))


def test_the_newest_backtest_is_shown_by_its_moments_or_said_to_be_missing(published: PublishedScores) -> None:
    assert "None was run before this list was published. undertow backtest" in words(page(published))
    estimates = {"auroc": {"value": 0.71, "low": 0.6, "high": None}, "lift": {"value": 2, "low": 1, "high": 3}}
    result = {"model": "undertow hazard", "horizon": 90, "rows": 10, "churners": 2, "metrics": estimates}
    moment = {"as_of": "2024-10-01", "learned": 1200, "churners": 80, "results": [result]}  # fmt: skip
    said = words(page(published, {"backtest": {"at": "now", "moments": [moment], "pooled": [result]}}))
    assert "1 Oct 2024: learned from 1,200 snapshots, 80 left" in said and "2.000 1.000 to 3.000" in said


def test_text_of_a_model_card_is_no_markup_and_its_tables_are_tables() -> None:
    sections = sections_of(CARD)
    assert list(sections) == ["Definition of churn", "Limits", "Features"]
    assert "<script" not in sections["Definition of churn"] and "&lt;script&gt;" in sections["Definition of churn"]
    assert "<a " not in sections["Limits"]
    assert "<td>errors_30</td>" in sections["Features"]


def test_definitions_and_limits_stand_open_and_the_rest_can_be_opened(published: PublishedScores) -> None:
    html = page(published, {"model_card": CARD})
    open_text = re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)
    assert "MRR falls to 0" in open_text and "No causes." in open_text
    assert "errors_30" in html and "errors_30" not in open_text


def test_tables_say_what_was_read_refused_and_how_new_it_is(published: PublishedScores) -> None:
    sources = {"events": {"read": 1200, "refused": 30, "newest": "2025-01-30"},
               "tickets": {"read": 10, "refused": 0, "newest": None}}  # fmt: skip
    said = words(page(published, sources=sources))
    assert "events 1,200 30 30 Jan 2025" in said and "tickets 10 0 –" in said
    assert "30 rows refused of 1,210" in said
    assert "This list does not say" in words(page(published))


def test_every_page_says_how_old_its_list_is(client: Client) -> None:
    days = (date.today() - date(2025, 1, 31)).days
    for url in ("/", "/accounts/A-00042", "/drivers", "/journeys", "/personas", "/model"):
        assert f"As of 31 Jan 2025 ({days:,} days ago)" in words(client.get(url).text)


@pytest.mark.parametrize(("today", "said"), [
    (date(2025, 1, 31), "today"), (date(2025, 2, 1), "1 day ago"), (date(2029, 1, 31), "1,461 days ago"),
    (date(2025, 1, 30), "ahead"),
])  # fmt: skip
def test_ages_are_laid_in_when_a_page_is_sent(today: date, said: str) -> None:
    assert with_ages(b"a<!-- age of 2025-01-31 -->b", today) == f"a ({said})b".encode()
    assert with_ages(b"nothing to say", today) == b"nothing to say"


def test_the_model_page_is_linked_and_answers(client: Client) -> None:
    assert 'href="./model"' in client.get("/").text
    assert client.get("/model").status_code == 200
    assert client.get("/model?x=1").status_code == 422
