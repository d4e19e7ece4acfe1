"""A simulated company, and its files in each vendor's own form, written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.features.connectors.company.company import Company, simulate_company

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
