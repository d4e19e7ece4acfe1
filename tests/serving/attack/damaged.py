"""The attack on the store: damaged files, a full disk, a read-only one, two writers and two services at once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.benchmarks.service.http import Connection, request_bytes
from tests.benchmarks.service.servers import undertow
from tests.serving.mounts import in_mounts, read_only
from undertow.features.errors import Unreadable
from undertow.features.publishing.versions import current
from undertow.serving.published.scores import PublishedScores

UNDERTOW = [sys.executable, "-c", "from undertow.serving.cli.commands import app; app()"]
LIST, READY = request_bytes("/v1/at-risk?limit=5"), request_bytes("/readyz")


def score_command(project: Path) -> list[str]:
    """Return the command that scores a project."""
    return [*UNDERTOW, "score", "--project", str(project)]


def damage(run: Path, times: int, seed: int = 0) -> Counter[str]:
    """Damage one file of a run after another, and undo it; return how often it was refused, or read as if whole."""
    chance, found = random.Random(seed), Counter[str]()
    files = sorted(path for path in run.rglob("*") if path.is_file())
    for _ in range(times):
        file = chance.choice(files)
        whole = file.read_bytes()
        file.write_bytes(_damaged(whole, chance))
        try:
            PublishedScores.open(run).prove()
            found["read"] += file.read_bytes() != whole
        except Unreadable:
            found["refused"] += 1
        except Exception as error:
            found[f"{file.name}: {type(error).__name__}"] += 1
        file.write_bytes(whole)
    return found


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(whole))
    kind = chance.randrange(4)
    if kind == 0:
        return whole[:place]
    if kind == 1:
        return whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :]
    if kind == 2:
        return whole[:place] + bytes(min(64, len(whole) - place)) + whole[place + 64 :]
    return whole + whole[: 1 + place]


def two_writers(project: Path, store: Path, times: int) -> list[str]:
    """Score twice at once, so many times; return what is wrong: every run ends well or refuses clearly."""
    faults = []
    for _ in range(times):
        both = [
            subprocess.Popen(score_command(project), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for each in both:
            _, said = each.communicate(timeout=300)
            if each.returncode not in (0, 1) or "Traceback" in said:
                faults.append(said[-200:])
        PublishedScores.open(current(store / "scores") or store).prove()
    return faults


def two_services(project: Path) -> list[str]:
    """Run a second service beside a first, stop it, and ask the first; return what is wrong."""
    faults = []
    with undertow(project) as first:
        with undertow(project) as second:
            faults += [
                f"port {port}: {status}" for port in (first.port, second.port) if (status := _status(port, LIST)) != 200
            ]
        faults += [
            f"after the second stopped: {status}"
            for ask in (LIST, READY)
            if (status := _status(first.port, ask)) != 200
        ]
        if _status(first.port, request_bytes("/metrics")) != 200:
            faults.append("no metrics after the second stopped")
    return faults


def full_disk(project: Path, store: Path) -> list[str]:
    """Score onto a disk with room for a part of a list; return what is wrong: it fails clearly, the list stays."""
    before, scores = current(store / "scores"), store / "scores"
    aside = store.parent / "scores aside"
    mount = (
        f"cp -r '{scores}' '{aside}' && mount -t tmpfs -o size={_megabytes(scores) + 1}m none '{scores}' && "
        f"cp -r '{aside}/.' '{scores}'"
    )
    then = f'{mount} && "$@"; code=$?; cat "{scores}/CURRENT" >&2; exit $code'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", then, "sh", *score_command(project)], capture_output=True, text=True, timeout=300
    )
    subprocess.run(["rm", "-r", str(aside)], check=True)
    if done.returncode != 1 or "Traceback" in done.stderr or "space" not in done.stderr:
        return [f"exit {done.returncode}: {done.stderr[-300:]}"]
    return [] if before and before.name in done.stderr else ["another list is shown"]


def _megabytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1_000_000


def read_only_disk(project: Path, store: Path) -> list[str]:
    """Score onto a read-only store; return what is wrong: it fails clearly."""
    command = in_mounts(read_only(store), score_command(project))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    fine = done.returncode == 1 and "Traceback" not in done.stderr and "read-only" in done.stderr.lower()
    return [] if fine else [f"exit {done.returncode}: {done.stderr[-300:]}"]


def _status(port: int, request: bytes) -> int:
    return Connection.open(port).ask(request)[0]
