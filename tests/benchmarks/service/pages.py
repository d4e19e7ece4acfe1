"""How long every page takes, filters included, beside a hello-world of BentoML, at two sizes; and opening a list.

`python -m tests.benchmarks.service.pages PROJECT`, where `make demo` published. The larger list repeats the accounts of
the project under other ids. Of pages with filters no two requests are alike, so that no kept answer is measured.
A run on 1,000 accounts of the demo or more also rewrites the section `pages` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.benchmarks.report import Claim, claims_table, finish, plain_text
from tests.benchmarks.service.__main__ import DEMO, LEAST, Asked, claim, measured
from tests.benchmarks.service.http import request_bytes
from tests.benchmarks.service.servers import hello_world, undertow
from undertow.features.publishing.versions import publish
from undertow.features.settings import FILE_NAME, load_settings
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.run_files import (
    ADDED,
    DESCRIBED,
    DRIVERS,
    FEATURES,
    MODEL,
    read_json,
    read_table,
    write_run,
)
from undertow.serving.published.scores import PublishedScores

ACCOUNTS = 200_000  # of the larger list
MOST = {"as published": 10, f"at {ACCOUNTS:,} accounts": 20}  # times hello-world
MOST_SECONDS, MOST_GB = 3.0, 1.0  # to open the larger list
DIFFERENT = 400  # requests of a page with filters
HELLO = "hello-world of BentoML"
OPENED = """
from pathlib import Path
from time import perf_counter
from tests.benchmarks.memory import peak_since_last
from undertow.serving.published.scores import PublishedScores
started = perf_counter()
PublishedScores.open(Path({folder!r}))
print(perf_counter() - started, peak_since_last())
"""


def main() -> None:
    """Measure, print and write down."""
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.service.pages", description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("project", metavar="PROJECT", type=Path, nargs="?", default=DEMO)
    project = parser.parse_args().project
    published = ScoresReader(load_settings(project).store_path()).latest()
    with tempfile.TemporaryDirectory() as folder:
        larger = repeated(project, published, Path(folder))
        sizes = dict(zip(MOST, (project, larger), strict=True))
        found = [of_size(name, each) for name, each in sizes.items()]
        seconds, gigabytes = opening(larger)
    claims = [each for claims, _ in found for each in claims]
    text = f"opening {ACCOUNTS:,} accounts takes at most {MOST_SECONDS:g} s and {MOST_GB:g} GB"
    holds = seconds <= MOST_SECONDS and gigabytes <= MOST_GB
    claims.append(Claim(text, f"{seconds:.1f} s, {gigabytes:.2f} GB", holds))
    printed = plain_text("\n".join(line for _, lines in found for line in lines), claims_table("Pages", claims))
    print(printed)
    accounts = published.table.num_rows
    partial = "" if accounts >= LEAST else f"{accounts:,} accounts"
    print(finish("pages", printed, partial))


def repeated(project: Path, published: PublishedScores, folder: Path) -> Path:
    """Return a project like this one with a list of ACCOUNTS accounts, in the same order, each under its own id."""
    times = -(-ACCOUNTS // published.table.num_rows)
    rows = np.repeat(np.arange(published.table.num_rows), times)[:ACCOUNTS]
    table, features = (_renamed(each, rows, times) for each in (published.table, _features(published)))
    said = {name: read_json(published.folder, name) for name in (DRIVERS, DESCRIBED, MODEL, *ADDED)}
    manifest = {name: value for name, value in published.manifest.items() if name not in ("files", "format")}
    manifest |= {"accounts": ACCOUNTS}
    shutil.copy(project / FILE_NAME, folder / FILE_NAME)
    root = load_settings(folder).store_path("scores")
    run_id = str(manifest["run_id"])
    publish(root, run_id, lambda run: write_run(run, table, features, said, manifest, published.bundle))
    return folder


def _features(published: PublishedScores) -> pa.Table:
    """Return the features of the published accounts, in the order of the list."""
    features = read_table(published.folder, FEATURES)
    place = {account: row for row, account in enumerate(features["account_id"].to_pylist())}
    return features.take([place[account] for account in published.table["account_id"].to_pylist()])


def _renamed(table: pa.Table, rows: np.ndarray, times: int) -> pa.Table:
    ids = [f"{account}-{number:03}" for account in table["account_id"].to_pylist() for number in range(times)]
    taken = table.take(pa.array(rows))
    return taken.set_column(taken.column_names.index("account_id"), "account_id", pa.array(ids[: len(rows)]))


def of_size(name: str, project: Path) -> tuple[list[Claim], list[str]]:
    """Return the claims and the times of the pages of one list."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    ids = published.table["account_id"].to_pylist()
    with undertow(project) as ours, hello_world() as hello:
        asked = [Asked(HELLO, "hello", (request_bytes("/"),), 100), *pages(name, ids)]
        seconds = measured(asked, {"ours": ours.port, "hello": hello.port})
    lines = [f"{each.name:<50} {1000 * seconds[each.name]:>9.2f} ms" for each in asked]
    return [claim(each, seconds) for each in asked if each.beside], lines


def pages(name: str, ids: list[str]) -> Iterator[Asked]:
    """Yield the pages that are asked for; `name`: of the list, `ids`: its accounts."""
    number = count(1)

    def asked(page: str, *paths: str, times: int = 30) -> Asked:
        return Asked(f"{page}, {name}", "ours", tuple(map(request_bytes, paths)), times, HELLO, MOST[name])

    yield asked("list", "/")
    yield asked("one account", *(f"/accounts/{each}" for each in ids[:200]))
    for page in ("portfolio", "drivers", "journeys", "personas", "model"):
        yield asked(page, f"/{page}")
    orders = ("clv", "mrr", "renews_at", "name", "probability")
    yield asked("list, filtered and ordered", *(
        f"/?sort={orders[each % len(orders)]}&min_value={next(number)}&renews_within=90" for each in range(DIFFERENT)
    ))  # fmt: skip
    yield asked("list, searched", *(f"/?search={ids[each][-6:]}&limit={1 + each % 50}" for each in range(DIFFERENT)))
    yield asked("account of a filtered list", *(
        f"/accounts/{ids[each]}?sort=clv&min_value={each / 100}" for each in range(DIFFERENT)
    ))  # fmt: skip


def opening(project: Path) -> tuple[float, float]:
    """Return the seconds and the peak of memory, GB, of a process that opens the list and does nothing else."""
    folder = str(ScoresReader(load_settings(project).store_path()).latest().folder)
    run = [sys.executable, "-c", OPENED.format(folder=folder)]
    seconds, gigabytes = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(gigabytes)


if __name__ == "__main__":
    main()
