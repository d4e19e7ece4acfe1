"""What `undertow serve` makes sure of before it starts BentoML: a free port, and a private folder outside the store."""

from __future__ import annotations

import errno
import os
import socket
import stat
import tempfile
from pathlib import Path

from undertow.features.errors import SettingsError


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
