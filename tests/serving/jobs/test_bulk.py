"""Probabilities by the million: the registered model on Spark says what the bundle says here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.jobs.bulk import score_in_bulk
from undertow.training.bundle.bundle import Bundle
from undertow.training.registry.tracking import open_registry

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark's own, of pandas 3 and of its sockets


@pytest.fixture
def on_spark(copied: Settings) -> Settings:
    """The trained world, on Spark."""
    path = copied.folder / FILE_NAME
    written = path.read_text(encoding="utf-8").replace("[engine]", '[engine]\nkind = "spark"')
    path.write_text(written if "[engine]" in written else f'{written}\n[engine]\nkind = "spark"\n', encoding="utf-8")
    return load_settings(copied.folder)


def _read(folder: Path, as_of: datetime) -> pa.Table:
    return pq.read_table(folder / f"as_of={as_of:%Y-%m-%d}", partitioning=None).sort_by("account_id")


def _probabilities(table: pa.Table, bundle: Bundle) -> np.ndarray:
    return np.column_stack([table[f"p_{horizon}"].to_numpy() for horizon in bundle.horizons])


def test_spark_and_this_process_write_the_same_probabilities(copied: Settings, on_spark: Settings) -> None:
    champion = open_registry(copied).champion()
    assert champion is not None
    here = score_in_bulk(copied, NOW)
    one = _read(here.folder, here.as_of)
    there = score_in_bulk(on_spark, NOW)
    other = _read(there.folder, there.as_of)
    assert there == here and here.accounts == one.num_rows > 50
    assert other["account_id"].to_pylist() == one["account_id"].to_pylist()
    found = _probabilities(other, champion.bundle)
    assert np.abs(found - _probabilities(one, champion.bundle)).max() < 1e-12
    assert found.std(axis=0).min() > 0.001


def test_a_second_run_replaces_the_first_whole(copied: Settings) -> None:
    first = score_in_bulk(copied, NOW)
    day = first.folder / f"as_of={first.as_of:%Y-%m-%d}"
    (day / "left-over.parquet").write_bytes(b"of an older run")
    assert score_in_bulk(copied, NOW) == first
    assert [path.name for path in first.folder.iterdir()] == [day.name]
    assert [path.name for path in day.iterdir()] == ["probabilities.parquet"]


def test_without_a_model_the_command_to_run_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("[files]\naccounts = 'a.csv'\n", encoding="utf-8")
    with pytest.raises(ModelRefusal, match="Run `undertow train` first"):
        score_in_bulk(load_settings(tmp_path), NOW)
