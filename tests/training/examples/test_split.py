"""Train < gap < test: which moments are looked from, who is left out, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest

from undertow.features.build.feature_table import build_features
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables
from undertow.training.examples.outcomes import observed_until
from undertow.training.examples.split import Dates, Examples, choose_dates, make_examples

NOW = datetime(2025, 6, 1)
Project = Callable[..., Settings]
Make = Callable[..., Examples]


@pytest.fixture
def ready(project: Project) -> Callable[..., tuple[Settings, Tables]]:
    """Return a function from settings to a project of 2024: Ada stays, Bo leaves, Cleo was booked late."""

    def make(toml: str = "") -> tuple[Settings, Tables]:
        accounts = [
            {"account_id": name, "created_at": "2023-12-01", "segment": name[0]} for name in ("ada", "bo", "cleo")
        ]
        subscriptions = [
            {"subscription_id": "1", "account_id": "ada", "started_at": "2024-01-01", "mrr": 10},
            {"subscription_id": "2", "account_id": "bo", "started_at": "2024-01-01", "mrr": 10,
             "ended_at": "2024-08-10", "end_recorded_at": "2024-08-10"},
            {"subscription_id": "3", "account_id": "cleo", "started_at": "2024-01-01", "mrr": 10,
             "ended_at": "2024-04-20", "end_recorded_at": "2024-05-10"},
            {"subscription_id": "4", "account_id": "ada", "started_at": "2024-12-30", "mrr": 10},
        ]  # fmt: skip
        settings = project({"accounts.csv": accounts, "subscriptions.csv": subscriptions}, toml)
        return settings, load_tables(settings, NOW)

    return make


def first_days(*months: int) -> tuple[datetime, ...]:
    return tuple(datetime(2024, month, 1) for month in months)


def examples_at(settings: Settings, tables: Tables, as_ofs: Sequence[datetime], where: str = "") -> Examples:
    features = build_features(settings, tables, as_ofs)
    with open_database(settings) as database:
        return make_examples(database, settings.churn, tables, features, as_ofs, tables.until, where)


def assert_time_is_respected(settings: Settings, dates: Dates) -> None:
    """All that training may know of an outcome was known before the first test as_of."""
    shortest = timedelta(days=settings.training.horizons[0])
    known = max(dates.train) + shortest + timedelta(days=settings.churn.grace_days)
    assert known <= dates.train_known_at <= min(dates.test) - timedelta(days=settings.training.gap_days)


def test_the_test_is_the_newest_as_of_whose_window_matured(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    """The rows end on 2024-12-31; 90 days of headline and 30 of grace before it is 2024-09-02."""
    settings, tables = ready()
    dates = choose_dates(settings, tables)
    assert tables.until == datetime(2024, 12, 31)
    assert dates.test == first_days(9)
    assert dates.train == first_days(4, 5, 6, 7)
    assert_time_is_respected(settings, dates)


def test_a_gap_moves_what_training_knows(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready("[training]\ngap_days = 40")
    dates = choose_dates(settings, tables)
    assert dates.train_known_at == datetime(2024, 7, 23)
    assert dates.train == first_days(4, 5)
    assert_time_is_respected(settings, dates)


def test_named_dates_replace_the_calendar(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready("[snapshots]\ndates = [2024-03-15, 2024-06-15]\ntest = [2024-08-15, 2024-09-01]")
    dates = choose_dates(settings, tables)
    assert dates.test == (datetime(2024, 8, 15), datetime(2024, 9, 1))
    assert dates.train == (datetime(2024, 3, 15), datetime(2024, 6, 15))
    assert dates.every == (*dates.train, *dates.test)
    assert_time_is_respected(settings, dates)


def test_a_matured_test_off_the_month_start_needs_no_other_dates(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready("[snapshots]\ntest = [2024-08-15]")
    assert choose_dates(settings, tables).test == (datetime(2024, 8, 15),)


def test_a_test_that_has_not_matured_is_refused_with_the_day_it_will_be(
    ready: Callable[..., tuple[Settings, Tables]],
) -> None:
    settings, tables = ready("[snapshots]\ntest = [2024-12-01]")
    with pytest.raises(ModelRefusal, match="only fully observed on 2025-03-31, and the rows end on 2024-12-31"):
        choose_dates(settings, tables)


def test_a_record_too_short_for_any_test_is_refused_with_the_day_it_will_be(
    ready: Callable[..., tuple[Settings, Tables]],
) -> None:
    settings, tables = ready("[data]\nuntil = 2024-05-15")
    with pytest.raises(ModelRefusal, match=r"90 days from 2024-04-01, with 30 days of grace.* observed on 2024-07-30"):
        choose_dates(settings, tables)


def test_a_record_without_a_past_before_the_test_is_refused(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready("[snapshots]\ntest = [2024-05-01]")
    with pytest.raises(ModelRefusal, match="No snapshot before 2024-05-01 has a followed window of 30 days"):
        choose_dates(settings, tables)


def test_accounts_gone_but_booked_later_are_left_out(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready()
    may = first_days(5)
    features = build_features(settings, tables, may)
    assert "cleo" in features.read()["account_id"].to_pylist()
    assert examples_at(settings, tables, may).rows["account_id"].to_pylist() == ["ada", "bo"]


def test_rows_and_outcomes_go_together(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready()
    found = examples_at(settings, tables, first_days(6, 8))
    left = dict(zip(zip(found.rows["as_of"].to_pylist(), found.rows["account_id"].to_pylist(), strict=True),
                    found.outcomes.churn_days.tolist(), strict=True))  # fmt: skip
    june, august = first_days(6, 8)
    assert (left[june, "bo"], left[august, "bo"]) == (70, 9)
    assert np.isnan([left[june, "ada"], left[august, "ada"]]).all()
    assert found.churners() == 1


def test_a_condition_chooses_accounts(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready()
    found = examples_at(settings, tables, first_days(6), where="segment = 'b'")
    assert found.rows["account_id"].to_pylist() == ["bo"]


def test_accounts_are_numbered_from_zero_also_after_taking_some(examples: Make) -> None:
    found = examples([np.nan, 5.0, np.nan], account_id=["x", "y", "x"])
    assert found.accounts.tolist() == [0, 1, 0]
    taken = found.take(np.array([False, True, True]))
    assert (len(taken), sorted(taken.accounts.tolist()), taken.churners()) == (2, [0, 1], 1)


def test_observation_ends_before_the_grace_does(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready("[churn]\ngrace_days = 10")
    assert observed_until(settings.churn, tables.until) == datetime(2024, 12, 21)
    assert choose_dates(settings, tables).test == first_days(9)


def test_of_more_snapshots_a_part_is_drawn_the_same_each_time(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready()
    as_ofs = first_days(4, 5, 6, 7)
    features = build_features(settings, tables, as_ofs)
    with open_database(settings) as database:
        given = database, settings.churn, tables, features, as_ofs, tables.until
        every, drawn, again = (make_examples(*given, most=most) for most in (None, 7, 7))
    assert len(every) > 7 and every.drawn_from is None
    assert len(drawn) == 7 and drawn.drawn_from == len(every)
    assert drawn.rows.equals(again.rows)
    labels = dict(zip(_keys(every), every.outcomes.churn_days.tolist(), strict=True))
    assert [repr(labels[key]) for key in _keys(drawn)] == [repr(day) for day in drawn.outcomes.churn_days.tolist()]
    assert len({key[1] for key in _keys(drawn)}) > 1  # not of one as_of alone


def test_to_learn_from_cases_are_kept_and_the_weights_add_up(ready: Callable[..., tuple[Settings, Tables]]) -> None:
    settings, tables = ready()
    as_ofs = first_days(4, 5, 6, 7)
    features = build_features(settings, tables, as_ofs)
    with open_database(settings) as database:
        given = database, settings.churn, tables, features, as_ofs, tables.until
        every = make_examples(*given, most=1_000, cases_within=(30, 60))
        within = every.outcomes.churned(60)
        drawn = make_examples(*given, most=2 * int(within.sum()), cases_within=(30, 60))
    assert every.weight is None and 0 < within.sum() < len(every) / 2
    assert drawn.weight is not None and drawn.weight.sum() == pytest.approx(len(every))
    kept = dict(zip(_keys(drawn), drawn.weight.tolist(), strict=True))
    assert [kept[key] for key, is_case in zip(_keys(every), within, strict=True) if is_case] == [1.0] * within.sum()
    some = drawn.take(drawn.outcomes.churned(60))
    assert some.weight is not None and set(some.weight) == {1.0}
    assert len(drawn.uniform()) < len(drawn) and drawn.uniform().weight is None
    assert drawn.churners() == every.take(within).churners()


def _keys(examples: Examples) -> list[tuple[str, datetime]]:
    return list(zip(*(examples.rows[name].to_pylist() for name in ("account_id", "as_of")), strict=True))
