"""The leakage audit on small simulated worlds: each planted leak is found by name, and clean worlds pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.training.leakage.planted import EXPORTED, World, accounts_that_left, as_exported, make_project, write_world
from undertow.features import tables
from undertow.features.catalogue.choose import make_catalogue
from undertow.features.connectors import write_project
from undertow.features.errors import ContractError, LeakFound, SourceError
from undertow.features.replay.replay import Finding
from undertow.features.settings import load_settings
from undertow.features.simulator import simulate
from undertow.features.sources.load import load_tables
from undertow.features.tables import ALL_TABLES, TABLES
from undertow.training.leakage.audit import accept, audit, refuse_leaks

NOW = datetime(2024, 7, 2, 4)


@dataclass(frozen=True)
class Audited:
    """The report of an audit as JSON, and the message with which the leaks are refused; "" where there are none."""

    said: dict[str, Any]
    refusal: str

    def culprits(self, check: str) -> list[str]:
        """Return the culprits of the failures of one check."""
        return [one["culprit"] for one in self.failures() if one["check"] == check]

    def failures(self) -> list[dict[str, str]]:
        """Return all failures."""
        return [one for one in self.said["findings"] if one["level"] == "failure"]


@pytest.fixture
def audited(tmp_path: Path, few_cards: None) -> Callable[..., Audited]:
    """Return a function that audits a world, against an older one if given."""

    def run(world: World, older: World | None = None) -> Audited:
        make_project(world, tmp_path)
        if older is not None:
            write_world(older, tmp_path / "older")
        return _audited(tmp_path, tmp_path / "older" if older is not None else None, snapshots=1)

    return run


def _audited(folder: Path, older: Path | None = None, snapshots: int = 2) -> Audited:
    report = audit(load_settings(folder), NOW, older, snapshots)
    try:
        refuse_leaks(report.findings)
    except LeakFound as error:
        refusal = str(error)
    else:
        refusal = ""
    return Audited(json.loads(json.dumps(report.as_json(), default=str, allow_nan=False)), refusal)


def _tickets(world: World, days_before: tuple[float, float]) -> pd.DataFrame:
    """A cancellation ticket for each who left, so many days before."""
    left = accounts_that_left(world).merge(world["accounts"][["account_id", "created_at"]])
    before = pd.to_timedelta(np.random.default_rng(1).uniform(*days_before, len(left)), unit="D")
    opened = np.maximum(left["ended_at"] - before, left["created_at"]).astype("datetime64[us]")
    return pd.DataFrame({
        "account_id": left["account_id"], "ticket_id": "cancel " + left["account_id"], "opened_at": opened,
        "recorded_at": opened, "priority": "urgent", "topic": "cancellation",
    })  # fmt: skip


def _with_rows(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, rows.reindex(columns=frame.columns).astype(frame.dtypes)], ignore_index=True)


# --- clean worlds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_other_clean_worlds_raise_no_alarm(seed: int, tmp_path: Path, few_cards: None) -> None:
    found = _audit_simulated(seed, tmp_path)
    assert (found.refusal, found.failures()) == ("", [])


def _audit_simulated(seed: int, folder: Path) -> Audited:
    simulate("tiny", folder / "data", seed=seed)
    write_project("demo", folder / "data", folder)
    return _audited(folder)


def test_an_honest_older_export_raises_no_alarm(planted: World, audited: Callable[..., Audited]) -> None:
    found = audited(planted, as_exported(planted))
    assert (found.refusal, found.failures()) == ("", [])
    _, older = found.said["comparisons"]
    assert older["as_ofs"][-1] == "2024-03-01"
    assert older["rows"] > 1000
    assert all(feature["differ"] == 0 for feature in older["features"])


def test_honest_profile_columns_raise_no_alarm(planted: World, audited: Callable[..., Audited]) -> None:
    rng = np.random.default_rng(3)
    accounts = planted["accounts"]
    accounts["industry"] = rng.choice(["steel", "retail", "media"], len(accounts))
    accounts["employees"] = rng.integers(1, 500, len(accounts)).astype(float)
    accounts["referrer"] = np.where(rng.random(len(accounts)) < 0.1, rng.choice(["ann", "bob"], len(accounts)), None)
    found = audited(planted, as_exported(planted))
    assert (found.refusal, found.failures()) == ("", [])
    [standing] = [one for one in found.said["findings"] if one["check"] == "profile"]
    assert standing["level"] == "warning"
    assert "accounts.industry, accounts.employees, accounts.referrer" in standing["culprit"]


# --- what the statistics find ------------------------------------------------------------------------


def test_a_tombstone_column_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    left = planted["accounts"]["account_id"].isin(accounts_that_left(planted)["account_id"])
    planted["accounts"]["closed_reason"] = np.where(left, "price", None)
    found = audited(planted)
    assert found.refusal
    assert "accounts.closed_reason" in found.culprits("end state")
    assert found.refusal.startswith("The audit failed: ") and "accounts.closed_reason" in found.refusal


def test_a_tombstone_column_that_is_filled_for_few_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    left = accounts_that_left(planted)
    some = left[left["ended_at"] < EXPORTED]["account_id"].iloc[::2]
    planted["accounts"]["exit_call"] = np.where(planted["accounts"]["account_id"].isin(some), "done", None)
    found = audited(planted)
    assert found.refusal
    assert found.culprits("end state") == ["accounts.exit_call"]


def test_a_tombstone_row_with_an_earlier_date_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    planted["tickets"] = _with_rows(planted["tickets"], _tickets(planted, (75, 110)))
    found = audited(planted)
    assert found.refusal
    assert "tickets_open" in found.culprits("statistics")


def test_a_column_that_encodes_the_future_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    left = planted["accounts"]["account_id"].isin(accounts_that_left(planted)["account_id"])
    noise = np.random.default_rng(2).normal(0, 0.2, len(left))
    planted["accounts"]["risk_index"] = left.astype(float) + noise
    found = audited(planted)
    assert found.refusal
    assert "accounts.risk_index" in found.culprits("end state")


# --- what replay finds -------------------------------------------------------------------------------


def test_a_resolution_that_is_used_early_is_found(
    planted: World, audited: Callable[..., Audited], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes resolved_at for a time that is set in advance; a card reads it."""
    columns = tuple(
        replace(column, known_from=None, planned=True) if column.name == "resolved_at" else column
        for column in tables.TICKETS.columns
    )
    for contracts in (TABLES, ALL_TABLES):
        monkeypatch.setitem(contracts, "tickets", replace(tables.TICKETS, columns=columns))
    found = audited(planted)
    assert found.refusal
    assert found.culprits("replay") == ["time_to_fix"]
    [compared] = found.said["comparisons"]
    [fix] = [one for one in compared["features"] if one["column"] == "time_to_fix_90"]
    assert fix["differ"] > 0
    assert fix["then"] != fix["now"] > 0
    assert "tickets.resolved_at" in found.culprits("recording")


