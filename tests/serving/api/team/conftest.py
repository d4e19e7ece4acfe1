"""An app without keys and one with keys, each with a database of statuses of its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.serving.api.guarded import Guarded, guard
from tests.serving.client import Client
from undertow.serving.api.app import make_app
from undertow.serving.api.guard import Rules

Put = Callable[..., httpx.Response]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "team.db"


@pytest.fixture
def team(store: Path, file: Path) -> Client:
    """A client of an open app."""
    return Client(make_app(store, team=str(file)))


@pytest.fixture
def put(team: Client) -> Put:
    """Return a function that puts JSON to the open app."""

    def put_json(url: str, **said: object) -> httpx.Response:
        return asyncio.run(team.send("PUT", url, json=said))

    return put_json


@pytest.fixture
def guarded(store: Path, tmp_path: Path, file: Path) -> Guarded:
    """An app with a key of each role."""
    shutil.copytree(store, tmp_path / "store")
    rules = Rules(open_without_keys=False, audit_log=tmp_path / "audit.log")
    return guard(tmp_path / "store", rules, str(file))
