from __future__ import annotations

import pytest

from tests.training.bundle.by_hand import bundle_by_hand
from undertow.training.bundle.bundle import Bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle trained by hand."""
    return bundle_by_hand()
