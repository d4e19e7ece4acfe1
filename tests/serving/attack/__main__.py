"""Attacks the service of a project and says what held: `python -m tests.serving.attack PROJECT`, `make attack`.

The project is copied; what is attacked listens on 127.0.0.1 alone. A full run, half an hour, rewrites the section
`attack` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.benchmarks.report import Claim, claims_table, finish, plain_text
from tests.benchmarks.service.servers import Running, undertow
from tests.serving.attack import contract, damaged, killed, lasting, mutated
from undertow.features.settings import load_settings
from undertow.serving.published.reader import ScoresReader

REQUESTS, MINUTES, MOMENTS, DAMAGES = 100_000, 10.0, 200, 400
CASES = 5_000  # of schemathesis, beside so many mutated requests
EVERY = 30.0  # seconds between publications under load
WRITERS, WORKERS = 3, 6  # times that two jobs score at once, and that a worker or scoring process is killed


def main() -> None:
    """Attack, print what held, and write it down."""
    parser = ArgumentParser(
        prog="python -m tests.serving.attack", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, nargs="?", default="demo")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="mutated requests")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of load while lists are published")
    parser.add_argument("--moments", type=int, default=MOMENTS, help="at which the scoring job is killed")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(asked.project, project, symlinks=True)
        claims = []
        for each in attacks(project, asked):
            claims.append(each)
            print(f"{'holds' if each.holds else 'FAILS'}  {each.text}: {each.measured}", flush=True)
    text = plain_text(claims_table("Attacks", claims))
    full = (asked.requests, asked.minutes, asked.moments) == (REQUESTS, MINUTES, MOMENTS)
    print(finish("attack", text, "" if full else "fewer or shorter attacks"))
    if not all(each.holds for each in claims):
        raise SystemExit(1)


def attacks(project: Path, asked: Namespace) -> Iterator[Claim]:
    """Yield what each attack found, one after the other."""
    store = load_settings(project).store_path()
    run = ScoresReader(store).latest().folder
    rows = pq.read_table(run / "features.parquet").drop_columns(["as_of"]).slice(0, 200).to_pylist()
    ids = [str(row["account_id"]) for row in rows]
    with undertow(project) as service:
        cases = asked.requests * CASES // REQUESTS
        text = f"schemathesis finds no break in {cases:,} cases"
        yield Claim(text, *contract.attack(service.port, cases, asked.seed))
        yield of_requests(service, ids, rows[0], asked)
        yield of_time(service, ids, rows[0], asked, project)
        yield of_killing(service, project, store, asked)
        yield of_workers(service)
        yield Claim("the memory of the service is bounded", *of_memory(service))
    yield of_faults("a second service leaves the first alone", damaged.two_services(project))
    yield of_faults("two writers at once publish whole lists", damaged.two_writers(project, store, WRITERS))
    yield of_faults("a full disk is told, and the list before stays", damaged.full_disk(project, store))
    yield of_faults("a read-only disk is told", damaged.read_only_disk(project, store))
    yield of_damage(ScoresReader(store).latest().folder)


def of_requests(service: Running, ids: list[str], row: dict[str, Any], asked: Namespace) -> Claim:
    """Attack by mutated requests."""
    before = service.log_size
    found = asyncio.run(mutated.attack(service.port, ids, row, asked.requests, asked.seed))
    for fault, requests in found.examples.items():
        for sent in requests:
            print(f"  {fault}: {sent.raw[:300]!r}", flush=True)
    per_request = (service.log_size - before) / max(asked.requests, 1)
    statuses = ", ".join(f"{status or 'closed'} {count:,}" for status, count in sorted(found.statuses.items()))
    measured = (
        f"{sum(found.faults.values()):,} faults{f' {dict(found.faults)}' if found.faults else ''}; {statuses}; "
        f"longest {found.longest:.1f} s; {per_request:.0f} bytes of log per request"
    )
    text = f"{asked.requests:,} mutated requests: no 5xx, no hang, one shape of errors, bounded logs"
    return Claim(text, measured, not found.faults and per_request < 300)


def of_time(service: Running, ids: list[str], row: dict[str, Any], asked: Namespace, project: Path) -> Claim:
    """Attack by minutes of load while lists are published."""
    publish = damaged.score_command(project)
    lasted = asyncio.run(lasting.last(service.port, ids, row, 60 * asked.minutes, EVERY, publish))
    measured = f"{lasted.answered:,} answered, {lasted.published} lists published, faults {dict(lasted.faults) or 0}"
    return Claim(f"{asked.minutes:g} minutes of load with a list every {EVERY:g} s", measured, not lasted.faults)


def of_killing(service: Running, project: Path, store: Path, asked: Namespace) -> Claim:
    """Attack by killing the scoring job."""
    kills = killed.kill_scoring(project, store, service.port, asked.moments)
    measured = (
        f"{kills.killed} killed, {kills.ended} had ended, {kills.new_lists} new lists seen, {len(kills.faults)} faults"
        f"{f' {kills.faults[:3]}' if kills.faults else ''}; {kills.left} unfinished folders left after a whole run"
    )
    return Claim(f"kill -9 of score at {asked.moments} moments: whole lists alone", measured,
                 not kills.faults and not kills.left)  # fmt: skip


def of_workers(service: Running) -> Claim:
    """Attack by killing workers and scoring processes."""
    faults = killed.kill_workers(service.port, service.process, WORKERS)
    return Claim(f"kill -9 of {WORKERS} workers or scoring processes: requests tried twice are answered",
                 f"{len(faults)} faults {faults[:3] or ''}", not faults)  # fmt: skip


def of_memory(service: Running) -> tuple[str, bool]:
    """Return the resident memory of the service after the attacks, and whether it is within bounds."""
    each = service.memory
    return f"{len(each)} processes, the largest {max(each):.2f} GB, together {sum(each):.2f} GB", max(each) < 1.0


def of_damage(run: Path) -> Claim:
    """Attack by damaged files."""
    found = damaged.damage(run, DAMAGES)
    return Claim(f"{DAMAGES} damaged files are refused", ", ".join(f"{name}: {n}" for name, n in found.items()),
                 set(found) <= {"refused"} or found == {"refused": DAMAGES, "read": 0})  # fmt: skip


def of_faults(text: str, faults: list[str]) -> Claim:
    """Judge an attack that lists what is wrong."""
    return Claim(text, f"{len(faults)} faults {faults[:2] or ''}", not faults)


if __name__ == "__main__":
    main()
