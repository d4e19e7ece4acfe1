"""Features computed for a few accounts at a time are those computed for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.build import account_ranges
from undertow.features.build.account_ranges import ROWS_PER_GB, ranges_needed, write_by_range
from undertow.features.build.feature_table import build_features
from undertow.features.catalogue.choose import Catalogue, make_catalogue
from undertow.features.compiler.plan import plan_features
from undertow.features.connectors import write_project
from undertow.features.engines.database import Database, open_database
from undertow.features.settings import Settings, load_settings
from undertow.features.snapshots.population import open_tables, own_profile, take_population
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 7, 2, 4)
AS_OFS = [datetime(2024, month, 1) for month in (3, 5, 6)]
WHOLE_RECORD: dict[str, datetime | None] = {}


@pytest.fixture(scope="module")
def loaded(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Tables]:
    """A project of the simulated business of 300 accounts, and its loaded tables."""
    folder = tmp_path_factory.mktemp("ranges")
    write_project("demo", simulated, folder)
    settings = load_settings(folder)
    return settings, load_tables(settings, NOW)


@pytest.fixture
def database(loaded: tuple[Settings, Tables]) -> Iterator[Database]:
    with open_database(loaded[0]) as opened:
        open_tables(opened, loaded[1])
        take_population(opened, AS_OFS)
        yield opened


@pytest.fixture(scope="module")
def catalogue(loaded: tuple[Settings, Tables]) -> Catalogue:
    return make_catalogue(loaded[1].present, own_profile(loaded[1]))


def by_range(database: Database, tables: Tables, catalogue: Catalogue, number: int, folder: Path) -> pa.Table:
    """Return what `write_by_range` wrote for all as_ofs, in the order of as_of and account_id."""
    plan = plan_features(catalogue.columns, AS_OFS)
    write_by_range(database, plan, lambda query: query, tables, WHOLE_RECORD, AS_OFS, number, folder)
    assert sorted(path.name for path in folder.glob("as_of=*")) == [f"as_of={as_of:%Y-%m-%d}" for as_of in AS_OFS]
    assert not list(folder.glob("range-*/as_of=*"))
    return pa.concat_tables(
        pq.read_table(path, partitioning=None).sort_by("account_id") for path in sorted(folder.glob("as_of=*"))
    )


@pytest.mark.parametrize("number", [2, 7])
def test_ranges_of_accounts_have_the_values_of_one_query(
    loaded: tuple[Settings, Tables], database: Database, catalogue: Catalogue, number: int, tmp_path: Path
) -> None:
    """Rates of all accounts and medians of peers included."""
    query = plan_features(catalogue.columns, AS_OFS).prepare(database)
    at_once = database.arrow(f"{query} ORDER BY as_of, account_id", "test").drop_columns(["as_of"])
    found = by_range(database, loaded[1], catalogue, number, tmp_path / "written")
    assert found.schema == at_once.schema and found.num_rows == at_once.num_rows > 500
    differing = [name for name in found.column_names if not _same(found[name], at_once[name])]
    assert not differing


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Return whether values are equal but for the order in which numbers were added."""
    if pa.types.is_string(one.type):
        return bool(one.equals(other))
    pair = [values.to_numpy(zero_copy_only=False).astype(float) for values in (one, other)]
    return bool(np.allclose(*pair, rtol=1e-9, atol=1e-9, equal_nan=True))


def test_what_is_common_to_all_accounts_is_computed_before_the_ranges(catalogue: Catalogue) -> None:
    plan = plan_features(catalogue.columns, AS_OFS)
    common = {step.name for step in plan.steps if step.of_all}
    assert "events_occurred_at_exposure_platform_name_rates" in common
    assert not [step.name for step in plan.steps if step.of_all and "account_id" in _selected(step.sql)]


def _selected(sql: str) -> str:
    """Return what a query selects: its text up to the first FROM."""
    return sql.partition(" FROM ")[0]


def test_the_number_of_ranges_follows_from_rows_and_memory(loaded: tuple[Settings, Tables]) -> None:
    settings, tables = loaded
    rows = sum(report.kept for report in tables.reports)
    for memory, expected in (("2GiB", 1), (f"{round(rows / 2.5 / ROWS_PER_GB * 1024**2)}KiB", 3)):
        limits = settings.model_copy(update={"engine": settings.engine.model_copy(update={"memory_limit": memory})})
        with open_database(limits) as opened:
            assert ranges_needed(opened, tables, WHOLE_RECORD, tables.until) == expected


def test_a_build_in_ranges_publishes_every_as_of_and_leaves_nothing_else(
    loaded: tuple[Settings, Tables], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_ranges, "ROWS_PER_GB", 10_000)  # 2 GB carry every row of so small a world
    built = build_features(*loaded, AS_OFS)
    assert sorted(path.name for path in built.folder.iterdir()) == [built.path(as_of).name for as_of in AS_OFS]
    assert built.read().num_rows > 500
