"""A simulated company, and its files in each vendor's own form, written once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.features.connectors.company.company import Company, simulate_company
from tests.features.connectors.round_trip import NOW, Loaded, make_project
from undertow.features.settings import load_settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables

Written = Callable[..., Path]


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return simulate_company(tmp_path_factory.mktemp("canonical"), accounts=60)


@pytest.fixture(scope="session")
def written(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return a function that writes a vendor's files, once."""
    folders: dict[object, Path] = {}

    def write(vendor: Any, **options: object) -> Path:
        key = (vendor.__name__, *sorted(options.items()))
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp(vendor.__name__.rsplit(".", 1)[-1])
            vendor.write(company, folders[key], **options)
        return folders[key]

    return write


@pytest.fixture(scope="session")
def loaded(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Return a function that makes a project of the company's files in vendors' forms, and reads its tables, once.

    A vendor is its module, or the module and the options of its `write`. `answers`: those that are not guessed.
    `without`: files that are removed first.
    """
    known: dict[object, Tables] = {}

    def load(
        *vendors: ModuleType | tuple[ModuleType, dict[str, object]], without: Sequence[str] = (), **answers: str
    ) -> Tables:
        key = repr((vendors, without, answers))
        if key not in known:
            folder = tmp_path_factory.mktemp("export")
            for vendor in vendors:
                module, options = vendor if isinstance(vendor, tuple) else (vendor, {})
                shutil.copytree(written(module, **options), folder / module.__name__.rpartition(".")[2])
            for name in without:
                [path] = folder.rglob(name)
                path.unlink()
            known[key] = read_tables(load_settings(make_project(folder, answers)), NOW)
        return known[key]

    return load
