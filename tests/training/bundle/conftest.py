"""The bundle made by hand, random rows for it, and their scores."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.training.bundle.by_hand import bundle_by_hand, random_rows
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return bundle_by_hand()


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    return random_rows(200, seed=5)


@pytest.fixture(scope="session")
def scores(bundle: Bundle, rows: pa.Table) -> Scores:
    return bundle.score(rows)
