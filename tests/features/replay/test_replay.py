"""Replay: what was recorded by then, how two records are compared, and what is said of a difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.tables_by_hand import as_arrow
from undertow.features.build import FeatureTable, build_features
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.choose import Catalogue
from undertow.features.catalogue.language import rows_of
from undertow.features.errors import SourceError
from undertow.features.replay.older_export import (
    OlderRecord,
    against,
    exported_record,
    kept_records,
    moved_files,
    older_findings,
)
from undertow.features.replay.recorded_at import recording_findings, recordings
from undertow.features.replay.replay import (
    LATE_VALUES,
    SET_AHEAD,
    apart,
    compare,
    known_rows,
    replay,
    replay_findings,
    sample_as_ofs,
)
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import TABLES

NOW = datetime(2024, 7, 1)
AS_OFS = [datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 4, 1), datetime(2024, 5, 1)]
Row = Mapping[str, object]
Project = Callable[..., Settings]


def ticket(account: str, number: int, opened_at: str, resolved_at: str = "", **more: object) -> Row:
    row = {"account_id": account, "ticket_id": f"t{number}", "opened_at": opened_at, "recorded_at": opened_at}
    return {**row, "resolved_at": resolved_at, **more}


@pytest.fixture
def files(tiny_world: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Four accounts and two tickets, of which one is resolved late."""
    tickets = [ticket("ada", 1, "2024-01-20", "2024-03-05"), ticket("bo", 2, "2024-02-10", "2024-02-12")]
    return {**tiny_world, "tickets.csv": tickets}


@pytest.fixture
def built(project: Project, files: dict[str, list[Row]]) -> tuple[Settings, Tables, FeatureTable]:
    """The small world, and its features."""
    settings = project(files)
    tables = load_tables(settings, NOW)
    return settings, tables, build_features(settings, tables, AS_OFS)


def write_older(settings: Settings, files: Mapping[str, Sequence[Row]], project: Project, folder: Path) -> Path:
    """Write the files as they were exported earlier, beside the project."""
    folder.mkdir()
    project(files)
    for name in files:
        (settings.folder / name).rename(folder / name)
    return folder


# --- books -------------------------------------------------------------------------------------------


def known(table: str, rows: Sequence[Row], as_of: datetime) -> list[dict[str, object]]:
    """The rows of a table as its books stood at as_of."""
    with duckdb.connect() as connection:
        connection.register(table, as_arrow(table, rows))
        return connection.sql(known_rows(TABLES[table], as_of)).to_arrow_table().to_pylist()


def day(number: int) -> datetime:
    return datetime(2024, 3, number)


def test_rows_that_had_not_happened_or_were_not_recorded_are_gone() -> None:
    rows = [
        {"event_id": "in time", "occurred_at": day(1), "recorded_at": day(9)},
        {"event_id": "recorded late", "occurred_at": day(1), "recorded_at": day(10)},
        {"event_id": "ahead", "occurred_at": day(10), "recorded_at": day(1)},
    ]
    assert [row["event_id"] for row in known("events", rows, day(10))] == ["in time"]


def test_what_came_later_is_null() -> None:
    row = {"opened_at": day(1), "recorded_at": day(1), "resolved_at": day(10), "csat": 5.0, "csat_at": day(9),
           "first_response_at": day(2)}  # fmt: skip
    [found] = known("tickets", [row], day(10))
    assert (found["resolved_at"], found["csat"], found["first_response_at"]) == (None, 5.0, day(2))
    [earlier] = known("tickets", [row], day(9))
    assert (earlier["csat"], earlier["csat_at"]) == (None, None)


def test_an_end_is_known_from_when_it_was_booked_and_a_planned_one_before_it_comes() -> None:
    row = {"started_at": day(1), "recorded_at": day(1), "end_reason": "cancelled", "renews_at": day(30)}
    [booked_late] = known("subscriptions", [{**row, "ended_at": day(5), "end_recorded_at": day(12)}], day(10))
    assert (booked_late["ended_at"], booked_late["end_reason"], booked_late["renews_at"]) == (None, None, day(30))
    [announced] = known("subscriptions", [{**row, "ended_at": day(20), "end_recorded_at": day(5)}], day(10))
    assert (announced["ended_at"], announced["end_reason"]) == (day(20), "cancelled")


