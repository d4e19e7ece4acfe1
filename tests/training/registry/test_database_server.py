"""PostgreSQL as MLflow's database, and files in a folder or in S3-compatible storage: a real server of each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.database_server import free_port
from tests.trained_world import NOW
from tests.training.registry.processes import REGISTER, last_lines, start
from undertow.features.errors import ModelRefusal, SettingsError
from undertow.features.settings import FILE_NAME, Mlflow, Settings, load_settings, make_settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict, first_champion
from undertow.training.registry.tracking import Registry, open_registry
from undertow.training.registry.versions import list_versions, promote, register_judged, roll_back, show_version

STAYS = Verdict(False, "The champion stays.")


# --- the servers -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty bucket on a local S3-compatible server; its access is in the environment."""
    if find_spec("boto3") is None or find_spec("moto") is None:
        pytest.skip("boto3 and moto[server] are not installed: pip install 'undertow[s3]' 'moto[server]'")
    port = free_port()
    access = {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test",
              "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in access.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "moto.server", "-p", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        for _ in range(300):
            with socket.socket() as tried:
                if not tried.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        client = import_module("boto3").client("s3", endpoint_url=access["MLFLOW_S3_ENDPOINT_URL"])
        client.create_bucket(Bucket="models")
        yield "s3://models/undertow"
        server.kill()
        server.wait()


def registry_of(world: Settings, name: str, uri: str, artifacts: str, folder: Path) -> Registry:
    """The registry of a new project, which no other test shares."""
    return open_registry(
        world.model_copy(update={"name": name, "folder": folder, "mlflow": Mlflow(uri=uri, artifacts=artifacts)})
    )


def live_a_whole_life(registry: Registry, bundle: Bundle) -> None:
    """Register, promote, roll back, and read the champion after each."""
    for verdict in (first_champion(), STAYS):
        with registry.start_run():
            register_judged(registry, bundle, lambda verdict=verdict: verdict, NOW)  # type: ignore[misc]
    assert promote(registry, "challenger", "to try it", NOW).before == 1
    assert roll_back(registry, "tried", NOW).version == 1
    champion = registry.champion()
    assert champion is not None
    assert (champion.number, champion.bundle.version) == (1, bundle.version)
    assert [version.aliases for version in list_versions(registry)] == [(), ("champion",)]
    assert [move.how for move in show_version(registry).history] == ["training", "promote", "rollback"]


# --- what is kept where ------------------------------------------------------------------------


def test_versions_live_in_postgresql_and_files_in_the_store(
    postgres: str, world: Settings, bundle: Bundle, tmp_path: Path
) -> None:
    live_a_whole_life(registry_of(world, "in the store", postgres, "", tmp_path), bundle)
    assert len(list((tmp_path / "store" / "mlartifacts").rglob("bundle.json"))) == 2
    assert not list(tmp_path.rglob("*.db"))


def test_versions_live_in_postgresql_and_files_in_a_folder(
    postgres: str, world: Settings, bundle: Bundle, tmp_path: Path
) -> None:
    live_a_whole_life(registry_of(world, "in a folder", postgres, "shared/files", tmp_path), bundle)
    assert len(list((tmp_path / "shared" / "files").rglob("bundle.json"))) == 2


def test_versions_live_in_postgresql_and_files_in_s3(
    postgres: str, bucket: str, world: Settings, bundle: Bundle, tmp_path: Path
) -> None:
    live_a_whole_life(registry_of(world, "in s3", postgres, bucket, tmp_path), bundle)
    assert not list(tmp_path.rglob("bundle.json"))


def test_files_of_a_sqlite_database_may_lie_in_another_folder(world: Settings, bundle: Bundle, tmp_path: Path) -> None:
    live_a_whole_life(registry_of(world, "sqlite", "", "elsewhere", tmp_path), bundle)
    assert len(list((tmp_path / "elsewhere").rglob("bundle.json"))) == 2


def test_three_processes_that_find_an_empty_postgresql_database_corrupt_nothing(
    postgres: str, bundle: Bundle, tmp_path: Path
) -> None:
    with import_module("psycopg").connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE race")
    uri = postgres.replace("/postgres", "/race")
    (tmp_path / FILE_NAME).write_text(f'[mlflow]\nuri = "{uri}"\n', encoding="utf-8")
    bundle.save(tmp_path / "bundle")
    said = last_lines([start(REGISTER, tmp_path, tmp_path / "bundle") for _ in range(3)])
    assert sorted(said) == ["registered 1", "registered 2", "registered 3"]
    shown = show_version(open_registry(load_settings(tmp_path)))
    assert [(move.version, move.before) for move in shown.history] == [(1, None), (2, 1), (3, 2)]


# --- refusals ----------------------------------------------------------------------------------


def test_another_place_for_files_of_the_same_name_is_refused(world: Settings, bundle: Bundle, tmp_path: Path) -> None:
    with registry_of(world, "moved", "", "here", tmp_path).start_run():
        pass
    with pytest.raises(SettingsError, match=r"which MLflow cannot change\. Set it back"):
        registry_of(world, "moved", "", "there", tmp_path).champion()


def test_a_server_that_cannot_be_reached_is_refused_at_once_without_its_password(
    world: Settings, tmp_path: Path
) -> None:
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'undertow[postgres]'")
    registry = registry_of(world, "gone", f"postgresql://me:secret@127.0.0.1:{free_port()}/mlflow", "", tmp_path)
    started = time.monotonic()
    refused = r"me:\*\*\*@127.0.0.1:\d+/mlflow cannot be reached: .*Check \[mlflow\] uri"
    with pytest.raises(ModelRefusal, match=refused) as said:
        registry.champion()
    assert "secret" not in str(said.value)
    assert time.monotonic() - started < 20  # seconds


def test_another_kind_of_address_is_refused_when_settings_are_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"mlflow.uri: .*must begin with postgresql://"):
        make_settings(tmp_path, {"mlflow": {"uri": "mysql://x/y"}})


def test_the_address_is_not_in_the_record_of_a_run(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"mlflow": {"uri": "postgresql://me:secret@db/mlflow"}})
    assert "secret" not in str(settings.public())
