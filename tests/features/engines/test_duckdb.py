"""The DuckDB engine: its limits, and its errors in the words of who asked."""

from __future__ import annotations

import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, NOW, Project
from undertow.features.errors import SettingsError
from undertow.features.sources.load import load_tables


def test_a_memory_limit_that_is_none_is_a_settings_error(project: Project) -> None:
    with pytest.raises(SettingsError, match="memory_limit"):
        load_tables(project({"accounts.csv": ACCOUNTS}, "[engine]\nmemory_limit = 'lots'"), NOW)
