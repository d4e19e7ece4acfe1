"""Every command that prints numbers says what was refused, in every format; the list and its page carry it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import Result

from tests.serving.cli.typed import json_of, undertow
from undertow.serving.pages import at_risk
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.reader import ScoresReader

REFUSED = "Refused: "  # the simulated company has rows that break their contract


@pytest.mark.parametrize(
    "words",
    [("features",), ("metrics", "--metric", "mrr"), ("score",), ("score", "--bulk"), ("at-risk",), ("drivers",),
     ("audit",)],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_prints_numbers_says_what_was_refused(demo: tuple[str, Result], words: tuple[str, ...]) -> None:
    assert REFUSED in " ".join(undertow(*words, "--project", demo[0]).stdout.split())


def test_checking_training_and_the_demo_say_it(demo: tuple[str, Result]) -> None:
    assert demo[1].stdout.count(REFUSED) == 5  # check, train, score, at-risk, drivers


@pytest.mark.parametrize(
    "words",
    [("at-risk", "--format", "csv"), ("at-risk", "--format", "json"), ("metrics", "--format", "csv"),
     ("drivers", "--json"), ("features", "--json")],
    ids=" ".join,
)  # fmt: skip
def test_beside_data_for_programs_it_goes_to_standard_error(demo: tuple[str, Result], words: tuple[str, ...]) -> None:
    result = undertow(*words, "--project", demo[0])
    assert REFUSED in " ".join(result.stderr.split()) and REFUSED not in result.stdout


def test_reports_as_json_hold_it(demo: tuple[str, Result]) -> None:
    assert json_of("check", "--json", "--project", demo[0])["warnings"][0].startswith(REFUSED)
    assert json_of("score", "--json", "--project", demo[0])["notes"][0].startswith(REFUSED)
    assert json_of("metrics", "--format", "json", "--project", demo[0])["notes"][0].startswith(REFUSED)


def test_the_published_list_and_its_page_carry_it(demo: tuple[str, Result]) -> None:
    published = ScoresReader(Path(demo[0]) / "store").latest()
    assert json.loads(json.dumps(published.manifest))["warnings"][0].startswith(REFUSED)
    assert REFUSED in at_risk(published, AtRiskQuery(), published.select(AtRiskQuery()))
