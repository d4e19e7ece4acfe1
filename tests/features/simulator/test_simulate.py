"""The simulator is the yardstick, so its own claims are measured here: one seed, one world, whole files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.errors import SettingsError
from undertow.features.simulator import (
    WORLDS,
    Parameters,
    World,
    event_months,
    observe,
    run,
    simulate,
    write_truth,
)
from undertow.features.simulator.history import stream
from undertow.features.simulator.state import PersonRows
from undertow.features.simulator.world import step
from undertow.features.tables import TABLES

SMALL = Parameters(accounts=60, months=5)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 accounts x 5 months as files."""
    out: Path = tmp_path_factory.mktemp("small")
    simulate(SMALL, out)
    return out


@pytest.fixture(scope="module")
def village() -> World:
    """The same 60 accounts x 5 months, as a world."""
    return run(SMALL, seed=7)


def _same(one: PersonRows, other: PersonRows) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def test_the_same_seed_writes_the_same_bytes(small: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path)
    for name in TABLES:
        assert (tmp_path / f"{name}.parquet").read_bytes() == (small / f"{name}.parquet").read_bytes(), name


def test_another_seed_is_another_world(small: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path, seed=8)
    for name in set(TABLES) - {"merges"}:  # nobody merges in a world so small
        assert (tmp_path / f"{name}.parquet").read_bytes() != (small / f"{name}.parquet").read_bytes(), name


def test_a_step_leaves_its_inputs_as_they_were_and_repeats_itself(village: World) -> None:
    p, day = village.parameters, 75
    state = village.state_at(day)
    before = state.each(np.copy), village.static.each(np.copy)
    rng = stream(1)
    once = step(p, village.static, state, day, rng, village.release_effects)
    again = step(p, village.static, state, day, stream(1), village.release_effects)
    assert all(_same(one, other) for one, other in zip(once, again, strict=True))
    assert _same(state, before[0]) and _same(village.static, before[1])
    assert not _same(once[0], step(p, village.static, state, day, rng, village.release_effects)[0])


def test_a_step_draws_as_many_numbers_whatever_a_lever_changes(village: World) -> None:
    pulled = replace(SMALL, load_shift=-0.5, error_factor=0.5, support_speed=3.0, recovery=0.9, price_rise=0.0)
    one, other = stream(1), stream(1)
    for day in range(60, 90):
        state = village.state_at(day)
        step(SMALL, village.static, state, day, one, village.release_effects)
        step(pulled, village.static, state, day, other, village.release_effects)
        assert one.random() == other.random()


def test_the_state_of_any_day_is_the_one_reached_by_walking_there(village: World) -> None:
    from_the_start = replace(village, frozen={0: village.frozen[0]})
    for day in (*village.frozen, 17, 45, village.parameters.days - 1):
        assert _same(from_the_start.state_at(day), village.state_at(day)), day


def test_the_journal_tells_what_happens_in_the_months_lived_again() -> None:
    town = run(replace(SMALL, accounts=300, merge_rate=1e-3), seed=1)
    j = town.journal
    assert (j.heir >= 0).sum() > 5
    for number, month in enumerate(town.months()):
        first = town.parameters.month_start(number)
        lines = j.take((j.day >= first) & (j.day < first + len(month.left)))
        at = lines.day - first, lines.account
        for name in ("left", "arrived", "heir"):
            dense = getattr(month, name)
            nothing = -1 if name == "heir" else 0
            assert np.array_equal(dense[at], getattr(lines, name)), name
            assert (dense != nothing).sum() == (getattr(lines, name) != nothing).sum(), name
        for name in ("billed", "card_failed", "repriced", "opened", "resolved", "called"):
            dense = np.where(month.present, getattr(month.lived, name), 0)
            told = np.where(lines.present, getattr(lines, name), 0)
            assert np.array_equal(dense[at], told) and (dense != 0).sum() == (told != 0).sum(), name


