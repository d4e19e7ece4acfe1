"""Data checks across rows: the project's own, unknown event kinds, unused files, mixed currencies."""

from __future__ import annotations

import json

import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project
from undertow.features.errors import DataError
from undertow.features.sources.load import load_tables, read_tables


def test_a_check_counts_the_rows_in_doubt_and_drops_none(project: Project) -> None:
    toml = """[checks]
    no_value = "SELECT *, (SELECT count(*) FROM events) AS of_rows FROM events WHERE value IS NULL"
    no_kind = "SELECT * FROM events WHERE kind IS NULL"
    """
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": EVENTS}, toml), NOW)
    doubted, fine = tables.findings
    assert (doubted.check, doubted.rows, doubted.of) == ("no_value", 1, 2)
    assert json.loads(doubted.example)["account_id"] == "bo"
    assert "of_rows" not in doubted.example
    assert (fine.rows, fine.example) == (0, "")
    assert tables.report("events").kept == 2


def test_an_error_in_a_check_names_it(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS}, '[checks]\nodd = "SELECT * FROM nowhere"')
    with pytest.raises(DataError, match=r"\[checks\] odd: Catalog Error: .*nowhere"):
        load_tables(settings, NOW)


def test_a_file_that_no_select_reads_is_named(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS, "evnts.csv": "account_id\nada\n"})
    assert read_tables(settings, NOW).unused == ("evnts",)


def test_an_unknown_kind_of_event_is_kept_and_counted(project: Project) -> None:
    event = {"account_id": "ada", "occurred_at": "2024-02-01"}
    events = [{**event, "kind": kind} for kind in ("pageview", "pageview", "page_view", "dance")]
    tables = read_tables(project({"accounts.csv": ACCOUNTS, "events.csv": events}), NOW)
    assert tables.unknown_words == (("events.kind", "pageview", 2), ("events.kind", "dance", 1))
    assert tables.report("events").kept == 4


def test_a_kind_of_ones_own_is_known_and_one_without_rows_is_noted(project: Project) -> None:
    """Declaring it reads nothing again."""
    event = {"account_id": "ada", "occurred_at": "2024-02-01"}
    events = [{**event, "kind": kind} for kind in ("Delivery", "dance")]
    files = {"accounts.csv": ACCOUNTS, "events.csv": events}
    before = read_tables(project(files), NOW)
    tables = read_tables(project({}, _listed(files) + "[events]\nkinds = ['delivery', 'store_visit']"), NOW)
    assert tables.unknown_words == (("events.kind", "dance", 1),)
    assert [note for note in tables.notes if "kinds" in note] == [
        "events: no row has the kind 'store_visit' of [events] kinds (spelled otherwise?)."
    ]
    assert (tables.folder, len(before.unknown_words)) == (before.folder, 2)


def test_twenty_unknown_kinds_are_named_whatever_their_number(project: Project) -> None:
    event = {"account_id": "ada", "occurred_at": "2024-02-01"}
    events = [{**event, "kind": f"kind {number:02}"} for number in range(30)]
    files = {"accounts.csv": ACCOUNTS, "events.csv": events}
    kinds = [f"kind {number:02}" for number in range(15)]
    tables = read_tables(project(files, f"[events]\nkinds = {kinds}"), NOW)
    assert [word for _, word, _ in tables.unknown_words] == [f"kind {number:02}" for number in range(15, 30)]
    assert len(read_tables(project(files), NOW).unknown_words) == 20


def _listed(files: dict[str, object]) -> str:
    """Return the lines of [files], so that the files are not written again."""
    return "".join(f'{name.split(".")[0]} = "{name}"\n' for name in files)
