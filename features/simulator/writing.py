"""Writes a simulated world to files: the tables into one folder, the ground truth into another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from undertow.features.errors import SettingsError
from undertow.features.simulator.history import World, run
from undertow.features.simulator.leaks import OLDER, as_exported, notes, older_day, with_leaks
from undertow.features.simulator.observe import event_months, observe
from undertow.features.simulator.observe.columns import write, write_all
from undertow.features.simulator.parameters import Parameters, choose_world
from undertow.features.simulator.truth import write_truth

ReportProgress = Callable[[float], None]


@dataclass(frozen=True)
class Summary:
    """A summary of the files written: accounts, days of history, and the number of rows per table."""

    world: str
    seed: int
    accounts: int
    days: int
    rows: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """Return the summary as plain JSON values."""
        return asdict(self)


def simulate(
    world: str | Parameters,
    out: Path,
    *,
    seed: int = 7,
    accounts: int | None = None,
    months: int | None = None,
    truth: Path | None = None,
    progress: ReportProgress | None = None,
) -> Summary:
    """Simulate a world; write its tables to `out/<table>.parquet`, and the ground truth to the folder `truth` if given.

    `world`: a name in WORLDS, whose size `accounts` and `months` override, or parameters of one's own.
    `progress` receives the share done, 0 to 1. The same arguments write the same bytes. Files are renamed
    to their final names when all are complete. A world with planted leaks also writes an older export to
    `out/older`.
    """
    report_progress = progress or (lambda share: None)
    name = world if isinstance(world, str) else "own"
    p = choose_world(world, accounts, months) if isinstance(world, str) else world
    for folder in (out, truth):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise SettingsError(f"{folder} is a file. Name a folder to write into.")
    tables_share = 0.3 if truth else 1.0  # the ground truth takes longer than the tables
    simulated = run(p, seed, lambda share: report_progress(0.2 * tables_share * share))
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    rows = _write_tables(simulated, unfinished, lambda share: report_progress((0.2 + 0.8 * share) * tables_share))
    _move_into(unfinished, out)
    if truth is not None:
        write_truth(
            simulated, truth, progress=lambda share: report_progress(tables_share + (1.0 - tables_share) * share)
        )
    report_progress(1.0)
    return Summary(name, seed, p.accounts, p.days, rows)


def _move_into(unfinished: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / OLDER, ignore_errors=True)
    for path in sorted(unfinished.iterdir()):
        path.replace(out / path.name)
    unfinished.rmdir()


def _write_tables(world: World, folder: Path, report_progress: ReportProgress) -> dict[str, int]:
    """Write all tables; return the number of rows of each."""
    p, tables = world.parameters, observe(world)
    events: Iterator[pa.Table] = event_months(world)
    if p.leaks:
        _write_older(world, tables, folder / OLDER)
        tables, events = with_leaks(world, tables, p.days), _with_notes(world, p.days)
    for name, table in tables.items():
        write(table, folder / f"{name}.parquet")
    report_progress(0.1)
    counts = {name: table.num_rows for name, table in tables.items()}
    count = write_all(
        events, folder / "events.parquet", lambda month: report_progress(min(1.0, 0.1 + 0.9 * month / p.months))
    )
    return counts | {"events": count}


def _write_older(world: World, tables: dict[str, pa.Table], folder: Path) -> None:
    """Write the older export: the tables as exported on an earlier day, with the leaks up to then."""
    day = older_day(world)
    folder.mkdir()
    exported = {name: as_exported(world, name, table, day) for name, table in tables.items()}
    for name, table in with_leaks(world, exported, day).items():
        write(table, folder / f"{name}.parquet")
    events = (as_exported(world, "events", month, day) for month in _with_notes(world, day))
    write_all(events, folder / "events.parquet")


def _with_notes(world: World, until: int) -> Iterator[pa.Table]:
    """Yield the events, and at the end the notes on the accounts that left before `until`."""
    for month in event_months(world):
        yield month
    yield notes(world, until, month.schema)
