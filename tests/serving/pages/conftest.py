"""A list as releases published it before there were journeys, personas and drivers by month."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.serving.client import Client
from undertow.features.publishing.versions import publish
from undertow.serving.api.app import make_app
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.run_files import DESCRIBED, DRIVERS, FEATURES, MODEL, read_table, write_run
from undertow.training.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def older(
    tmp_path_factory: pytest.TempPathFactory, store: Path, bundle: Bundle, make_client: Callable[[Starlette], Client]
) -> Client:
    """A client of such a list."""
    one, folder = ScoresReader(store).latest(), tmp_path_factory.mktemp("older")
    said = {DRIVERS: one.drivers, DESCRIBED: one.described, MODEL: one.model}

    def write(run: Path) -> None:
        write_run(run, one.table, read_table(one.folder, FEATURES), said, one.manifest, bundle)

    publish(folder / "scores", "run-0", write)
    return make_client(make_app(folder))
