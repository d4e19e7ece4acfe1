"""The scoring job in child processes that are killed: `python -m tests.serving.attack.scoring_children PROJECT`.

Each line on standard input is one run: `seconds 1.25` kills it that long after its start, `line 40` where it is about
to run the 40th line of `undertow.features.publishing`, in which files are written, named and removed; `whole` lets it
end. Each line on standard output says how it went: `killed`, or `ended STATUS SECONDS LINES`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from types import CodeType

from undertow.features import publishing
from undertow.features.settings import Settings, load_settings
from undertow.serving.jobs.score import score

ROOM = str(Path(publishing.__file__).parent)
STEP = 0.002  # seconds between looks at a child


class LineCounter:
    """Counts the lines of the publishing room that this process runs; kills it at one of them."""

    def __init__(self, kill_at: int = 0) -> None:
        self.lines, self._kill_at = 0, kill_at

    def start(self) -> None:
        """Begin to count."""
        sys.settrace(self._call)

    def _call(self, frame: object, event: str, argument: object) -> object:
        code: CodeType = frame.f_code  # type: ignore[attr-defined]
        return self._line if code.co_filename.startswith(ROOM) else None

    def _line(self, frame: object, event: str, argument: object) -> object:
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def run_child(settings: Settings, said: str) -> str:
    """Run the job as one line of the input says, and return how it went."""
    kind, _, number = said.partition(" ")
    started = time.monotonic()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _score(settings, int(number) if kind == "line" else 0, write)
    os.close(write)
    until = started + float(number) if kind == "seconds" else float("inf")
    status = _wait(child, until)
    with os.fdopen(read) as told:
        lines = told.read()
    if os.WIFSIGNALED(status):
        return "killed"
    return f"ended {os.waitstatus_to_exitcode(status)} {time.monotonic() - started:.3f} {lines or 0}"


def _score(settings: Settings, kill_at: int, write: int) -> None:
    """Score, write how many lines were counted to a pipe, and leave the process."""
    counter = LineCounter(kill_at)
    counter.start()
    try:
        score(settings, datetime.now())
    except Exception as error:  # a job that fails must be told from one that was killed
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os.write(write, str(counter.lines).encode())
    os._exit(0)


def _wait(child: int, until: float) -> int:
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        time.sleep(STEP)


def main() -> None:
    """Run a child for each line of standard input."""
    settings = load_settings(Path(sys.argv[1]))
    for said in sys.stdin:
        print(run_child(settings, said.strip()), flush=True)


if __name__ == "__main__":
    main()
