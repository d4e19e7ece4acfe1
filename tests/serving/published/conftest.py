"""The published run as its reader returns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.scores import PublishedScores


@pytest.fixture
def published(store: Path) -> PublishedScores:
    return ScoresReader(store).latest()
