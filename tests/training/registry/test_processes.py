"""Trainings at the same time, and killed ones: real processes on one store."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.trained_world import NOW
from tests.training.registry.processes import REGISTER, TRAIN, Process, last_lines, start
from undertow.features.settings import Settings, load_settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import first_champion
from undertow.training.registry.tracking import UNFINISHED, Registry, open_registry
from undertow.training.registry.versions import list_versions, promote, register_judged, roll_back, show_version


def wait_for(process: Process, text: str) -> None:
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if line.startswith(text):
            return
    pytest.fail(f"the process ended without printing '{text}': {process.stderr.read()}")


def kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def assert_sound(registry: Registry) -> int:
    """Every version can be read, and the champion is one of them where there is any; returns how many there are."""
    if not registry.database.exists():
        return 0
    versions = list_versions(registry)
    with registry.opened() as client:
        read = {version.number: registry.load(client, version.number) for version in versions}
    champion = registry.champion()
    assert champion is None or champion.number in read
    assert all(each.bundle.columns for each in read.values())
    return len(versions)


@pytest.fixture
def fresh(copied: Settings) -> Settings:
    """A project with the tables of the trained one and an empty registry."""
    for path in (*copied.store_path().glob("*mlflow*"), copied.store_path("mlartifacts")):
        path.rename(copied.folder / path.name)
    return copied


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> Path:
    bundle.save(tmp_path / "bundle")
    return tmp_path / "bundle"


# --- at the same time --------------------------------------------------------------------------


def test_two_trainings_on_a_fresh_store_end_with_two_versions_and_one_champion(fresh: Settings) -> None:
    """The same data give the same model: only the first to be registered may become champion."""
    said = sorted(last_lines([start(TRAIN, fresh.folder), start(TRAIN, fresh.folder)]))
    registry = open_registry(fresh)
    assert [line.split()[:3] for line in said] == [["trained", "1", "True"], ["trained", "2", "False"]]
    assert "It is the first model" in said[0] and "not surely better (log-loss gain +0.0000" in said[1]
    assert [version.aliases for version in list_versions(registry)] == [("challenger",), ("champion",)]
    assert [move.version for move in show_version(registry).history] == [1]
    assert assert_sound(registry) == 2


def test_three_processes_that_create_one_database_corrupt_nothing(fresh: Settings, saved: Path) -> None:
    said = last_lines([start(REGISTER, fresh.folder, saved) for _ in range(3)])
    registry = open_registry(fresh)
    assert sorted(said) == ["registered 1", "registered 2", "registered 3"]
    assert [move.version for move in show_version(registry).history] == [1, 2, 3]
    assert [move.before for move in show_version(registry).history] == [None, 1, 2]
    assert assert_sound(registry) == 3


# --- killed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0.05, 0.4, 1.0])  # seconds; creating the database takes about two
def test_a_process_killed_while_it_creates_the_database_leaves_none_or_a_whole_one(
    fresh: Settings, saved: Path, bundle: Bundle, delay: float
) -> None:
    process = start(REGISTER, fresh.folder, saved)
    wait_for(process, "ready")
    while not fresh.store_path(UNFINISHED).exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(delay)
    kill(process)
    registry = open_registry(fresh)
    assert assert_sound(registry) == 0
    with registry.start_run():
        assert register_judged(registry, bundle, first_champion, NOW)[0] == 1
    assert not fresh.store_path(UNFINISHED).exists()
    assert assert_sound(registry) == 1


def test_a_process_killed_at_any_moment_of_registering_leaves_only_whole_versions(
    copied: Settings, saved: Path
) -> None:
    """Killed ever later, until one is fast enough to finish."""
    registry, delay, finished = open_registry(copied), 0.0, False
    kills = 0
    while not finished:
        process = start(REGISTER, copied.folder, saved)
        wait_for(process, "started")
        time.sleep(delay)
        finished = process.poll() is not None
        kill(process)
        kills += not finished
        found = assert_sound(registry)
        champion = registry.champion_number()
        assert champion is not None and champion <= found
        delay += 0.2
    assert kills >= 5
    last = registry.champion_number()
    assert last == max(version.number for version in list_versions(registry))


@pytest.mark.parametrize(
    ("where", "champion", "verdict"),
    [("Registry.load", 1, ""), ("MlflowClient.set_model_version_tag", 2, ""), ("MlflowClient.set_tag", 2, "")],
)
def test_a_process_killed_between_version_alias_and_record_leaves_a_champion_that_can_be_rolled_back(
    copied: Settings, saved: Path, where: str, champion: int, verdict: str
) -> None:
    """Killed by itself when it calls this function: before the alias moves, before the move is recorded, after."""
    kills_itself = (
        "import os, signal\nfrom mlflow import MlflowClient\nfrom undertow.training.registry.tracking import Registry\n"
        f"{where} = lambda *arguments, **named: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = start(REGISTER.replace("print(\"started\"", kills_itself.replace("\n", "\n    ") + "print(\"started\""),
                    copied.folder, saved)  # fmt: skip
    process.communicate(timeout=120)
    registry = open_registry(copied)
    assert process.returncode == -signal.SIGKILL
    assert (assert_sound(registry), registry.champion_number()) == (2, champion)
    assert list_versions(registry)[0].verdict == verdict
    if champion == 2:
        assert roll_back(registry, "killed", NOW).version == 1
    else:
        promote(registry, "2", "its files are whole", NOW)
    assert assert_sound(registry) == 2


def test_a_training_killed_while_it_records_leaves_the_champion(copied: Settings) -> None:
    process = start(TRAIN, copied.folder)
    wait_for(process, "recording 0")
    time.sleep(0.2)
    kill(process)
    registry = open_registry(copied)
    assert registry.champion_number() == 1
    assert assert_sound(registry) == 1
    assert load_settings(copied.folder) == copied