def test_the_journal_is_sorted_by_account_and_then_by_day(village: World) -> None:
    assert (np.diff(village.journal.account * 100_000 + village.journal.day) > 0).all()


def test_events_come_one_month_at_a_time_and_are_the_ones_that_are_written(village: World, small: Path) -> None:
    months = event_months(village)
    assert isinstance(months, Iterator)
    parts = list(months)
    assert len(parts) == SMALL.months
    for number, part in enumerate(parts):
        months_of = part["recorded_at"].to_numpy().astype("datetime64[M]")
        assert set(months_of) == {np.datetime64("2023-01") + number}
    assert pa.concat_tables(parts).equals(pq.read_table(small / "events.parquet"))


def test_tables_are_the_ones_that_are_written(village: World, small: Path) -> None:
    for name, table in observe(village).items():
        assert table.equals(pq.read_table(small / f"{name}.parquet")), name


def test_every_table_has_the_columns_that_undertow_reads(small: Path) -> None:
    assert {path.stem for path in small.iterdir()} == set(TABLES)
    for name, table in TABLES.items():
        extra = {"load_ms"} if name == "events" else set()  # the new name that apps give to their load time
        assert set(pq.read_schema(small / f"{name}.parquet").names) == {c.name for c in table.columns} | extra


def test_progress_rises_to_one_and_rows_are_counted(tmp_path: Path) -> None:
    told: list[float] = []
    summary = simulate("tiny", tmp_path, accounts=40, months=4, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    assert (summary.world, summary.accounts, summary.days) == ("tiny", 40, 120)
    assert summary.rows == {name: pq.read_metadata(tmp_path / f"{name}.parquet").num_rows for name in TABLES}


def test_an_unknown_world_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Unknown world 'dmo'.*Did you mean 'demo'"):
        simulate("dmo", tmp_path)


@pytest.mark.parametrize("size", [{"accounts": 0}, {"months": 0}, {"accounts": -1}])
def test_a_world_without_anybody_or_any_time_is_refused(tmp_path: Path, size: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="at least 1 account and 1 month"):
        simulate("tiny", tmp_path / "out", **size)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("which", ["out", "truth"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, which: str) -> None:
    (tmp_path / which).write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="is a file"):
        simulate(SMALL, tmp_path / "out", truth=tmp_path / "truth")
    assert (tmp_path / which).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("accounts, months", [(1, 1), (1, 2), (3, 2)])
def test_the_smallest_worlds_are_written_whole(tmp_path: Path, accounts: int, months: int) -> None:
    for seed in range(4):
        simulate(Parameters(accounts=accounts, months=months, leaks=seed > 1), tmp_path, seed=seed)
        assert {path.stem for path in tmp_path.glob("*.parquet")} == set(TABLES)


@pytest.mark.parametrize("accounts, months, seed", [(1, 1, 0), (3, 2, 1)])
def test_the_truth_of_the_smallest_worlds_is_written_whole(
    tmp_path: Path, accounts: int, months: int, seed: int
) -> None:
    write_truth(run(Parameters(accounts=accounts, months=months), seed), tmp_path, months=1, paths=4)
    assert len(list(tmp_path.glob("*.parquet"))) == 5


def test_the_worlds_are_the_ones_that_the_documents_name() -> None:
    assert set(WORLDS) == {"tiny", "demo", "bench", "noise", "leak", "confounded", "treated"}
    assert (WORLDS["tiny"].accounts, WORLDS["tiny"].months) == (300, 18)
    assert (WORLDS["demo"].accounts, WORLDS["demo"].months) == (2000, 30)


def test_the_first_day_is_the_one_asked_for(tmp_path: Path) -> None:
    summary = simulate(replace(SMALL, start=date(2024, 2, 1), months=1), tmp_path)
    assert summary.days == 29
    first = pq.read_table(tmp_path / "events.parquet")["recorded_at"].to_numpy().min()
    assert first.astype("datetime64[D]") == np.datetime64("2024-02-01")
