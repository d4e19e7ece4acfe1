"""Simulated worlds as tables in memory, to plant leaks in, and the projects that are audited."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.features.simulator.written import TABLES
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.choose import FEATURES, Catalogue, make_catalogue
from undertow.features.catalogue.language import rows_of
from undertow.features.connectors import write_project
from undertow.features.replay.replay import rows_recorded_by

EXPORTED = pd.Timestamp("2024-03-02")  # when the older export was taken; it covers the snapshot of 2024-03-01
SNAPSHOTS = "\n[snapshots]\ndates = [2023-06-01, 2023-09-01, 2023-12-01, 2024-01-01, 2024-02-01, 2024-03-01]\n"
World = dict[str, pd.DataFrame]
CARDS = (
    "visits", "feature_use", "error_rate", "days_since_last_activity", "tickets_opened", "tickets_open",
    "urgent_tickets", "resolution_time", "nps_latest", "mrr", "seats", "term_months", "days_to_renewal",
    "failed_payments", "tenure_days", "segment", "country",
)  # fmt: skip
TIME_TO_FIX = Feature(
    "time_to_fix", "Time to resolution of the tickets opened", family="cx", level="journey", unit="hours",
    measure=rows_of("tickets").hours_between("opened_at", "resolved_at"), windows=(90,),
)  # fmt: skip


def use_few_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build some feature cards of each kind instead of all of them: a tenth of the time."""
    cards = tuple(card for card in FEATURES if card.name in CARDS)
    assert len(cards) == len(CARDS)

    def few(present: Iterable[str], own_profile: Iterable[tuple[str, bool]] = (), *_: object) -> Catalogue:
        return make_catalogue(present, own_profile, (*cards, TIME_TO_FIX))

    monkeypatch.setattr("undertow.features.build.feature_table.make_catalogue", few)


def read_world(folder: Path) -> World:
    """Read the tables of a simulated world."""
    return {file.stem: pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))}


def make_project(world: World, folder: Path) -> None:
    """Write a world and the settings of a project of it."""
    write_world(world, folder / "data")
    settings = write_project("demo", folder / "data", folder)
    with settings.open("a", encoding="utf-8") as file:
        file.write(SNAPSHOTS)


def write_world(world: World, folder: Path) -> None:
    """Write the tables of a world."""
    folder.mkdir()
    for name, frame in world.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)


def as_exported(world: World) -> World:
    """The world as an honest export at EXPORTED would have written it."""
    connection = duckdb.connect(config={"threads": 1})
    older = {}
    for name, frame in world.items():
        connection.register(name, frame)
        older[name] = connection.sql(rows_recorded_by(TABLES[name], EXPORTED.to_pydatetime())).df()
    connection.close()
    return older


def accounts_that_left(world: World) -> pd.DataFrame:
    """Who left, and when they did for the last time."""
    ends = world["subscriptions"]
    ends = ends[ends["end_reason"].isin(["cancelled", "payment_failed"])]
    return ends.groupby("account_id", as_index=False)["ended_at"].max()