def test_the_audit_and_the_contract_agree_on_what_is_set_ahead_and_what_comes_late() -> None:
    planned = {(table.name, column.name) for table in TABLES.values() for column in table.columns if column.planned}
    assert planned == set(SET_AHEAD) - {("subscriptions", "ended_at")}
    late = {
        (table.name, column.name): column.known_from
        for table in TABLES.values()
        for column in table.columns
        if column.known_from not in (None, column.name)
    }
    assert late == LATE_VALUES


# --- replay --------------------------------------------------------------------------------------------


def test_the_sample_holds_the_earliest_and_is_the_same_each_time() -> None:
    chosen = sample_as_ofs(AS_OFS, 3, seed=1)
    assert chosen[0] == AS_OFS[0] and len(set(chosen)) == 3 and chosen == sorted(chosen)
    assert chosen == sample_as_ofs(AS_OFS, 3, seed=1)
    assert sample_as_ofs(AS_OFS, 9, seed=1) == AS_OFS


def test_replay_of_honest_features_is_all_equal(built: tuple[Settings, Tables, FeatureTable]) -> None:
    settings, tables, features = built
    found = replay(settings, tables, features, AS_OFS)
    assert found.rows == features.read().num_rows > 10
    assert {column.column for column in found.columns} == {column.name for column in features.catalogue.columns}
    assert (found.differing, found.lost, found.gained) == ((), (), ())
    assert replay_findings(found) == []
    assert not list(settings.store_path().glob(".audit-*"))


def test_replay_finds_features_that_were_built_from_later_rows(built: tuple[Settings, Tables, FeatureTable]) -> None:
    """The stored features of one moment are replaced by those of a later one: as if as_of had been ignored."""
    settings, tables, features = built
    later = features.read([AS_OFS[3]])
    earlier = pa.array([AS_OFS[0]] * later.num_rows, "timestamp[us]")
    found = replay(settings, tables, _Fixed(features, later.set_column(1, "as_of", earlier)), [AS_OFS[0]])
    assert "tenure_days" in {column.column for column in found.differing}
    assert any("tenure_days" in one.culprit for one in replay_findings(found))


class _Fixed(FeatureTable):
    """Features whose rows are given."""

    def __init__(self, features: FeatureTable, rows: pa.Table) -> None:
        super().__init__(features.folder, features.catalogue, features.as_ofs)
        object.__setattr__(self, "rows", rows)

    def read(self, as_ofs: Sequence[datetime] | None = None) -> pa.Table:
        """Return the given rows."""
        return self.rows  # type: ignore[attr-defined]


# --- comparing -------------------------------------------------------------------------------------------

CARDS = {
    "calls": Feature("calls", "Calls", family="cx", level="journey", unit="count", measure=rows_of("tickets").count()),
    "rate": Feature("rate", "Rate", family="ux", level="journey", unit="share", measure=rows_of("events").count()),
    "who": Feature("who", "Who", family="profile", level="journey", unit="text", measure=rows_of("accounts").count()),
}


def compared(then: Sequence[Row], now: Sequence[Row]) -> dict[str, int]:
    """Column -> rows that differ, of two sets of rows of one moment."""
    schema = [("account_id", pa.string()), ("as_of", pa.timestamp("us")), ("calls", pa.float64()),
              ("rate", pa.float64()), ("who", pa.string())]  # fmt: skip
    was, is_ = (
        pa.Table.from_pylist([{"account_id": str(n), "as_of": AS_OFS[0], **row} for n, row in enumerate(side)],
                             schema=pa.schema(schema))
        for side in (then, now)
    )  # fmt: skip
    features = _Fixed(FeatureTable(Path(), Catalogue(tuple(CARDS.values()), {}), (AS_OFS[0],)), is_)
    found = compare("replay", "then", was, features, AS_OFS[:1])
    counted = {column.column: column.differ for column in found.columns}
    return counted | {"lost": len(found.lost), "gained": len(found.gained)}


@pytest.mark.parametrize(
    ("then", "now", "differs"),
    [
        ({"calls": 3.0}, {"calls": 3.0}, ""),
        ({"calls": None}, {"calls": None}, ""),
        ({"calls": None}, {"calls": 0.0}, "calls"),
        ({"calls": 1e12}, {"calls": 1e12 + 1}, "calls"),  # counts: exactly
        ({"rate": 0.1}, {"rate": 0.1 * (1 + 1e-10)}, ""),
        ({"rate": 0.1}, {"rate": 0.1 * (1 + 1e-8)}, "rate"),
        ({"who": "a"}, {"who": "A"}, "who"),
        ({"who": None}, {"who": "a"}, "who"),
    ],
)
def test_what_counts_as_a_difference(then: Row, now: Row, differs: str) -> None:
    found = compared([then], [now])
    assert [name for name, count in found.items() if count] == ([differs] if differs else [])


