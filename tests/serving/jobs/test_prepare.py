"""What scoring starts with: without a champion, or with one whose features have changed, it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.jobs.score import score
from undertow.training.evaluation.gate import first_champion
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import register_judged


def test_before_the_first_training_there_is_nothing_to_score_with(world: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelRefusal, match=r"no model to score with yet\. Run `undertow train` first"):
        score(world.model_copy(update={"store": tmp_path / "store"}), NOW)


def test_a_source_that_is_gone_since_training_is_refused_with_what_to_do(copied: Settings) -> None:
    path = copied.folder / FILE_NAME
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("tickets")), encoding="utf-8")
    with pytest.raises(ModelRefusal, match=r"tickets.* `undertow train`"):
        score(load_settings(copied.folder), NOW)


def test_a_feature_defined_otherwise_since_training_is_refused(copied: Settings) -> None:
    champion = open_registry(copied).champion()
    assert champion is not None
    first, *others = champion.bundle.columns
    older = replace(champion.bundle, columns=(replace(first, definition_id="older"), *others))
    with open_registry(copied).start_run():
        register_judged(open_registry(copied), older, first_champion, NOW)
    with pytest.raises(ModelRefusal, match=f"{first.card}.* `undertow train`"):
        score(copied, NOW)
