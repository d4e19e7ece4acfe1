"""`undertow models` as it is typed, on a trained project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from tests.trained_world import NOW
from undertow.features.settings import FILE_NAME, Settings
from undertow.serving.jobs.score import score
from undertow.training.evaluation.gate import Verdict
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import register_judged


@pytest.fixture
def two(copied: Settings) -> str:
    """The folder of a project with two versions: the first is champion, the second is not."""
    registry = open_registry(copied)
    champion = registry.champion()
    assert champion is not None
    with registry.start_run():
        other = replace(champion.bundle, version="0ther")
        register_judged(registry, other, lambda: Verdict(False, "The champion stays: [b] no better. It is tiny."), NOW)
    return str(copied.folder)


def test_the_list_names_versions_aliases_results_and_verdicts(two: str) -> None:
    shown = undertow("models", "list", "--project", two).stdout
    assert "2  challenger" in shown and "1  champion" in shown
    assert "is the champion." in shown and "[b] no" in shown
    assert "2 versions of demo." in shown


def test_the_list_as_json_says_the_same_newest_first(two: str) -> None:
    found = json_of("models", "list", "--project", two, "--json")
    assert [(each["version"], each["aliases"]) for each in found] == [(2, ["challenger"]), (1, ["champion"])]
    assert 0 < found[1]["metrics"]["auroc_90"] < 1
    assert found[1]["trained_until"] == "2024-07-01"


def test_show_prints_the_champion_its_history_and_its_card(two: str) -> None:
    shown = undertow("models", "show", "--project", two).stdout
    assert shown.startswith("Version 1 (champion) of demo, bundle ")
    assert "2024-07-02 04:00:00 UTC: version 1 by training. It is the first model" in shown
    assert "# Model card: demo, bundle " in shown and "## Definition of churn" in shown


def test_show_of_a_version_without_a_card_says_so(two: str) -> None:
    shown = undertow("models", "show", "challenger", "--project", two).stdout
    assert "Verdict: The champion stays: [b] no better. It is tiny." in shown
    assert "No model card" in shown


def test_show_as_json_has_the_card_and_the_history(two: str) -> None:
    found = json_of("models", "show", "1", "--project", two, "--json")
    assert found["model_card"].startswith("# Model card")
    assert [move["how"] for move in found["history"]] == ["training"]
    assert found["tags"]["code_version"]


def test_scores_come_from_the_promoted_version_and_after_a_rollback_from_the_one_before(
    two: str, copied: Settings
) -> None:
    promoted = undertow("models", "promote", "2", "--reason", "agreed with [sales]", "--project", two)
    assert promoted.exit_code == 0
    assert "Version 2 is now the champion of demo (before: version 1)." in promoted.stdout
    assert "Reason recorded: agreed with [sales]" in promoted.stdout
    assert score(copied, NOW).model_version == "demo v2 (0ther)"
    rolled_back = undertow("models", "rollback", "--reason", "totals too high", "--project", two)
    assert "Version 1 is now the champion of demo (before: version 2)." in rolled_back.stdout
    assert score(copied, NOW).model_version.startswith("demo v1 (")
    history = undertow("models", "show", "--project", two).stdout
    assert "version 2 by promote, before: version 1. agreed with [sales]" in history
    assert "version 1 by rollback, before: version 2. totals too high" in history


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "7", "--reason", "x"), "There is no version '7' of the model; the newest are 2 = challenger"),
        (("promote", "1", "--reason", "x"), "Version 1 is the champion already"),
        (("promote", "2", "--reason", " "), "A reason is expected"),
        (("rollback", "--reason", "x"), "There is nothing to roll back to"),
        (("show", "newest"), "There is no version 'newest'"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_says_what_to_do(two: str, words: tuple[str, ...], said: str) -> None:
    result = undertow("models", *words, "--project", two)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize("words", [("promote", "2"), ("rollback",), ("promote", "--reason", "x")])
def test_without_a_reason_or_a_version_the_use_is_wrong(two: str, words: tuple[str, ...]) -> None:
    assert undertow("models", *words, "--project", two).exit_code == 2


def test_before_the_first_training_the_list_is_empty_and_all_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    project = ("--project", str(tmp_path))
    assert undertow("models", "list", *project).stdout == "No model is registered yet. Next: undertow train\n"
    assert json_of("models", "list", "--json", *project) == []
    for words in (("show",), ("promote", "1", "--reason", "x"), ("rollback", "--reason", "x")):
        refused = undertow("models", *words, *project)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "No model is registered yet. Run `undertow train` first." in refused.stderr
