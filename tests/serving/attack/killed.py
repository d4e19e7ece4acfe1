"""The attack by kill -9: of the scoring job at moments over its whole run, and of workers; readers see whole lists.

Half of the moments are spread over the seconds of a run, half over the lines of code that write, name and remove files,
so that the switch of the pointer is among them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psutil

from tests.benchmarks.service.http import Connection, request_bytes
from undertow.features.errors import UndertowError
from undertow.serving.published.reader import ScoresReader

LIST = request_bytes("/v1/at-risk?limit=5")


@dataclass
class Kills:
    """What killing the job did. `faults`: what a reader met that was no whole list."""

    killed: int = 0
    ended: int = 0
    new_lists: int = 0
    faults: list[str] = field(default_factory=list)
    left: int = 0  # unfinished folders after the last whole run


def kill_scoring(project: Path, store: Path, port: int, moments: int) -> Kills:
    """Kill the scoring job of a project at so many moments, and read the list after each, anew and as served."""
    command = [sys.executable, "-m", "tests.serving.attack.scoring_children", str(project)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as children:
        _, status, seconds, lines = _run(children, "whole").split()
        if status != "0":
            raise RuntimeError("The scoring job fails before anything is killed.")
        half = moments // 2
        asked = [f"seconds {float(seconds) * (number + 0.5) / half:.3f}" for number in range(half)]
        asked += [f"line {1 + number * int(lines) // (moments - half)}" for number in range(moments - half)]
        kills, seen = Kills(), {_shown(store)}
        for said in asked:
            ended = _run(children, said)
            kills.killed += ended == "killed"
            kills.ended += ended.startswith("ended 0")
            if ended.startswith("ended 1"):
                kills.faults.append(f"{said}: the job failed")
            kills.faults += _faults(said, store, port)
            seen.add(_shown(store))
        _run(children, "whole")
        children.stdin.close()  # type: ignore[union-attr]
    kills.new_lists = len(seen) - 1
    kills.left = sum(1 for path in (store / "scores").iterdir() if path.name.startswith(".") and path.is_dir())
    return kills


def _run(children: subprocess.Popen[str], said: str) -> str:
    assert children.stdin is not None and children.stdout is not None
    children.stdin.write(f"{said}\n")
    children.stdin.flush()
    return children.stdout.readline().strip()


def _shown(store: Path) -> str:
    try:
        return ScoresReader(store).latest().folder.name
    except UndertowError as error:
        return f"fault: {error}"


def _faults(said: str, store: Path, port: int) -> list[str]:
    """Return what a new reader and the running service meet that is no whole list."""
    shown = _shown(store)
    faults = [f"{said}: {shown}"] if shown.startswith("fault") else []
    status, body = Connection.open(port).ask(LIST)
    if status != 200 or b'"accounts":[{' not in body:
        faults.append(f"{said}: the service answers {status}")
    return faults


def kill_workers(port: int, parent: int, times: int) -> list[str]:
    """Kill one worker or scoring process of the service after another; return what requests met meanwhile.

    A connection to the process that is killed breaks: it is tried again once, as a client would.
    """
    faults = []
    for number in range(times):
        running = [process for process in psutil.Process(parent).children(recursive=True) if _works(process)]
        os.kill(running[number % len(running)].pid, signal.SIGKILL)
        until = monotonic() + 1.0
        while monotonic() < until:
            faults += _ask_twice(port)
            sleep(0.01)
        _wait_for_workers(parent, len(running))
    return faults


def _works(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False
    return "_bentoml_impl.worker" in command or "scoring_process" in command


def _ask_twice(port: int) -> list[str]:
    for is_last in (False, True):
        try:
            status, _ = Connection.open(port).ask(LIST)
        except OSError as error:
            if is_last:
                return [f"{type(error).__name__} twice"]
            continue
        return [] if status == 200 else [f"status {status}"]
    return []


def _wait_for_workers(parent: int, number: int) -> None:
    """Wait until what was killed runs again; rows are asked for in between, which starts a scoring process."""
    until = monotonic() + 60
    while monotonic() < until:
        running = [process for process in psutil.Process(parent).children(recursive=True) if _works(process)]
        if len(running) >= min(number, 2):
            return
        sleep(0.2)
    raise TimeoutError("A worker that was killed is not replaced within 60 s.")
