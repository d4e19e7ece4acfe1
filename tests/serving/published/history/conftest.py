"""A project with two lists, of December and January, between which an account left and another came."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving.client import Client
from tests.serving.lists_by_hand import publish_two
from undertow.features.settings import FILE_NAME
from undertow.serving.api.app import make_app
from undertow.training.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def two_lists(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Path:
    """The project's folder; to be read only."""
    folder = tmp_path_factory.mktemp("two")
    (folder / FILE_NAME).write_text('name = "two"\n', encoding="utf-8")
    publish_two(folder / "store", bundle)
    return folder


@pytest.fixture(scope="module")
def compared(two_lists: Path) -> Client:
    """A client of the service over it."""
    return Client(make_app(two_lists / "store"))