# --- what an older record finds ----------------------------------------------------------------------


def _lately(world: World) -> pd.Series:
    """Which accounts left after the older export was taken."""
    left = accounts_that_left(world)
    return world["accounts"]["account_id"].isin(left[left["ended_at"] > EXPORTED]["account_id"])


def test_a_back_dated_cancel_ticket_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    """Opened, it says, before the account left; in truth written when it did."""
    older = as_exported(planted)
    planted["tickets"] = _with_rows(planted["tickets"], _tickets(planted, (1, 40)))
    found = audited(planted, older)
    assert found.refusal
    assert "tickets" in found.culprits("older record")
    [failure] = [one for one in found.failures() if one["culprit"] == "tickets"]
    assert "back-dated" in failure["said"]
    assert "cancel A-" in failure["said"]


def test_a_back_dated_note_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    older = as_exported(planted)
    written = planted["events"].iloc[[0]].assign(
        event_id="note", kind="feature_used", name="csm_note",
        occurred_at=pd.Timestamp("2024-01-15"), recorded_at=pd.Timestamp("2024-01-15"),
        account_id=older["subscriptions"].query("ended_at.isna()")["account_id"].iloc[0],
    )  # fmt: skip
    planted["events"] = _with_rows(planted["events"], written)
    found = audited(planted, older)
    assert found.refusal
    assert found.culprits("older record") == ["events"]


