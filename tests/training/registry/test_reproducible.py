"""The same data, settings, seed and code give the same bundle, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trained_world import train_small
from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle, with_content_version
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.model_card import FILE as CARD


def bundle_files(project: Settings) -> dict[str, bytes]:
    """Return the content of the files of the served and of the judged model: bundle/..., judged/..."""
    folders = [listed.parent for listed in project.store_path("mlartifacts").rglob("bundle.json")]
    return {f"{folder.name}/{path.name}": path.read_bytes() for folder in folders for path in folder.iterdir()}


@pytest.fixture(scope="module")
def again(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, TrainReport]:
    """Another project with the same tables, trained in a store of its own."""
    np.random.seed(1)  # nothing may depend on the global generator
    return train_small(tmp_path_factory.mktemp("again"), simulated)


def test_two_trainings_give_the_same_bundle_byte_by_byte(
    world: Settings, report: TrainReport, again: tuple[Settings, TrainReport]
) -> None:
    first, second = bundle_files(world), bundle_files(again[0])
    assert {"bundle/bundle.json", "judged/bundle.json"} <= first.keys()
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()
    assert (report.version, report.run_id != again[1].run_id) == (again[1].version, True)


def test_two_trainings_give_the_same_model_card(
    world: Settings, report: TrainReport, again: tuple[Settings, TrainReport]
) -> None:
    cards = [
        settings.store_path("mlartifacts", one.run_id, "artifacts", CARD).read_text(encoding="utf-8")
        for settings, one in ((world, report), again)
    ]
    assert cards[0] == cards[1]


def test_the_version_names_the_content_and_not_itself(bundle: Bundle) -> None:
    assert with_content_version(replace(bundle, version="other")).version == bundle.version
    assert with_content_version(replace(bundle, headline=30)).version != bundle.version
