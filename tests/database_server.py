"""A PostgreSQL server of the tests' own, on a free port, with no password and one superuser, undertow."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[str]:
    """Give the address of a new server, which is removed in the end."""
    with TemporaryDirectory(prefix="undertow-postgres-") as folder:  # pytest's own folders are closed to other users
        yield from _run(Path(folder))


def pg_ctl() -> str | None:
    """Return PostgreSQL's program that starts servers; Debian keeps it off the path."""
    installed = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return shutil.which("pg_ctl") or (installed[-1] if installed else None)


def _run(folder: Path) -> Iterator[str]:
    control = pg_ctl()
    assert control is not None
    port = free_port()
    as_user: dict[str, object] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        as_user = {"user": "nobody"}

    def run(*words: str) -> None:
        subprocess.run([control, *words], check=True, capture_output=True, cwd=folder, **as_user)  # type: ignore[call-overload]

    run("initdb", "-D", "data", "-o", "--auth=trust --username=undertow --encoding=UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("start", "-w", "-D", "data", "-l", "log", "-o", options)
    try:
        yield f"postgresql://undertow@127.0.0.1:{port}/postgres"
    finally:
        run("stop", "-m", "immediate", "-D", "data")
