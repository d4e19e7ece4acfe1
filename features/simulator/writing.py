"""From a world to files: the tables in one folder, the truth in another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from undertow.features.errors import SettingsError
from undertow.features.simulator.history import World, run
from undertow.features.simulator.leaks import (
    OLDER,
    as_exported,
    notes,
    older_day,
    with_leaks,
)
from undertow.features.simulator.observe import event_months, observe
from undertow.features.simulator.observe.columns import write, write_all
from undertow.features.simulator.parameters import Parameters, choose_world
from undertow.features.simulator.truth import write_truth

Tell = Callable[[float], None]


@dataclass(frozen=True)
class Summary:
    """What was written: accounts, days of history, and the number of rows of each table."""

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
    progress: Tell | None = None,
) -> Summary:
    """Write `out/<table>.parquet` for each table, and the truth where asked.

    `world`: a name among WORLDS, whose size `accounts` and `months` override, or parameters of one's
    own. `progress` receives the share done, 0 to 1. The same arguments write the same bytes. Files
    take their places when all are whole. A world with planted leaks writes an export of an earlier
    day too, into `out/older`.
    """
    tell = progress or (lambda share: None)
    name = world if isinstance(world, str) else "own"
    p = choose_world(world, accounts, months) if isinstance(world, str) else world
    for folder in (out, truth):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise SettingsError(f"{folder} is a file. Name a folder to write into.")
    told = 0.3 if truth else 1.0  # the truth takes longer than the tables
    made = run(p, seed, lambda share: tell(0.2 * told * share))
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    rows = _write_tables(made, unfinished, lambda share: tell((0.2 + 0.8 * share) * told))
    _take_places(unfinished, out)
    if truth is not None:
        write_truth(made, truth, progress=lambda share: tell(told + (1.0 - told) * share))
    tell(1.0)
    return Summary(name, seed, p.accounts, p.days, rows)


def _take_places(unfinished: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / OLDER, ignore_errors=True)
    for made in sorted(unfinished.iterdir()):
        made.replace(out / made.name)
    unfinished.rmdir()


def _write_tables(world: World, folder: Path, tell: Tell) -> dict[str, int]:
    """Write all tables; return how many rows each has."""
    p, tables = world.parameters, observe(world)
    events: Iterator[pa.Table] = event_months(world)
    if p.leaks:
        _write_older(world, tables, folder / OLDER)
        tables, events = with_leaks(world, tables, p.days), _with_notes(world, p.days)
    for name, table in tables.items():
        write(table, folder / f"{name}.parquet")
    tell(0.1)
    counted = {name: table.num_rows for name, table in tables.items()}
    written = write_all(events, folder / "events.parquet", lambda month: tell(min(1.0, 0.1 + 0.9 * month / p.months)))
    return counted | {"events": written}


def _write_older(world: World, tables: dict[str, pa.Table], folder: Path) -> None:
    """Write what an export of an earlier day held, with what leaked by then."""
    day = older_day(world)
    folder.mkdir()
    known = {name: as_exported(world, name, table, day) for name, table in tables.items()}
    for name, table in with_leaks(world, known, day).items():
        write(table, folder / f"{name}.parquet")
    events = (as_exported(world, "events", month, day) for month in _with_notes(world, day))
    write_all(events, folder / "events.parquet")


def _with_notes(world: World, until: int) -> Iterator[pa.Table]:
    """Yield the events, and at the end the notes that were written of leavers before `until`."""
    for month in event_months(world):
        yield month
    yield notes(world, until, month.schema)
