"""A kept model is read again for the same world, and for that one alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.yardsticks.trained import kept_model, model_of_world, now, predict
from undertow.features.build.feature_table import build_features
from undertow.features.settings import Settings
from undertow.features.simulator import WORLDS
from undertow.features.sources.load import load_tables
from undertow.training.registry.tracking import open_registry


def test_a_kept_model_is_read_and_nothing_is_trained(world: Settings, tmp_path: Path) -> None:
    champion = open_registry(world).champion()
    assert champion is not None
    champion.bundle.save(kept_model(WORLDS["tiny"], 7, tmp_path))
    unused = tmp_path / "unused"
    read = model_of_world(WORLDS["tiny"], 7, unused, lambda *_: None, tmp_path)
    tables = load_tables(world, now())
    rows = build_features(world, tables, [tables.until]).read([tables.until])
    assert read.probability(rows) == pytest.approx(champion.bundle.probability(rows), abs=1e-12)
    assert not unused.exists()


def test_predictions_are_those_that_are_served(world: Settings) -> None:
    champion = open_registry(world).champion()
    assert champion is not None
    tables = load_tables(world, now())
    rows = build_features(world, tables, [tables.until]).read([tables.until])
    predicted, served = predict(champion.bundle, rows), champion.bundle.score(rows, explain=False)
    assert predicted.clv == pytest.approx(served.clv)
    assert predicted.value_at_risk == pytest.approx(served.value_at_risk)
    assert predicted.clv_interval == pytest.approx(np.stack([served.clv_low, served.clv_high]), nan_ok=True)


def test_another_seed_and_another_world_have_a_model_of_their_own(tmp_path: Path) -> None:
    places = {kept_model(WORLDS[name], seed, tmp_path) for name in ("tiny", "demo") for seed in (7, 8)}
    assert len(places) == 4
