"""Starts the services that are compared, each on a free port, and stops them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa

from tests.benchmarks.scoring.attributions import fit
from tests.benchmarks.service.http import HOST, Connection, request_bytes
from undertow.training.bundle.bundle import Bundle

PATIENCE = 180  # seconds until a service has started


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server((HOST, 0)) as free:
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A service that runs: its port, the number of its first process, and the file of its log."""

    port: int
    process: int
    log: Path

    @property
    def log_size(self) -> int:
        """Return how much was logged, bytes."""
        return self.log.stat().st_size

    @property
    def memory(self) -> list[float]:
        """Return the resident memory of each of its processes, GB."""
        first = psutil.Process(self.process)
        return [each.memory_info().rss / 1e9 for each in (first, *first.children(recursive=True))]


@contextmanager
def undertow(project: Path) -> Iterator[Running]:
    """Run `undertow serve` on a project."""
    port = free_port()
    run = [sys.executable, "-c", "from undertow.serving.cli.commands import app; app()"]
    command = [*run, "serve", "--project", str(project.absolute()), "--port", str(port)]
    with _running(command, port, "/readyz") as running:
        yield running


@contextmanager
def hello_world() -> Iterator[Running]:
    """Run a BentoML service that says hello."""
    port = free_port()
    service = "tests.benchmarks.service.hello:Hello"
    run = [sys.executable, "-m", "bentoml", "serve", service, "--host", HOST, "--port", str(port)]
    with tempfile.TemporaryDirectory() as home, _running(run, port, "/readyz", BENTOML_HOME=home) as running:
        yield running


@contextmanager
def mlflow_serving(bundle: Bundle, rows: pa.Table) -> Iterator[Running]:
    """Run `mlflow models serve` on trees over the columns of the bundle."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        model = _logged(bundle, rows, Path(folder))
        run = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local",
               "--host", HOST, "--port", str(port), "--workers", "2"]  # fmt: skip
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn
        with _running(run, port, "/ping", PATH=programs) as running:
            yield running


def numbers_of(bundle: Bundle, rows: pa.Table) -> pd.DataFrame:
    """Return the numeric columns that the bundle needs, as a client of MLflow sends them."""
    texts = {column.name for column in bundle.columns if column.is_text}
    return rows.select([name for name in bundle.needed if name not in texts]).to_pandas().astype(np.float64)


def _logged(bundle: Bundle, rows: pa.Table, folder: Path) -> Path:
    sent, used = numbers_of(bundle, rows), fit(bundle, rows)
    label = np.arange(len(sent)) % 2
    booster = lgb.train(used.params, lgb.Dataset(sent, label=label), num_boost_round=used.num_trees())
    signature = mlflow.models.infer_signature(sent)  # by which it reads null as an unknown number
    mlflow.lightgbm.save_model(
        booster, folder / "model", signature=signature, pip_requirements=["mlflow", "lightgbm"]
    )
    return folder / "model"


@contextmanager
def _running(command: list[str], port: int, ready: str, **environment: str) -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log.txt").open("w+") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, port, ready)
            yield Running(port, process.pid, Path(log.name))
        except Exception:
            log.seek(0)
            print(log.read()[-3_000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if Connection.open(port).ask(request_bytes(path))[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{path} of port {port} did not answer within {PATIENCE} s, or the service ended")
