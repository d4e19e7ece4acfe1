"""Files at an address: copied where the extension is installed, refused with what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import NOW
from undertow.features.engines.duckdb import Connection, open_duckdb
from undertow.features.errors import SourceError
from undertow.features.settings import Engine, make_settings
from undertow.features.sources.databases.entry import OutOfReach
from undertow.features.sources.databases.refresh import refresh
from undertow.features.sources.databases.remote import copy_files
from undertow.features.sources.load import load_tables


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with open_duckdb(Engine(), tmp_path / "spill") as opened:
        yield opened


@pytest.fixture
def without_extensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where DuckDB looks for its extensions


@pytest.mark.parametrize("address", ["s3://bucket/a/*.parquet", "gs://bucket/a.csv", "https://example.com/a.csv"])
@pytest.mark.usefixtures("without_extensions")
def test_an_address_needs_an_extension_and_the_refusal_says_how_to_install_it(tmp_path: Path, address: str) -> None:
    settings = make_settings(tmp_path, {"files": {"accounts": address}})
    with pytest.raises(SourceError, match=r"^\[files\] accounts: .*httpfs is not installed: run .*INSTALL httpfs"):
        load_tables(settings, NOW)


def test_another_kind_of_address_is_refused_and_not_quoted(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"files": {"accounts": "postgresql://me:secret@db/app"}})
    with pytest.raises(SourceError, match=r"begin with postgresql:// are not read.*are read as \[sources\]") as refused:
        refresh(settings, NOW)
    assert "secret" not in str(refused.value)


def test_files_are_copied_in_the_order_of_their_names_and_kept_while_they_stay(
    tmp_path: Path, connection: Connection
) -> None:
    away, root = tmp_path / "away", tmp_path / "copies"
    away.mkdir()
    for name in ("b", "a"):
        (away / f"{name}.csv").write_text(f"account_id\n{name}\n", encoding="utf-8")
    address = f"file://{away}/*.csv"
    first = copy_files(connection, root, "key", "accounts", address)
    assert [(root / file).read_text(encoding="utf-8") for file in first] == ["account_id\na\n", "account_id\nb\n"]
    before = (root / first[0]).stat().st_mtime_ns
    (away / "b.csv").write_text("account_id\nc\n", encoding="utf-8")
    second = copy_files(connection, root, "key", "accounts", address)
    assert second[0] == first[0] and second[1] != first[1]
    assert (root / second[0]).stat().st_mtime_ns == before


def test_parquet_is_copied_as_rows(tmp_path: Path, connection: Connection) -> None:
    pq.write_table(pa.table({"account_id": ["ada", "bo"]}), tmp_path / "a.parquet")
    [copy] = copy_files(connection, tmp_path / "copies", "key", "accounts", f"file://{tmp_path}/a.parquet")
    assert pq.read_table(tmp_path / "copies" / copy)["account_id"].to_pylist() == ["ada", "bo"]


def test_what_cannot_be_read_is_said_without_the_secrets_of_its_address(tmp_path: Path, connection: Connection) -> None:
    with pytest.raises(SourceError, match=r"\[files\] accounts: no file at file:///nowhere/a\.csv\. Correct the"):
        copy_files(connection, tmp_path, "key", "accounts", "file:///nowhere/a.csv?token=secret")
    (tmp_path / "a.parquet").write_text("no rows", encoding="utf-8")
    with pytest.raises(OutOfReach, match=r"a\.parquet cannot be read: "):
        copy_files(connection, tmp_path, "key", "accounts", f"file://{tmp_path}/a.parquet")