def test_an_end_state_that_overwrites_the_past_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    older = as_exported(planted)
    lately = _lately(planted) & (planted["accounts"]["segment"] != "startup")
    assert lately.sum() > 3
    planted["accounts"].loc[lately, "segment"] = "startup"
    found = audited(planted, older)
    assert found.refusal
    assert found.culprits("older record") == ["accounts.segment"]
    assert "overwritten" in found.failures()[0]["said"]


def test_an_overwritten_plan_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    older = as_exported(planted)
    ended = planted["subscriptions"]["ended_at"] > EXPORTED
    planted["subscriptions"].loc[ended, "seats"] = 0.0
    found = audited(planted, older)
    assert found.refusal
    assert "subscriptions" in found.culprits("older record")
    assert "has a different value in seats" in found.failures()[0]["said"]


def test_an_aggregate_that_is_recomputed_is_found(planted: World, audited: Callable[..., Audited]) -> None:
    older = as_exported(planted)
    for record in (planted, older):
        counted = record["tickets"].groupby("account_id").size()
        record["accounts"]["lifetime_tickets"] = record["accounts"]["account_id"].map(counted).fillna(0.0).astype(float)
    found = audited(planted, older)
    assert found.refusal
    assert found.culprits("older record") == ["accounts.lifetime_tickets"]


def test_accounts_that_are_deleted_when_they_leave_are_found(planted: World, audited: Callable[..., Audited]) -> None:
    older = as_exported(planted)
    deleted = set(planted["accounts"][_lately(planted)]["account_id"])
    kept = {name: frame[~frame["account_id"].isin(deleted)] for name, frame in planted.items()}
    kept["merges"] = kept["merges"][~kept["merges"]["merged_into"].isin(deleted)]
    found = audited(kept, older)
    assert found.refusal
    assert found.culprits("older record") == ["the population"]


# --- what is refused --------------------------------------------------------------------------------


def test_an_older_export_that_is_newer_is_refused(planted: World, tmp_path: Path, few_cards: None) -> None:
    make_project(as_exported(planted), tmp_path)
    write_world(planted, tmp_path / "newer")
    with pytest.raises(SourceError, match="after the project's own"):
        _audited(tmp_path, tmp_path / "newer")


# --- renewals of today over the past, and columns that are accepted ---------------------------------------


def _present_only(world: World, terms: bool) -> World:
    """Write the renewal that a billing system shows today over the whole past, as an export of present objects does."""
    subscriptions = world["subscriptions"]
    begun = pd.to_datetime(subscriptions["started_at"])
    last = pd.to_datetime(subscriptions["ended_at"]).fillna(pd.Timestamp("2024-07-01"))
    periods = np.floor((last - begun).dt.days / 30.4375) + 1
    subscriptions["renews_at"] = (begun + pd.to_timedelta(periods * 30.4375, unit="D")).astype("datetime64[us]")
    subscriptions["term_months"] = 1.0 if terms else None
    return world


def test_renewals_after_the_first_term_are_refused(planted: World, tmp_path: Path) -> None:
    make_project(_present_only(planted, terms=True), tmp_path)
    with pytest.raises(ContractError, match="renews_at is later than one term after the row began"):
        load_tables(load_settings(tmp_path), NOW)


def test_renewals_that_no_term_contradicts_fail_the_audit(planted: World, audited: Callable[..., Audited]) -> None:
    found = audited(_present_only(planted, terms=False))
    assert "days_to_renewal" in found.refusal
    assert "[audit] accepted" in found.refusal


def test_an_accepted_column_is_a_note() -> None:
    columns = make_catalogue(["accounts", "subscriptions", "planned_changes"]).columns
    failures = [Finding("failure", "statistics", name, "knows") for name in ("mrr_change_90", "term_months")]
    [accepted, refused] = accept(failures, ["mrr"], columns)
    assert (accepted.severity, refused.severity) == ("note", "failure")
    assert accepted.text == "knows (accepted under [audit])"
