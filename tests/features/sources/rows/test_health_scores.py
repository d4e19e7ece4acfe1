"""The table `scores`: where it comes from, what a score may be, and that all scores are of one kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import duckdb
import pytest

from undertow.features.errors import ContractError, SettingsError
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables, read_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 7, 1, 12)
Project = Callable[..., Settings]


def _scores(*scores: object, account: str = "account_id") -> list[dict[str, object]]:
    return [{account: "ada", "scored_at": f"2024-03-{day + 1:02d}", "score": score} for day, score in enumerate(scores)]


def _kept(tables: Tables) -> list[str]:
    return [row[0] for row in duckdb.sql(f"SELECT score FROM '{tables.path('scores')}' ORDER BY scored_at").fetchall()]


def _reasons(tables: Tables) -> dict[str, int]:
    return {reason.reason: reason.rows for reason in tables.report("scores").reasons}


@pytest.mark.parametrize(
    ("name", "toml"),
    [
        ("scores.csv", ""),
        ("health.csv", '[tables]\nscores = "SELECT * FROM health"'),
        ("health.csv", '[scores]\ntable = "health"'),
        ("health.csv", '[scores]\ntable = "SELECT account_id, scored_at, score FROM health"'),
    ],
)
def test_scores_come_from_a_file_a_select_or_the_table_that_the_section_names(
    project: Project, tiny_world: dict[str, list[dict[str, object]]], name: str, toml: str
) -> None:
    tables = load_tables(project({**tiny_world, name: _scores(10, 72.5)}, toml), NOW)
    assert [float(score) for score in _kept(tables)] == [10, 72.5]
    assert tables.unused == ()


def test_the_account_may_be_called_account(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    files = {**tiny_world, "health.csv": _scores(10, account="account")}
    assert _kept(load_tables(project(files, '[scores]\ntable = "health"'), NOW)) == ["10"]


def test_a_score_without_a_recording_time_was_recorded_when_it_was_made(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    tables = load_tables(project({**tiny_world, "scores.csv": _scores(10)}), NOW)
    [row] = duckdb.sql(f"SELECT scored_at, recorded_at FROM '{tables.path('scores')}'").fetchall()
    assert row == (datetime(2024, 3, 1), datetime(2024, 3, 1))


def test_colours_need_no_order_and_are_compared_without_case(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    assert _kept(load_tables(project({**tiny_world, "scores.csv": _scores("Red", " GREEN ")}), NOW)) == ["red", "green"]


@pytest.mark.parametrize(
    ("scores", "toml", "reason"),
    [
        (("red", "green", 70), "", "score is not one of red, orange, amber, yellow, green ([scores] order)"),
        ((70, 60, "red"), "", "score is not a number (words need their order, the worst first: [scores] order = "
                              '["at risk", "fine"])'),
        ((70, 60, "inf"), "", "score is not a number (words need their order, the worst first: [scores] order = "
                              '["at risk", "fine"])'),
        (("bad", "fine", "okay"), '[scores]\norder = ["bad", "fine"]',
         "score is not one of bad, fine ([scores] order)"),
    ],
)  # fmt: skip
def test_a_score_of_another_kind_is_quarantined_and_too_many_stop_every_job(
    project: Project, tiny_world: dict[str, list[dict[str, object]]], scores: tuple[object, ...], toml: str, reason: str
) -> None:
    settings = project({**tiny_world, "scores.csv": _scores(*scores)}, toml)
    assert _reasons(read_tables(settings, NOW)) == {reason: 1}
    with pytest.raises(ContractError, match="scores: 1 of 3 rows"):
        load_tables(settings, NOW)


def test_words_without_an_order_are_refused_with_what_to_do(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    settings = project({**tiny_world, "scores.csv": _scores("poor", "fine")})
    with pytest.raises(ContractError, match=r"score is not a number \(words need their order"):
        load_tables(settings, NOW)


def test_another_order_reads_the_tables_again(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    files = {**tiny_world, "scores.csv": _scores("bad", "fine")}
    assert _reasons(read_tables(project(files), NOW))
    assert not _reasons(read_tables(project(files, '[scores]\norder = ["bad", "fine"]'), NOW))


def test_scores_after_the_end_of_the_record_do_not_move_it(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    without = load_tables(project(tiny_world), NOW).until
    late = [{"account_id": "ada", "scored_at": "2024-06-28", "score": 5}]
    assert load_tables(project({**tiny_world, "scores.csv": late}), NOW).until == without


def test_a_score_stays_with_the_account_that_it_was_given_to(
    project: Project, tiny_world: dict[str, list[dict[str, object]]]
) -> None:
    merges = [{"account_id": "ada", "merged_into": "di", "merged_at": "2024-05-01"}]
    tables = load_tables(project({**tiny_world, "scores.csv": _scores(10), "merges.csv": merges}), NOW)
    assert duckdb.sql(f"SELECT account_id FROM '{tables.path('scores')}'").fetchall() == [("ada",)]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[scores]\ntable = "helth"', r"'helth' is no entry of \[files\].*Did you mean 'health'"),
        ('[tables]\nscores = "SELECT 1"\n[scores]\ntable = "health"', "leave one of them out"),
        ('[scores]\norder = ["red"]', "at least two different words"),
        ('[scores]\norder = ["red", "green"]\nhealthy = "blue"', "healthy = 'blue' is not in order: red, green"),
        ('[scores]\norder = ["red", "green"]\nalarm = 3', "alarm = 3 is a number, and scores are words"),
        ('[scores]\norder = ["red", "green"]\ngood = "low"', "good is for numbers"),
        ("[scores]\nhealthy = 30\nalarm = 60", "healthy .30.0. must be a better score than alarm"),
        ('[scores]\nhealthy = 30\nalarm = "red"', "both be numbers or both be words"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    project: Project, tiny_world: dict[str, list[dict[str, object]]], toml: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        project({**tiny_world, "health.csv": _scores(10)}, toml)
