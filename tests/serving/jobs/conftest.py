"""The trained project, scored once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.trained_world import NOW
from undertow.features.settings import Settings, load_settings
from undertow.serving.jobs.score import ScoreReport, score
from undertow.training.evaluation.report import TrainReport


@pytest.fixture(scope="session")
def scored(trained: tuple[Settings, TrainReport], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the trained project, in which the accounts are scored once; to be read only."""
    folder = tmp_path_factory.mktemp("scored") / "world"
    shutil.copytree(trained[0].folder, folder)
    return load_settings(folder)


@pytest.fixture(scope="session")
def report(scored: Settings) -> ScoreReport:
    """What scoring reported."""
    return score(scored, NOW)


@pytest.fixture(scope="session")
def table(report: ScoreReport) -> pa.Table:
    """The published list."""
    return pq.read_table(report.folder / "scores.parquet")


@pytest.fixture
def copied(scored: Settings, report: ScoreReport, tmp_path: Path) -> Settings:
    """A copy of the scored project that a test may change."""
    shutil.copytree(scored.folder, tmp_path / "world")
    return load_settings(tmp_path / "world")