def test_what_cancels_to_almost_nothing_is_equal() -> None:
    assert compared([{"rate": 1.0}, {"rate": 0.0}], [{"rate": 1.0}, {"rate": 1e-16}])["rate"] == 0


def test_who_is_in_one_record_only_is_counted() -> None:
    assert compared([{}, {}], [{}]) == {"calls": 0, "rate": 0, "who": 0, "lost": 1, "gained": 0}
    assert compared([{}], [{}, {}])["gained"] == 1


# --- older records -----------------------------------------------------------------------------------------


def test_an_older_export_that_agrees_is_all_equal(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    then = {**files, "tickets.csv": [ticket("ada", 1, "2024-01-20"), files["tickets.csv"][1]]}
    found, said = _compare_with(project, files, then, tmp_path)
    assert found.as_ofs == tuple(AS_OFS[:2])
    assert (found.differing, said) == ((), ())


def test_a_ticket_that_was_back_dated_is_named(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    now = {**files, "tickets.csv": [*files["tickets.csv"], ticket("bo", 3, "2024-02-20")]}
    _, [said] = _compare_with(project, now, files, tmp_path)
    assert (said.severity, said.culprit) == ("failure", "tickets")
    assert "1 row, such as t3: each was not in the older record though its times say so" in said.text


def test_a_segment_that_was_overwritten_is_named(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    accounts = [{**row, "segment": "gone"} if row["account_id"] == "bo" else row for row in files["accounts.csv"]]
    _, [said] = _compare_with(project, {**files, "accounts.csv": accounts}, files, tmp_path)
    assert said.culprit == "accounts.segment"
    assert "bo at 2024-02-01: small then, gone now" in said.text


def test_an_event_without_a_key_of_its_own_is_compared_whole(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    note = {"account_id": "di", "occurred_at": "2024-02-20 10:00:00", "kind": "error", "session_id": "9"}
    _, [said] = _compare_with(project, {**files, "events.csv": [note, *files["events.csv"]]}, files, tmp_path)
    assert said.culprit == "events"
    assert "1 row, such as di: each is there now and was not" in said.text


def test_whoever_was_deleted_since_is_missed(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    kept = {name: [row for row in rows if row["account_id"] != "bo"] for name, rows in files.items()}
    found, said = _compare_with(project, kept, files, tmp_path)
    assert [account for account, _ in found.lost] == ["bo", "bo"]
    assert [one.culprit for one in said] == ["the population"]


def _compare_with(project: Project, now: Mapping, then: Mapping, tmp_path: Path) -> tuple:
    """Compare with an export taken on 2024-03-02: rows before it, and the days when they were known."""
    settings = project(now)
    tables = load_tables(settings, NOW)
    features = build_features(settings, tables, AS_OFS)
    folder = write_older(settings, then, project, tmp_path / "older")
    with apart(settings) as elsewhere:
        older = exported_record(settings, elsewhere, folder, tables, NOW)
        return against(settings, elsewhere, tables, features, replace(older, until=datetime(2024, 3, 1)))


def test_an_export_covers_the_days_before_the_one_it_was_taken_on(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    settings = project(files, "[data]\nuntil = 2024-06-20\n")
    tables = load_tables(settings, NOW)
    before = [row for row in files["events.csv"] if str(row["occurred_at"]) < "2024-04"]
    ends = [{**row, "ended_at": "", "end_recorded_at": ""} for row in files["subscriptions.csv"]]
    then = {**files, "events.csv": before, "subscriptions.csv": ends}
    folder = write_older(settings, then, project, tmp_path / "older")
    with apart(settings) as elsewhere:
        older = exported_record(settings, elsewhere, folder, tables, NOW)
        assert older.tables.until == datetime(2024, 3, 29)
        assert older.until == datetime(2024, 3, 28)


def test_an_export_without_a_file_is_refused(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    settings = project(files)
    tables = load_tables(settings, NOW)
    folder = write_older(settings, {"accounts.csv": files["accounts.csv"]}, project, tmp_path / "older")
    settings = project(files)
    with apart(settings) as elsewhere:
        with pytest.raises(SourceError, match=r"must hold the same files as the project: .*no file at .*older"):
            exported_record(settings, elsewhere, folder, tables, NOW)
        with pytest.raises(SourceError, match=r"--against .*nowhere is not a folder"):
            exported_record(settings, elsewhere, tmp_path / "nowhere", tables, NOW)


def test_files_are_looked_for_below_what_they_have_in_common(project: Project, tmp_path: Path) -> None:
    settings = project({"a.csv": ""})
    there = settings.model_copy(update={"files": {"a": "data/a.csv", "b": "data/days/*.csv"}})
    moved = moved_files(there, tmp_path / "[march]")
    assert moved == {"a": f"{tmp_path}/[[]march]/a.csv", "b": f"{tmp_path}/[[]march]/days/*.csv"}
    alone = settings.model_copy(update={"files": {"a": "data/a.csv"}})
    assert moved_files(alone, tmp_path / "march") == {"a": f"{tmp_path}/march/a.csv"}


def test_what_is_still_kept_from_an_earlier_reading_is_an_older_record(
    project: Project, files: dict[str, list[Row]]
) -> None:
    settings = project({**files, "events.csv": files["events.csv"][:3]})
    first = load_tables(settings, datetime(2024, 4, 20))
    assert kept_records(settings, first) == []
    second = load_tables(project(files), NOW)
    [kept] = kept_records(settings, second)
    assert isinstance(kept, OlderRecord)
    assert (kept.tables.folder, kept.until) == (first.folder, first.until)
    assert kept.until < second.until


def test_what_another_release_kept_is_passed_over(project: Project, files: dict[str, list[Row]]) -> None:
    settings = project({**files, "events.csv": files["events.csv"][:3]})
    first = load_tables(settings, datetime(2024, 4, 20))
    second = load_tables(project(files), NOW)
    (first.folder / "summary.json").write_text("{}", encoding="utf-8")
    assert kept_records(settings, second) == []


def test_a_changed_select_is_not_taken_for_a_back_dated_row() -> None:
    """Where features differ and no row does, the finding says what else it may be."""
    was, is_ = (pa.table({"account_id": ["a"], "as_of": AS_OFS[:1], "calls": [calls]}) for calls in (1.0, 2.0))
    features = _Fixed(FeatureTable(Path(), Catalogue((CARDS["calls"],), {}), (AS_OFS[0],)), is_)
    [said] = older_findings(compare("older record", "then", was, features, AS_OFS[:1]), {})
    assert "was the SELECT changed since?" in said.text


# --- what the sources say about time -------------------------------------------------------------------------


def test_a_source_that_does_not_say_when_rows_were_written_is_warned_of(
    built: tuple[Settings, Tables, FeatureTable],
) -> None:
    settings, tables, _ = built
    shares = {(one.table, one.by): one.share for one in recordings(settings, tables)}
    assert shares["accounts", None] == shares["tickets", "recorded_at"] == 1.0
    assert shares["subscriptions", "end_recorded_at"] == 0.5
    [found] = recording_findings(settings, tables)
    assert found.severity == "warning"
    assert "tickets" in found.culprit
    assert "not what your systems did" in found.text


def test_a_source_that_says_it_is_not_warned_of(project: Project, files: dict[str, list[Row]]) -> None:
    files["tickets.csv"][0] = {**files["tickets.csv"][0], "recorded_at": "2024-01-21"}  # type: ignore[index]
    settings = project(files)
    [found] = recording_findings(settings, load_tables(settings, NOW))
    assert "tickets" not in found.culprit


def test_a_time_without_a_rule_after_its_row_was_recorded_fails(
    project: Project, files: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = TABLES["tickets"]
    columns = tuple(
        replace(one, known_from=None, planned=True) if one.name == "resolved_at" else one for one in tickets.columns
    )
    settings = project(files)
    tables = load_tables(settings, NOW)
    monkeypatch.setitem(TABLES, "tickets", replace(tickets, columns=columns))
    found = [one for one in recording_findings(settings, tables) if one.severity == "failure"]
    assert [one.culprit for one in found] == ["tickets.resolved_at"]
    assert "2 rows hold a time after they were recorded" in found[0].text


def test_a_rule_that_was_changed_upstream_is_noted(project: Project, files: dict[str, list[Row]]) -> None:
    rage = [
        {"account_id": "ada", "occurred_at": f"2024-0{month}-10", "kind": "rage_click", "definition": version}
        for month, version in ((3, "3 clicks"), (4, "3 clicks"), (5, "4 clicks"))
    ]
    settings = project({**files, "events.csv": [*files["events.csv"], *rage]})
    [found] = [one for one in recording_findings(settings, load_tables(settings, NOW)) if one.severity == "note"]
    assert found.culprit == "events of the kind rage_click"
    assert "3 clicks from 2024-03-10, 4 clicks from 2024-05-10" in found.text
