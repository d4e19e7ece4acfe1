"""Events whose files only grew: what was added is read alone, and the tables are those of a whole reading."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.settings import Settings, load_settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 7, 1)
NOT_AGAIN = "were not read again"
ALL_AGAIN = "all rows were read again"
Row = dict[str, Any]
Write = Callable[[Path, list[Row], bool], None]

ACCOUNTS = "account_id,created_at\nada,2024-01-01\nbo,2024-01-01\ncleo,2024-01-10\n"
USERS = (
    "user_id,account_id,joined_at,left_at\nu1,ada,2024-01-01,\nu2,bo,2024-01-01,2024-03-01\nu2,cleo,2024-03-01,\n"
    "u3,cleo,2024-01-10,\n"
)
MERGES = "account_id,merged_into,merged_at\nbo,ada,2024-04-01\n"
TOML = '[files]\naccounts = "accounts.csv"\nusers = "users.csv"\nmerges = "merges.csv"\ntracker = "{files}"\n{tables}'
SELECT = '[tables]\nevents = "SELECT * FROM tracker"\n'


def event(number: int, random: Random) -> Row:
    happened = datetime(2024, 1, 15) + timedelta(minutes=random.randrange(110 * 24 * 60))
    late = timedelta(hours=random.choice([0, 0, 0, 5, 900]))
    return {
        "event_id": f"e{number}",
        "account_id": random.choice(["ada", "bo", "cleo", "", "", "nobody"]),
        "user_id": random.choice(["u1", "u2", "u3", "guest"]),
        "session_id": random.choice(["s1", "s2", "s3", "s4", ""]),
        "occurred_at": f"{happened:%Y-%m-%d %H:%M}",
        "recorded_at": f"{happened + late:%Y-%m-%d %H:%M}",
        "kind": random.choice(["page_view", "page_view", "error", ""]),
        "duration_ms": random.choice(["120", "80", "", "slow", "-5"]),
    }


def _as_csv(folder: Path, rows: list[Row], is_first: bool) -> None:
    names = list(event(0, Random(0)))
    if not rows:
        return
    lines = ["".join(f"{row[name]}{',' if name != names[-1] else ''}" for name in names) for row in rows]
    with (folder / "tracker.csv").open("a", encoding="utf-8") as file:
        file.write("\n".join([*([",".join(names)] if is_first else []), *lines]) + "\n")


def _as_json(folder: Path, rows: list[Row], is_first: bool) -> None:
    with (folder / "tracker.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({k: v for k, v in row.items() if v}) + "\n" for row in rows)


def _as_parquet(folder: Path, rows: list[Row], is_first: bool) -> None:
    if not rows:
        return
    (folder / "tracker").mkdir(exist_ok=True)
    number = len(list((folder / "tracker").iterdir()))
    pq.write_table(pa.Table.from_pylist(rows), folder / "tracker" / f"part-{9 - number}.parquet")


FORMATS: dict[str, tuple[str, Write]] = {
    "csv": ("tracker.csv", _as_csv),
    "json": ("tracker.jsonl", _as_json),
    "parquet": ("tracker/*.parquet", _as_parquet),
}


class Export:
    """A project in a folder whose events can be added to, and read again or for the first time."""

    def __init__(self, folder: Path, kind: str = "csv", tables: str = SELECT) -> None:
        self.folder, (files, self.write) = folder, FORMATS[kind]
        folder.mkdir()
        (folder / "undertow.toml").write_text(TOML.format(files=files, tables=tables), encoding="utf-8")
        for name, text in (("accounts", ACCOUNTS), ("users", USERS), ("merges", MERGES)):
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")

    def add(self, rows: list[Row], is_first: bool = False) -> None:
        self.write(self.folder, rows, is_first)

    def settings(self) -> Settings:
        return load_settings(self.folder)

    def read(self, now: datetime = NOW) -> Tables:
        return read_tables(self.settings(), now)

    def read_whole(self, now: datetime = NOW) -> Tables:
        """Read a copy of the project that was never read before."""
        copy = self.folder.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("store"))
        return read_tables(load_settings(copy), now)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Export]:
    return lambda *given: Export(tmp_path / "project", *given)


def _rows(files: list[Path]) -> list[str]:
    there = [file for file in files if file.exists()]
    return sorted(repr(sorted(row.items())) for file in there for row in pq.ParquetFile(file).read().to_pylist())


def assert_same(grown: Tables, whole: Tables) -> None:
    assert grown.fingerprint == whole.fingerprint
    assert _rows(grown.files("events")) == _rows(whole.files("events"))
    for name in ("quarantine/events", "visitors"):
        assert _rows([grown.folder / f"{name}.parquet"]) == _rows([whole.folder / f"{name}.parquet"])
    mine, theirs = ({report.table: report for report in tables.reports} for tables in (grown, whole))
    assert {name: (r.read, r.kept, r.refused, r.refused_accounts, set(r.reasons)) for name, r in mine.items()} == {
        name: (r.read, r.kept, r.refused, r.refused_accounts, set(r.reasons)) for name, r in theirs.items()
    }
    assert grown.spans == whole.spans
    assert (grown.since, grown.until, grown.unknown_words) == (whole.since, whole.until, whole.unknown_words)


def said(tables: Tables, what: str) -> list[str]:
    return [note for note in tables.notes if what in note]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_added_gives_the_tables_of_a_whole_reading(
    export: Callable[..., Export], kind: str, seed: int
) -> None:
    random, project = Random(seed), export(kind)
    events = [event(number, random) for number in range(240)]
    project.add(events[:200], is_first=True)
    assert not said(project.read(), NOT_AGAIN)
    project.add([*events[200:220], *random.sample(events[:200], 5)])  # late rows, and some that are sent again
    once = project.read()
    [note] = said(once, NOT_AGAIN)
    assert "25 rows added to tracker" in note and "the 200 before" in note
    assert_same(once, project.read_whole())
    project.add(events[220:])
    twice = project.read()
    assert said(twice, NOT_AGAIN)
    assert_same(twice, project.read_whole())


@pytest.mark.parametrize("kind", FORMATS)
def test_rows_that_are_added_while_it_reads_are_read_by_the_next_run(
    export: Callable[..., Export], kind: str
) -> None:
    project, events = export(kind), [event(n, Random(n)) for n in range(90)]
    project.add(events[:40], is_first=True)
    project.read()
    meanwhile: list[list[Row]] = []
    for start in (40, 60):
        project.add(events[start : start + 10])
        meanwhile.append(events[start + 10 : start + 20])
        read_tables(project.settings(), NOW, lambda what, share: project.add(meanwhile.pop() if meanwhile else []))
    project.add(events[80:])
    read = project.read()
    assert said(read, NOT_AGAIN)
    assert_same(read, project.read_whole())


def test_months_without_a_new_row_keep_their_files(export: Callable[..., Export]) -> None:
    project = export()
    events = [{**event(n, Random(n)), "account_id": "ada"} for n in range(100)]
    project.add(events, is_first=True)
    before = {file.parent.name: file.stat().st_ino for file in project.read().files("events")}
    project.add([{**events[0], "event_id": "new", "occurred_at": "2024-06-20", "recorded_at": "2024-06-20",
                  "kind": "error", "duration_ms": ""}])  # fmt: skip
    after = {file.parent.name: file.stat().st_ino for file in project.read().files("events")}
    assert "month=2024-06" in after and len(before) > 3
    assert {month: number for month, number in after.items() if month != "month=2024-06"} == {
        month: number for month, number in before.items() if month != "month=2024-06"
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_new_in_the_events_while_another_table_changed(export: Callable[..., Export], kind: str) -> None:
    project = export(kind)
    project.add([event(n, Random(n)) for n in range(50)], is_first=True)
    project.read()
    (project.folder / "accounts.csv").write_text(f"{ACCOUNTS}di,2024-05-01\n", encoding="utf-8")
    read = project.read()
    assert said(read, "0 rows added")
    assert_same(read, project.read_whole())


def test_a_copied_file_is_recognised_by_its_content(export: Callable[..., Export]) -> None:
    project = export()
    project.add([event(n, Random(n)) for n in range(50)], is_first=True)
    project.read()
    os.utime(project.folder / "tracker.csv", (1, 1))
    assert said(project.read(), "0 rows added")


# --- what makes all be read again ------------------------------------------------------------

FIRST = [event(n, Random(n)) for n in range(80)]
USUAL = {"account_id": "ada", "user_id": "u1", "session_id": "", "kind": "error", "duration_ms": "",
         "occurred_at": "2024-06-01 10:00", "recorded_at": "2024-06-01 10:00"}  # fmt: skip
GUEST = {**USUAL, "event_id": "g", "account_id": "", "user_id": "guest", "occurred_at": "2024-02-01",
         "recorded_at": "2024-02-01"}  # fmt: skip


def _edit(project: Export, name: str, old: str, new: str) -> None:
    path = project.folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


CHANGES: dict[str, Callable[[Export], object]] = {
    "a row of the same id": lambda p: p.add([{**USUAL, "event_id": "known", "kind": "page_view"}]),
    "an earlier copy": lambda p: p.add([{**USUAL, "event_id": "known", "recorded_at": "2024-06-01 09:00"}]),
    "an account that refused rows name": lambda p: _edit(p, "accounts.csv", "ada,", "nobody,2024-01-01\nada,"),
    "an account that they spell otherwise": lambda p: _edit(p, "accounts.csv", "ada,", "NOBODY,2024-01-01\nada,"),
    "an account created later": lambda p: _edit(p, "accounts.csv", "cleo,2024-01-10", "cleo,2024-03-10"),
    "an account that is gone": lambda p: _edit(p, "accounts.csv", "cleo,2024-01-10\n", ""),
    "a visitor who had joined": lambda p: _edit(p, "users.csv", "u1,ada", "guest,ada,2024-01-20,\nu1,ada"),
    "a user who had left": lambda p: _edit(p, "users.csv", "u3,cleo,2024-01-10,", "u3,cleo,2024-01-10,2024-02-01"),
    "a user who had a second account": lambda p: _edit(p, "users.csv", "u1,ada", "u3,ada,2024-01-20,\nu1,ada"),
    "another merge": lambda p: _edit(p, "merges.csv", "bo,ada,2024-04-01", "bo,ada,2024-03-01"),
    "a row without an id": lambda p: p.add([{**USUAL, "event_id": ""}]),
}
SILENT: dict[str, Callable[[Export], object]] = {
    "an edit within": lambda p: _edit(p, "tracker.csv", "page_view", "page_vieW"),
    "a line that was cut": lambda p: (p.folder / "tracker.csv").write_bytes(
        (p.folder / "tracker.csv").read_bytes()[:-20]
    ),
    "another rule": lambda p: _edit(p, "undertow.toml", "[tables]", "[data]\nfuture_hours = 30\n[tables]"),
    "another SELECT": lambda p: _edit(p, "undertow.toml", "SELECT * FROM", "SELECT *, 1 AS value FROM"),
}


@pytest.mark.parametrize("change", [*CHANGES, *SILENT])
def test_whatever_else_changes_all_is_read_again(export: Callable[..., Export], change: str) -> None:
    project = export()
    project.add([*FIRST, {**USUAL, "event_id": "known"}, GUEST], is_first=True)
    project.read()
    (CHANGES | SILENT)[change](project)
    read = project.read()
    assert not said(read, NOT_AGAIN)
    assert bool(said(read, ALL_AGAIN)) == (change in CHANGES)
    assert_same(read, project.read_whole())


HARMLESS: dict[str, Callable[[Export], object]] = {
    "a new account": lambda p: _edit(p, "accounts.csv", "ada,", "new,2024-06-25\nada,"),
    "a user who joins now": lambda p: _edit(p, "users.csv", "u1,ada", "u9,ada,2024-06-29,\nu1,ada"),
    "a user who leaves now": lambda p: _edit(p, "users.csv", "u3,cleo,2024-01-10,", "u3,cleo,2024-01-10,2024-06-29"),
    "a visitor who joins now": lambda p: _edit(p, "users.csv", "u1,ada", "guest,ada,2024-06-29,\nu1,ada"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_concerns_no_earlier_event_does_not(export: Callable[..., Export], change: str) -> None:
    project = export()
    project.add([*FIRST, GUEST], is_first=True)
    project.read()
    HARMLESS[change](project)
    project.add([{**USUAL, "event_id": "new", "account_id": "", "user_id": user, "occurred_at": "2024-06-30",
                  "recorded_at": "2024-06-30"} for user in ("u3", "guest")][:1])  # fmt: skip
    read = project.read()
    assert said(read, NOT_AGAIN)
    assert_same(read, project.read_whole())


def test_a_row_that_lay_in_the_future_is_judged_again(export: Callable[..., Export]) -> None:
    project = export()
    project.add([*FIRST, {**USUAL, "event_id": "ahead", "occurred_at": "2024-07-09", "recorded_at": "2024-07-09"}],
                is_first=True)  # fmt: skip
    project.read()
    project.add([{**USUAL, "event_id": "new"}])
    later = NOW + timedelta(days=20)
    read = project.read(later)
    assert said(read, "lay in the future")
    assert_same(read, project.read_whole(later))


@pytest.mark.parametrize(
    "select",
    ["SELECT *, count(*) OVER () AS value FROM tracker", "SELECT DISTINCT * FROM tracker",
     "SELECT * FROM tracker ORDER BY event_id", "SELECT * FROM tracker WHERE occurred_at < CAST(now() AS VARCHAR)",
     "SELECT * FROM tracker WHERE user_id IN (SELECT user_id FROM tracker)",
     "SELECT t.* FROM tracker AS t JOIN accounts AS a USING (account_id)"],
)  # fmt: skip
def test_a_select_that_relates_rows_is_always_read_whole(export: Callable[..., Export], select: str) -> None:
    project = export("csv", f'[tables]\nevents = "{select}"\n')
    project.add(FIRST, is_first=True)
    project.read()
    project.add([{**USUAL, "event_id": "new"}])
    assert not said(project.read(), NOT_AGAIN)
