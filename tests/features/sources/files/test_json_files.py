"""JSON is read as text: no type is guessed, every key of every file counts, whatever way the objects are laid out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, NOW, Project
from undertow.features.engines.duckdb import open_duckdb
from undertow.features.errors import ContractError, SourceError
from undertow.features.settings import FILE_NAME, Engine, load_settings
from undertow.features.sources.files.json_files import look_at
from undertow.features.sources.load import load_tables, read_tables

EVENT = {"account_id": "ada", "occurred_at": "2024-03-01T10:00:00Z", "kind": "login"}


def names(project: Project, file: str, content: str | bytes, column: str = "name") -> list[object]:
    tables = load_tables(project({"accounts.csv": ACCOUNTS, file: content}), NOW)
    return pq.read_table(tables.path("events"))[column].to_pylist()  # type: ignore[no-any-return]


def lines(*objects: dict[str, object]) -> str:
    return "\n".join(json.dumps(each) for each in objects)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("BBD05AE7-0000-4000-8000-00000000000A", "BBD05AE7-0000-4000-8000-00000000000A"),
        (123456789012345678901230, "123456789012345678901230"),
        ("2024-05-06", "2024-05-06"),
        ("00123", "00123"),
        ("1.50", "1.50"),
        (7, "7"),
        (True, "true"),
        (None, None),
    ],
)
def test_a_value_is_the_text_that_was_written(project: Project, value: object, text: str | None) -> None:
    assert names(project, "events.jsonl", lines({**EVENT, "name": value})) == [text]


def test_one_date_column_is_read_in_one_way(project: Project) -> None:
    days = ["2024-03-01", "2024-03-01 10:00:00", "2024-03-01T10:00:00+02:00"]
    rows = [{**EVENT, "occurred_at": day} for day in days]
    hours = [time.hour for time in names(project, "events.jsonl", lines(*rows), "occurred_at")]  # type: ignore[attr-defined]
    assert hours == [0, 8, 10]


def test_a_key_of_the_last_of_many_files_is_a_column(project: Project) -> None:
    files = {f"e-{n:02}.jsonl": lines(EVENT) for n in range(40)}
    settings = project({"accounts.csv": ACCOUNTS, **files, "e-99.jsonl": lines({**EVENT, "name": "late", "x": 1})})
    text = ('[files]\naccounts = "accounts.csv"\ne = "e-*.jsonl"\n[tables]\n'
            'events = "SELECT account_id, occurred_at, kind, name FROM e"')  # fmt: skip
    (settings.folder / FILE_NAME).write_text(text, encoding="utf-8")
    tables = load_tables(load_settings(settings.folder), NOW)
    assert pq.read_table(tables.path("events"))["name"].to_pylist().count("late") == 1


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "content",
    [
        lines(EVENT, {**EVENT, "name": "two"}),
        json.dumps([EVENT, {**EVENT, "name": "two"}]),
        json.dumps([EVENT, {**EVENT, "name": "two"}], indent=2),
        json.dumps(EVENT, indent=2) + "\n" + json.dumps({**EVENT, "name": "two"}, indent=2),
    ],
    ids=["lines", "array", "written array", "written objects"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_objects_are_read_however_they_are_laid_out(project: Project, mark: bytes, content: str, packed: bool) -> None:
    written = mark + content.encode()
    file = ("events.json.gz", gzip.compress(written)) if packed else ("events.json", written)
    assert names(project, *file) == [None, "two"]


def test_nested_parts_are_reached_by_a_dot_or_an_arrow(project: Project) -> None:
    toml = ("[tables]\nevents = \"SELECT account_id, occurred_at, kind, p.plan.name AS name, p ->> '$.os' AS platform, "
            "p.huge AS user_id FROM raw\"")  # fmt: skip
    row = {**EVENT, "p": {"plan": {"name": "Pro"}, "os": "iOS", "huge": 123456789012345678901230}}
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "raw.jsonl": lines(EVENT, row)}, toml), NOW)
    [_, read] = pq.read_table(tables.path("events")).to_pylist()
    assert (read["name"], read["platform"], read["user_id"]) == ("Pro", "ios", "123456789012345678901230")


def test_keys_that_differ_in_case_are_one_column(project: Project) -> None:
    rows = lines({**EVENT, "Name": "one"}, {**EVENT, "name": "two"})
    assert names(project, "events.jsonl", rows) == ["one", "two"]


def test_keys_that_differ_in_case_are_one_column_with_parts(project: Project) -> None:
    toml = "[tables]\nevents = \"SELECT account_id, occurred_at, kind, p ->> '$.name' AS name FROM raw\""
    rows = lines({**EVENT, "p": {"name": "one"}}, {**EVENT, "P": {"name": "two"}}, {**EVENT, "p": None})
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "raw.jsonl": rows}, toml), NOW)
    assert pq.read_table(tables.path("events"))["name"].to_pylist() == ["one", "two", None]


def test_a_key_with_parts_in_some_rows_and_text_in_others_is_text(project: Project) -> None:
    rows = lines({**EVENT, "name": {"of": "x"}}, {**EVENT, "name": "two"}, {**EVENT, "name": "{three"})
    assert names(project, "events.jsonl", rows) == ['{"of":"x"}', "two", "{three"]


def test_looking_for_the_keys_needs_no_memory_per_object(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    row = json.dumps({**EVENT, "text": "x" * 500, "parts": {"one": 1}})
    file.write_text(f"{row}\n" * 200_000, encoding="utf-8")  # 120 MB
    with open_duckdb(Engine(memory_limit="100MB", threads=1), tmp_path / "spill") as connection:
        _, keys, broken = look_at(connection, "events", file, tmp_path)
    assert keys == {**dict.fromkeys(EVENT, False), "text": False, "parts": True}
    assert broken == 0


def test_a_line_that_is_no_json_costs_itself_and_is_counted(project: Project) -> None:
    text = lines(*[{**EVENT, "name": n} for n in range(40)]) + '\n{"account_id": "ada", "occ\n'
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.jsonl": text}), NOW)
    assert tables.report("events").kept == 40
    assert [(each.file, each.lines) for each in tables.broken] == [("events.jsonl", 1)]
    assert "1 line of the file events.jsonl that could not be read" in tables.refused_text


def test_many_lines_that_are_no_json_stop_the_run(project: Project) -> None:
    with pytest.raises(ContractError, match=r"events.jsonl: 1 line.* could not be read"):
        load_tables(project({"accounts.csv": ACCOUNTS, "events.jsonl": lines(EVENT) + "\nnothing\n"}), NOW)


def test_json_without_objects_is_refused(project: Project) -> None:
    with pytest.raises(SourceError, match=r"must hold JSON objects with named keys"):
        read_tables(project({"accounts.csv": ACCOUNTS, "events.json": "[1, 2, 3]"}), NOW)
