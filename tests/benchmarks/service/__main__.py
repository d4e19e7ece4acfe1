"""How fast the service answers, beside a hello-world of BentoML and `mlflow models serve`, and under load.

`python -m tests.benchmarks.service PROJECT`, where `make demo` published. One connection that stays open, medians of
requests in turn: compare ratios. Then look-ups by many clients, alone and beside a stream of rows.
A run on 1,000 accounts of the demo or more also rewrites the section `service` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pyarrow.parquet as pq

from tests.benchmarks.report import Claim, claims_table, finish, plain_text
from tests.benchmarks.service import load
from tests.benchmarks.service.http import Connection, request_bytes
from tests.benchmarks.service.servers import hello_world, mlflow_serving, numbers_of, undertow
from undertow.features.settings import load_settings
from undertow.serving.published.reader import ScoresReader

DEMO, LEAST = "demo", 1_000  # accounts
ROUNDS = 5  # of all requests in turn
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What is asked of which service, how often a round, and the most it may take as a multiple of another."""

    name: str
    of: str  # service
    requests: tuple[bytes, ...]
    times: int
    beside: str = ""  # the name of what it is compared with
    most: float = 0.0


def main() -> None:
    """Measure, print and write down."""
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.service", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, nargs="?", default=DEMO)
    project = parser.parse_args().project
    settings = load_settings(project)
    published = ScoresReader(settings.store_path()).latest()
    table = pq.read_table(published.folder / "features.parquet")
    rows = table.drop_columns(["as_of"]).to_pylist()
    with undertow(project) as ours, hello_world() as hello:
        with mlflow_serving(published.bundle, table) as theirs:
            sent = numbers_of(published.bundle, table)
            asked = list(what_is_asked(rows, json.loads(sent.to_json(orient="split"))))
            seconds = measured(asked, {"ours": ours.port, "hello": hello.port, "mlflow": theirs.port})
        claims = [claim(each, seconds) for each in asked if each.beside]
        claims += load.claims(ours.port, [str(row["account_id"]) for row in rows], rows[0])
    lines = [f"{each.name:<40} {1000 * seconds[each.name]:>9.2f} ms" for each in asked]
    text = "\n".join([*lines, "", plain_text(claims_table("Answers", claims))])
    print(text)
    partial = "" if settings.name == DEMO and len(rows) >= LEAST else f"{settings.name}, {len(rows):,} accounts"
    print(finish("service", text, partial))


def what_is_asked(rows: Rows, split: dict[str, Any]) -> Iterator[Asked]:
    """Yield the requests that are measured; `split`: the rows as MLflow takes them."""
    ids = [str(row["account_id"]) for row in rows]
    yield Asked("hello-world of BentoML", "hello", (request_bytes("/"),), 200)
    hello, plain = "hello-world of BentoML", "row without reasons, mlflow models serve"
    accounts = tuple(request_bytes(f"/v1/accounts/{each}") for each in ids[:200])
    yield Asked("account", "ours", accounts, 200, hello, 1.5)
    looked_up = tuple(request_bytes("/v1/score", json.dumps({"account_ids": [each]}).encode()) for each in ids[:200])
    yield Asked("score of one id", "ours", looked_up, 200, hello, 1.5)
    yield Asked("list of 50", "ours", (request_bytes("/v1/at-risk"),), 50, hello, 3)
    yield Asked("page of the list", "ours", (request_bytes("/"),), 50, hello, 6)
    csv = request_bytes("/v1/at-risk?format=csv&limit=1000")
    yield Asked("CSV of 1,000", "ours", (csv,), 20, hello, 30)
    yield Asked(plain, "mlflow", tuple(_of_mlflow(split, [n]) for n in range(50)), 20)
    yield Asked("one row with reasons", "ours", tuple(_of_ours([row]) for row in rows[:50]), 20, plain, 0.05)
    yield Asked(f"100 {plain}", "mlflow", (_of_mlflow(split, range(100)),), 3)
    yield Asked("100 rows with reasons", "ours", (_of_ours(rows[:100]),), 3, f"100 {plain}", 0.5)


def _of_ours(rows: Rows) -> bytes:
    return request_bytes("/v1/score", json.dumps({"rows": rows}).encode())


def _of_mlflow(split: dict[str, Any], rows: range | list[int]) -> bytes:
    data = [split["data"][row] for row in rows]
    return request_bytes(
        "/invocations", json.dumps({"dataframe_split": {"columns": split["columns"], "data": data}}).encode()
    )


def measured(asked: list[Asked], ports: dict[str, int]) -> dict[str, float]:
    """Return the median seconds of each, over rounds in which all are asked in turn."""
    found: dict[str, list[float]] = {each.name: [] for each in asked}
    turns = {each.name: cycle(each.requests) for each in asked}  # a round goes on where the one before it ended
    for _ in range(ROUNDS):
        for each in asked:
            found[each.name] += in_turn(each, turns[each.name], Connection.open(ports[each.of]))
    return {name: median(seconds) for name, seconds in found.items()}


def in_turn(asked: Asked, requests: Iterator[bytes], connection: Connection) -> list[float]:
    """Return the seconds of each request of a round, after one that only warms up."""
    return [_seconds(connection, asked, next(requests)) for _ in range(asked.times + 1)][1:]


def _seconds(connection: Connection, asked: Asked, request: bytes) -> float:
    started = perf_counter()
    status, answer = connection.ask(request)
    seconds = perf_counter() - started
    if status != 200:
        raise RuntimeError(f"{asked.name}: {status} {answer[:300]!r}")
    return seconds


def claim(asked: Asked, seconds: dict[str, float]) -> Claim:
    """Judge one ratio."""
    ratio = seconds[asked.name] / seconds[asked.beside]
    return Claim(f"{asked.name} <= {asked.most:g} times {asked.beside}", f"{ratio:.2f} times", ratio <= asked.most)


if __name__ == "__main__":
    main()
