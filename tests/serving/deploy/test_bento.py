"""The Bento that `make bento` builds, without network, holds the wheel and starts as BentoML starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
PATIENCE = 120  # seconds until a busy machine has started the service
BENTOML = [sys.executable, "-P", "-m", "bentoml"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of BentoML in which the Bento was built."""
    home = tmp_path_factory.mktemp("bentoml")
    make = ["make", "--old-file=setup", f"VENV={sys.prefix}", "bento"]
    environment = _environment(home) | {"PIP_NO_INDEX": "1"}
    done = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERTOW")}
    return kept | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


def _built(home: Path) -> Path:
    [bento] = [path for path in (home / "bentos" / "undertow").iterdir() if path.is_dir()]
    return bento


def test_the_bento_holds_the_wheel_and_pinned_requirements_and_nothing_of_the_tests(home: Path) -> None:
    python = _built(home) / "env" / "python"
    [wheel] = (python / "wheels").glob("*.whl")
    assert wheel.name.startswith("undertow-")
    pinned = (python / "requirements.txt").read_text().split()
    assert any(line.startswith("lightgbm==") for line in pinned) and "pytest" not in " ".join(pinned)
    assert {path.name for path in (_built(home) / "src").iterdir()} <= {"README.md", "bentofile.yaml"}


@pytest.fixture
def url(home: Path, store: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the running Bento, with the code of its wheel."""
    [wheel] = (_built(home) / "env" / "python" / "wheels").glob("*.whl")
    code = tmp_path / "code"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", code, wheel]
    subprocess.run(install, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = _environment(home) | {
        "PYTHONPATH": str(code), "UNDERTOW_STORE": str(store), "UNDERTOW_WORKERS": "1", "UNDERTOW_OPEN": "1",
    }  # fmt: skip
    where = subprocess.run([sys.executable, "-P", "-c", "import undertow.serving as it; print(it.__file__)"],
                           env=environment, capture_output=True, text=True)  # fmt: skip
    assert where.stdout.startswith(str(code))
    serve = [*BENTOML, "serve", "undertow:latest", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "log.txt").open("w+") as log:
        process = subprocess.Popen(serve, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            log.seek(0)
            print(log.read())


def test_the_bento_answers(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.2)
    assert httpx.get(f"{url}/v1/at-risk").json()["total"] == 6
    assert "Nordwind Logistik GmbH" in httpx.get(url).text
