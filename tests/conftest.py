"""Small worlds, and one rule: where UNDERTOW_NO_SKIPS is 1, a skipped test is a failed one."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.database_server import pg_ctl, running_postgres
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.simulator import simulate

if TYPE_CHECKING:
    from undertow.training.evaluation.report import TrainReport

Row = Mapping[str, object]


# Print as where nobody looks at a terminal: pytest's readline gives COLUMNS to the workers it starts. The commands'
# console reads it when it is imported, by a conftest further down.
os.environ.pop("COLUMNS", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into its failure, if no skips are allowed."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into its failure, if no skips are allowed."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    is_skip = report.outcome == "skipped" and not hasattr(report, "wasxfail")
    if is_skip and os.environ.get("UNDERTOW_NO_SKIPS") == "1":
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Skipped, and UNDERTOW_NO_SKIPS=1 allows none: {reason.removeprefix('Skipped: ')}"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the folder of third-party data of that name; skips where it is not on this machine."""
    home = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("UNDERTOW_SHARED_DATA", home))

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no third-party data at {root / name}; UNDERTOW_SHARED_DATA names their folder")
        return root / name

    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL database on a server of its own."""
    if find_spec("psycopg") is None or find_spec("adbc_driver_postgresql") is None:
        pytest.skip("the drivers are not installed: pip install 'undertow[postgres]'")
    if pg_ctl() is None:
        pytest.skip("no PostgreSQL server on this machine: pg_ctl is not found")
    with running_postgres() as address:
        yield address


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes a project of files and reads its settings.

    A file is given as rows (written as CSV), text or bytes, and named in [files] by its name up
    to the first dot. `toml` is put below it. Called again, it adds to the same folder.
    """
    root = tmp_path / "project"

    def make(files: Mapping[str, Sequence[Row] | str | bytes], toml: str = "") -> Settings:
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            _write_file(root / name, content)
        listed = "\n".join(f'{name.split(".")[0]} = "{name}"' for name in files)
        (root / FILE_NAME).write_text(f"[files]\n{listed}\n{toml}", encoding="utf-8")
        return load_settings(root)

    return make


def _write_file(path: Path, content: Sequence[Row] | str | bytes) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in content for name in row)))
            writer.writeheader()
            writer.writerows(content)


@pytest.fixture
def tiny_world() -> dict[str, list[Row]]:
    """Four accounts from January to June 2024: Ada stays, Bo leaves, Cleo is booked late, Di is silent."""
    return {
        "accounts.csv": [
            {"account_id": "ada", "created_at": "2024-01-01", "segment": "large", "industry": "steel"},
            {"account_id": "bo", "created_at": "2024-01-10", "segment": "small", "industry": "retail"},
            {"account_id": "cleo", "created_at": "2024-01-20", "segment": "small", "industry": "retail"},
            {"account_id": "di", "created_at": "2024-02-01", "segment": "small", "industry": "steel"},
        ],
        "subscriptions.csv": [
            _subscription("s-ada", "ada", "2024-01-01", mrr=500),
            _subscription("s-bo", "bo", "2024-01-10", ended_at="2024-04-15", end_recorded_at="2024-04-15"),
            _subscription("s-cleo", "cleo", "2024-01-20", ended_at="2024-03-20", end_recorded_at="2024-04-10"),
            _subscription("s-di", "di", "2024-02-01"),
        ],
        "events.csv": [
            {
                "account_id": "ada",
                "occurred_at": "2024-03-10 09:00:00",
                "kind": "page_view",
                "session_id": "1",
            },
            {"account_id": "ada", "occurred_at": "2024-03-10 09:05:00", "kind": "error", "session_id": "1"},
            {
                "account_id": "bo",
                "occurred_at": "2024-03-28 14:00:00",
                "kind": "page_view",
                "session_id": "2",
            },
            {"account_id": "ada", "occurred_at": "2024-06-14 10:00:00", "kind": "login", "session_id": "3"},
        ],
    }


def _subscription(name: str, account: str, started_at: str, **more: object) -> Row:
    row = {"subscription_id": name, "account_id": account, "started_at": started_at, "mrr": 50}
    return {**row, "ended_at": "", "end_recorded_at": "", **more}


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a simulated business of 300 accounts over 18 months; to be read only."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate("tiny", folder, seed=7)
    return folder


@pytest.fixture(scope="session")
def trained(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, TrainReport]:
    """A project of the simulated business, and what training a small model in it reported; to be read only."""
    from tests.trained_world import train_small  # heavy: LightGBM and MLflow, which most folders do not need

    return train_small(tmp_path_factory.mktemp("trained"), simulated)


@pytest.fixture(scope="session")
def world(trained: tuple[Settings, TrainReport]) -> Settings:
    """The settings of the trained project; to be read only."""
    return trained[0]


@pytest.fixture
def copied(world: Settings, tmp_path: Path) -> Settings:
    """A copy of the trained project that a test may change."""
    shutil.copytree(world.folder, tmp_path / "world")
    return load_settings(tmp_path / "world")
