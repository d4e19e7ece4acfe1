"""Runs one contender in a process of its own and measures it: CPU seconds, peak memory and peak temporary disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.features.contenders import AS_OFS, Contender

THREADS = {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2", "TQDM_DISABLE": "1"}
SAMPLED_EVERY = 0.2  # seconds
GB = 1e9  # bytes, as DuckDB's limits are read


@dataclass(frozen=True)
class Usage:
    """What one run used: CPU seconds of the whole process and of its work without imports, and GB of memory and disk.

    `peak`: largest resident memory. `disk`: most that the files of the spill folder, and of ranges of accounts that
    are joined later, took when they were looked at.
    """

    whole: float
    work: float
    peak: float
    disk: float


class RunFailed(Exception):
    """A contender did not finish; the message is the last line that it printed."""


def run(contender: Contender, events: int, keep: Path) -> Usage:
    """Run a contender once. Raises RunFailed where it does not finish."""
    job = job_of(contender, events, keep)
    output = Path(job["out"])
    shutil.rmtree(output, ignore_errors=True)
    job_file, log_file = write_job(job), output.parent / f"{output.name}.txt"
    with log_file.open("w", encoding="utf-8") as log:
        command = contender.command(job_file, keep / "envs")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **THREADS})
        used, disk = _wait(process, lambda: _temporary(job))
    printed = log_file.read_text(encoding="utf-8")
    for folder in _temporary(job):
        shutil.rmtree(folder, ignore_errors=True)
    if process.returncode:
        raise RunFailed(last_line(printed))
    ready = next(line for line in printed.splitlines() if line.startswith("ready "))
    whole = used.ru_utime + used.ru_stime
    return Usage(whole, whole - float(ready.split()[1]), used.ru_maxrss * 1024 / GB, disk / GB)


def job_of(contender: Contender, events: int, keep: Path) -> dict[str, Any]:
    """Return what a contender is told: where its input lies, what to compute, where to write and to spill."""
    output = output_of(contender, events, keep)
    return {
        "data": str(data_of(keep, events)), "numbers": str(keep / "numbers.parquet"), "as_ofs": AS_OFS,
        "project": str(keep / f"project-{events}"), "out": str(output), "spill": f"{output}-spill", **contender.job,
    }  # fmt: skip


def write_job(job: dict[str, Any]) -> Path:
    """Write the job file beside the output and return its path."""
    file = Path(f"{job['out']}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(job), encoding="utf-8")
    return file


def data_of(keep: Path, events: int) -> Path:
    """Return the folder of the log of this many events."""
    return keep / f"events-{events}"


def output_of(contender: Contender, events: int, keep: Path) -> Path:
    """Return the file or folder that a contender writes."""
    return keep / "outputs" / f"{contender.name} {events}".replace(",", "").replace(" ", "-")


def last_line(printed: str) -> str:
    """Return the last line of what a process printed."""
    return (printed.strip() or "no reason").splitlines()[-1]


def _temporary(job: dict[str, Any]) -> list[Path]:
    """Return the folders of temporary files: where DuckDB spills, and the ranges of accounts below the output."""
    out = Path(job["out"])
    return [Path(job["spill"]), Path(job["project"]) / "store" / "spill", *out.glob("range-*")]


def _wait(process: subprocess.Popen[bytes], temporary: Callable[[], list[Path]]) -> tuple[Any, int]:
    """Wait for a process; return its usage, its children's included, and the most bytes in the temporary folders."""
    most = 0
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used, most
        most = max(most, sum(_bytes_in(folder) for folder in temporary()))
        time.sleep(SAMPLED_EVERY)


def _bytes_in(folder: Path) -> int:
    """Return the bytes that the files below a folder take on disk; files may vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
    return total
