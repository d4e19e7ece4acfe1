"""`undertow serve`, started as it is typed: on a read-only disk, behind a prefix, and on a port that is taken."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.mounts import in_mounts, read_only
from undertow.features.errors import SettingsError
from undertow.features.settings import FILE_NAME
from undertow.serving.cli.local_service import private_folder, refuse_taken_port

PATIENCE = 90  # seconds until a busy machine has started the service
SHADOW = "code of the current folder ran"
UNDERTOW = [sys.executable, "-P", "-c", "from undertow.serving.cli.commands import app; app()"]


@contextmanager
def served(
    project: Path, *options: str, mount: str | None = None, folder: Path | None = None
) -> Iterator[httpx.Client]:
    """Run `undertow serve` on a free port, in the current directory or in `folder`; hand out a client, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*UNDERTOW, "serve", "--project", str(project), "--port", str(port), *options]
    environment = {**os.environ, "UNDERTOW_WORKERS": "1", "TMPDIR": tempfile.gettempdir()}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            in_mounts(mount, command) if mount else command,
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait_until_alive(client, process)
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            log.seek(0)
            written = log.read()
    assert "Traceback" not in written and SHADOW not in written, written


def _wait_until_alive(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/healthz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("The service did not start.")


@pytest.fixture
def project(store: Path, tmp_path: Path) -> Path:
    """A project with the six accounts published in its own store."""
    folder = tmp_path / "project"
    shutil.copytree(store, folder / "store")
    (folder / FILE_NAME).write_text("", encoding="utf-8")
    return folder


def test_a_store_on_a_read_only_disk_is_served_also_under_a_prefix(project: Path) -> None:
    with served(project, mount=read_only(project)) as client:
        assert client.get("/readyz").status_code == 200
        assert "Nordwind Logistik GmbH" in client.get("/").text
        assert client.post("/v1/score", json={"account_ids": ["A-00042"]}).status_code == 200
        assert "undertow_requests_total" in client.get("/metrics").text
        under = client.get("/", headers={"X-Forwarded-Prefix": "/undertow"}).text
        links = re.findall(r'(?:href|action)="(?!data:|#)([^"]*)"', under)
        assert len(links) > 8 and all(link.startswith("/undertow/") for link in links)


def test_serving_makes_no_store_and_keeps_its_files_to_itself(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    with served(tmp_path) as client:
        assert client.get("/readyz").status_code == 503
        folder = private_folder(client.base_url.port or 0)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list(folder.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    shutil.rmtree(folder)


def test_statuses_are_kept_beside_the_settings_also_on_a_disk_that_may_only_be_read(project: Path) -> None:
    (project / FILE_NAME).write_text('[team]\ndatabase = "team.db"\n', encoding="utf-8")
    url, done = "/v1/statuses/A-00042", {"status": "done"}
    with served(project) as client:
        assert client.put(url, json=done).status_code == 200
        form = dict(re.findall(r'name="(csrf|version)" value="(\w+)"', client.get("/accounts/A-00042").text))
        sent = client.post("/accounts/A-00042", data=form | {"status": "contacted"})
        assert (sent.status_code, sent.headers["location"]) == (303, "../accounts/A-00042#status")
    assert (project / "team.db").is_file()
    with served(project, mount=read_only(project)) as client:
        assert client.get(url).json()["status"]["status"] == "contacted"
        refused = client.put(url, json=done)
        assert refused.status_code == 503 and "team.db is read-only. Give the user" in refused.json()["detail"]


def test_code_of_the_current_folder_is_never_imported(project: Path, tmp_path: Path) -> None:
    """Packages named like ours and like those that we use lie where the command is typed."""
    folder = tmp_path / "here"
    names = ("undertow", "serving", "features", "training", "bentoml", "numpy", "msgspec", "lightgbm", "starlette")
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"print('{SHADOW}')\nraise SystemExit(9)\n")
    with served(project, folder=folder) as client:
        assert client.get("/readyz", timeout=60).status_code == 200
        assert client.post("/v1/score", json={"account_ids": ["A-00042"]}).status_code == 200


def test_a_stop_loses_no_request_that_was_begun(
    project: Path, published_features: Callable[[Path, str], dict[str, Any]]
) -> None:
    row = published_features(next((project / "store" / "scores").glob("run-*")), "A-00042")

    def ask(url: str) -> int:
        return httpx.post(f"{url}/v1/score", json={"rows": [row] * 500}, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(4) as threads:
        with served(project, "--workers", "1") as client:
            assert client.get("/readyz", timeout=60).status_code == 200
            asked = [threads.submit(ask, str(client.base_url)) for _ in range(4)]
            while "undertow_rows_waiting 2000.0" not in client.get("/metrics").text:
                assert not any(each.done() for each in asked)
        assert [each.result() for each in asked] == [200] * 4


def test_the_prefix_of_a_proxy_begins_every_link(project: Path) -> None:
    with served(project, "--root-path", "/undertow/", "--workers", "1") as client:
        links = re.findall(r'(?:href|action)="(?!data:|#)([^"]*)"', client.get("/").text)
        assert len(links) > 8 and all(link.startswith("/undertow/") for link in links)


def test_a_prefix_that_is_no_path_is_refused(project: Path) -> None:
    command = [*UNDERTOW, "serve", "--project", str(project), "--root-path", "https://evil.example"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "expected a path such as /undertow" in done.stderr


def test_a_port_that_is_taken_is_refused_in_one_sentence_before_anything_is_announced(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*UNDERTOW, "serve", "--project", str(project), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"undertow: port {port} is taken; choose another with --port\n"


def test_a_host_that_is_not_here_is_refused() -> None:
    for host in ("192.0.2.7", "no.such.host.invalid"):
        with pytest.raises(SettingsError, match=f"{host} is no address of this machine .*; choose another with --host"):
            refuse_taken_port(host, 3000)


def test_a_folder_laid_there_by_another_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"undertow-{os.getuid()}-3000").symlink_to(tmp_path / "elsewhere")
    found = private_folder(3000)
    assert found.name.startswith("undertow-3000-") and stat.S_IMODE(found.stat().st_mode) == 0o700
    assert private_folder(3001) == private_folder(3001) == tmp_path / f"undertow-{os.getuid()}-3001"


# --- keys ---


def added(project: Path, name: str, *options: str) -> dict[str, str]:
    """Add a key with `undertow keys add` and return the header that sends it."""
    command = [*UNDERTOW, "keys", "add", name, "--project", str(project), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def revoke(project: Path, name: str) -> None:
    command = [*UNDERTOW, "keys", "revoke", name, "--project", str(project)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("options", [("--host", "0.0.0.0"), ("--host", "::"), ("--allow-host", "churn.example")])
def test_where_others_could_ask_a_service_without_keys_is_not_started(project: Path, options: tuple[str, ...]) -> None:
    command = [*UNDERTOW, "serve", "--project", str(project), "--port", "39871", *options]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{options[1]} is reached from other machines, and the store has no key that counts." in done.stderr
        assert "`undertow keys add NAME --role admin`" in done.stderr
        added(project, "gone", "--role", "admin")  # a key that is revoked counts for nothing
        revoke(project, "gone")


def test_with_keys_workers_share_a_limit_and_a_revoked_key_ends_in_all_of_them(project: Path, tmp_path: Path) -> None:
    mira = added(project, "mira", "--role", "reader")
    slow = added(project, "slow", "--role", "reader", "--per-minute", "60")
    log = tmp_path / "audit.log"
    options = ("--host", "0.0.0.0", "--workers", "2", "--allow-host", "churn.example", "--audit-log", str(log))
    with served(project, *options, mount=read_only(project)) as client:
        assert client.get("/v1/at-risk").status_code == 401
        assert client.get("/v1/at-risk", headers=mira).json()["total"] == 6
        assert client.get("/v1/at-risk", headers={**mira, "Host": "churn.example"}).status_code == 200
        assert client.get("/v1/at-risk", headers={**mira, "Host": "evil.example"}).status_code == 421
        assert client.get("/").status_code == 303 and client.get("/login").status_code == 200
        began, seen = time.monotonic(), []
        for _ in range(40):  # a connection each, so that both workers answer
            with httpx.Client(base_url=client.base_url, timeout=30) as once:
                seen.append(once.get("/v1/model", headers=slow).status_code)
        assert set(seen) == {200, 429} and seen.count(200) <= 6 + (time.monotonic() - began) + 1
    assert '"event":"export"' in log.read_text() and '"mira"' in log.read_text()


def test_a_key_that_is_revoked_while_the_service_runs_is_refused_within_a_second_or_two(project: Path) -> None:
    mira = added(project, "mira", "--role", "reader")
    with served(project) as client:
        assert client.get("/v1/at-risk", headers=mira).status_code == 200
        revoke(project, "mira")
        time.sleep(1)
        assert client.get("/v1/at-risk", headers=mira).status_code == 401
