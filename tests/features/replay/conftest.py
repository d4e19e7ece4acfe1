"""The small world with two tickets, as files and as built features."""

from __future__ import annotations

import pytest

from tests.features.replay.small_record import AS_OFS, NOW, Project, Row, ticket
from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables


@pytest.fixture
def files(tiny_world: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Four accounts and two tickets, of which one is resolved late."""
    tickets = [ticket("ada", 1, "2024-01-20", "2024-03-05"), ticket("bo", 2, "2024-02-10", "2024-02-12")]
    return {**tiny_world, "tickets.csv": tickets}


@pytest.fixture
def built(project: Project, files: dict[str, list[Row]]) -> tuple[Settings, Tables, FeatureTable]:
    """The small world, and its features."""
    settings = project(files)
    tables = load_tables(settings, NOW)
    return settings, tables, build_features(settings, tables, AS_OFS)
