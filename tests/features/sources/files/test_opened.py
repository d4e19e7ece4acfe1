"""[files] with declared columns, and [views]: SELECTs that are computed once and used by tables and checks."""

from __future__ import annotations

import gzip
import json

import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project
from undertow.features.errors import DataError, SettingsError, SourceError
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.sources.files.opened import opened_sources
from undertow.features.sources.load import load_tables, read_tables, selects_id

TABLES = '[tables]\nevents = "SELECT * FROM known_events"\n'


def written(settings: Settings, toml: str) -> Settings:
    """Write undertow.toml anew and read it."""
    (settings.folder / FILE_NAME).write_text(toml, encoding="utf-8")
    return load_settings(settings.folder)


def test_a_view_is_used_by_tables_by_checks_and_by_views_after_it(project: Project) -> None:
    toml = """[views]
    known_events = "SELECT * FROM log WHERE kind = 'error'"
    known_accounts = "SELECT DISTINCT account_id FROM known_events"
    [checks]
    odd = "SELECT * FROM known_accounts"
    """
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "log.csv": EVENTS}, toml + TABLES), NOW)
    assert tables.report("events").read == 1
    assert [(each.check, each.rows) for each in tables.findings] == [("odd", 1)]
    assert tables.unused == ()


def test_the_tables_are_read_again_where_a_view_changes(project: Project) -> None:
    view = "[views]\nknown_events = \"SELECT * FROM log WHERE kind = '{}'\"\n"
    files = {"accounts.csv": ACCOUNTS, "log.csv": EVENTS}
    errors = project(files, view.format("error") + TABLES)
    assert load_tables(errors, NOW).report("events").read == 1
    before = selects_id(errors)
    pages = project(files, view.format("page_view") + TABLES)
    assert pq.read_table(load_tables(pages, NOW).path("events"))["account_id"].to_pylist() == ["bo"]
    assert selects_id(pages) != before


@pytest.mark.parametrize("name", ["log", "no name"])
def test_a_view_that_cannot_be_named_is_refused(project: Project, name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' must be a name in letters, digits and _, and no entry of"):
        project({"accounts.csv": ACCOUNTS, "log.csv": EVENTS}, f'[views]\n"{name}" = "SELECT 1"')


@pytest.mark.parametrize(
    ("section", "name"),
    [("views", r"\[views\] events"), ("tables", "table events"), ("checks", r"\[checks\] events")],
)
def test_an_error_in_a_query_names_its_file_and_shows_the_place(project: Project, section: str, name: str) -> None:
    sql = "SELECT account_id,\n       kimd\nFROM log\n"
    settings = project({"accounts.csv": ACCOUNTS, "log.csv": EVENTS, "events.sql": sql})
    settings = written(settings, f'[files]\naccounts = "accounts.csv"\nlog = "log.csv"\n[{section}]\n'
                                 'events = "events.sql"\n')  # fmt: skip
    with pytest.raises(DataError, match=rf"^{name} \(events\.sql\): Binder Error: .*kimd") as error:
        load_tables(settings, NOW)
    shown, caret = str(error.value).splitlines()[1:]
    assert shown == "  line 2:        kimd"
    assert caret == " " * shown.index("kimd") + "^^^^"


def test_declared_columns_of_json_are_there_though_no_object_has_them(project: Project) -> None:
    objects = [{"account_id": "ada", "occurred_at": "2024-03-01", "kind": "click", "more": {"plan": "x"}, "else": 1}]
    lines = "\n".join([*(json.dumps(each) for each in objects), '{"broken": ', json.dumps({"else": 2})])
    settings = project({"accounts.csv": ACCOUNTS, "log.jsonl.gz": gzip.compress(lines.encode())})
    columns = {"account_id": "VARCHAR", "occurred_at": "VARCHAR", "kind": "VARCHAR", "more": "JSON", "extra": "JSON"}
    listed = ", ".join(f"{name} = '{kind}'" for name, kind in columns.items())
    settings = written(settings, f"""[files]
        accounts = "accounts.csv"
        log = {{ path = "log.jsonl.gz", columns = {{ {listed} }} }}
        [tables]
        events = "SELECT account_id, occurred_at, kind, more.plan AS name, extra.value AS value FROM log"
        """)
    tables = read_tables(settings, NOW)
    assert pq.read_table(tables.path("events"))["name"].to_pylist() == ["x"]
    assert [(each.file, each.lines) for each in tables.broken] == [("log.jsonl.gz", 1)]
    with opened_sources(settings) as connection:
        described = connection.execute("DESCRIBE log").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == list(columns.items())


@pytest.mark.parametrize("line", ["[1]", "3", '"text"', '{"account_id": "ada"', '{"account_id": "ada"} {}'])
def test_a_line_that_is_no_object_is_counted_where_one_column_is_declared(project: Project, line: str) -> None:
    lines = "\n".join([*['{"account_id": "ada"}'] * 40, line, '{"account_id": "ada"}'])
    settings = project({"accounts.csv": ACCOUNTS, "log.jsonl": lines})
    settings = written(settings, """[files]
        accounts = "accounts.csv"
        log = { path = "log.jsonl", columns = { account_id = "VARCHAR" } }
        [tables]
        events = "SELECT account_id, '2024-03-01' AS occurred_at, 'click' AS kind FROM log"
        """)
    tables = load_tables(settings, NOW)
    assert set(pq.read_table(tables.path("events"))["account_id"].to_pylist()) == {"ada"}
    assert tables.report("events").read == 41
    assert [(each.file, each.lines) for each in tables.broken] == [("log.jsonl", 1)]


def test_an_optional_column_is_null_where_no_file_has_it(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS, "log.csv": EVENTS})
    settings = written(settings, """[files]
        accounts = "accounts.csv"
        log = { path = "log.csv", optional = ["name", "platform"] }
        [tables]
        events = "SELECT account_id, occurred_at, kind, name, platform FROM log"
        """)
    events = pq.read_table(load_tables(settings, NOW).path("events"))
    assert sorted(map(str, events["name"].to_pylist())) == ["None", "Save, then\nclose"]
    assert events["platform"].to_pylist() == [None, None]


def test_columns_are_refused_where_files_are_not_json_or_a_type_is_guessed(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS})
    entry = '[files]\naccounts = {{ path = "accounts.csv", columns = {{ account_id = "{}" }} }}'
    with pytest.raises(SettingsError, match="account_id = 'DATE': expected VARCHAR, or JSON"):
        written(settings, entry.format("DATE"))
    with pytest.raises(SourceError, match=r"\[files\] accounts: columns are for JSON files, and .*accounts.csv is"):
        load_tables(written(settings, entry.format("VARCHAR")), NOW)
