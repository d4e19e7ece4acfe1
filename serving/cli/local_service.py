"""How `undertow serve` starts BentoML: on a free port, in a private folder, without code of the current folder."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from undertow.features.errors import SettingsError
from undertow.serving.access.hosts import is_loopback
from undertow.serving.access.keys import has_living_key, read_keys
from undertow.serving.team.address import VARIABLE

SERVICE = "undertow.serving.service:Undertow"


@dataclass(frozen=True)
class Listening:
    """Where the service listens, with how many worker processes, and the prefix under which a proxy serves it.

    `hosts`: names that it answers to beside localhost and `host`. `is_open`: whether everybody on this machine may ask.
    `team`: the address of the database of statuses and views; "" for none.
    """

    host: str
    port: int
    workers: int
    prefix: str
    hosts: tuple[str, ...] = ()
    is_open: bool = False
    audit_log: Path | None = None
    team: str = ""

    @property
    def url(self) -> str:
        """The address of the list without a proxy."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    def serve(self, store: Path) -> NoReturn:
        """Replace this process with BentoML's.

        It works in a private folder and with Python's safe path, so that a folder or file of the current directory that
        is named like a package is never imported.
        """
        home = private_folder(self.port)
        environment = {
            **os.environ,
            "UNDERTOW_STORE": str(store),
            "UNDERTOW_WORKERS": str(self.workers),
            "UNDERTOW_PREFIX": self.prefix,
            "UNDERTOW_OPEN": "1" if self.is_open else "",
            "UNDERTOW_HOSTS": ",".join((self.host, *self.hosts)),
            "UNDERTOW_HOME": str(home),
            "UNDERTOW_AUDIT_LOG": str(self.audit_log.resolve()) if self.audit_log else "",
            VARIABLE: self.team,
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONSAFEPATH": "1",
        }
        where = ["--host", self.host, "--port", str(self.port), "--working-dir", str(home)]
        os.chdir(home)
        os.execve(sys.executable, [sys.executable, "-m", "bentoml", "serve", SERVICE, *where], environment)


def may_be_open(store: Path, host: str, hosts: Sequence[str], now: datetime) -> bool:
    """Return whether everybody on this machine may ask: where no key was ever added. `now`: with its time zone.

    Raises SettingsError where others could ask too and no key counts, and AccessError where keys cannot be read.
    """
    others = [name for name in (host, *hosts) if not is_loopback(name)]
    if others and not has_living_key(store, now):
        raise SettingsError(
            f"{others[0]} is reached from other machines, and the store has no key that counts. Add one first, with "
            "`undertow keys add NAME --role admin`, or serve on 127.0.0.1 alone."
        )
    return not others and read_keys(store) is None


def refuse_taken_port(host: str, port: int) -> None:
    """Raise SettingsError where the service could not listen at an address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            tried.bind(address)
            tried.listen()
    except OSError as error:
        raise SettingsError(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken; choose another with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs more rights than yours; choose one from 1024 up with --port"
    return f"{host} is no address of this machine ({error.strerror}); choose another with --host"


def private_folder(port: int) -> Path:
    """Return a folder for the files of a running service: per user and port, outside the store, closed to others."""
    folder = Path(tempfile.gettempdir(), f"undertow-{os.getuid()}-{port}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():  # laid there by another user
        return Path(tempfile.mkdtemp(prefix=f"undertow-{port}-"))
    folder.chmod(0o700)
    return folder
