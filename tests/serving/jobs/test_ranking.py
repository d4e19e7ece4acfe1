"""The order of the list, the action of every account, and what names nobody."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from undertow.features.settings import Settings, make_settings
from undertow.serving.jobs.ranking import assumptions, ranked, unmet_names

AS_OF = datetime(2025, 1, 31)
REASON = pa.struct([("family", pa.string())])


def table(**changed: list[object]) -> pa.Table:
    """Four accounts that may leave by choice, with 100 at risk each."""
    columns = {
        "account_id": ["b", "c", "a", "d"], "as_of": [AS_OF] * 4, "segment": ["smb", None, "smb", "smb"],
        "owner": ["Mara", "Tom", None, "Mara"], "cause": ["voluntary"] * 4, "notice": [False] * 4,
        "value_at_risk": [200.0] * 4, "p_90": [0.2] * 4, "p_voluntary_90": [0.2] * 4, "p_involuntary_90": [0.0] * 4,
        "stands_out": [True] * 4, **changed,
    }  # fmt: skip
    families = columns.pop("family", ["cx", "cx", None, "ux"])
    reasons = pa.array([[{"family": family}] if family else [] for family in families], pa.list_(REASON))
    return pa.table(columns).append_column("reasons", reasons)


def settings_of(**sections: object) -> Settings:
    return make_settings(Path(), sections)


def test_the_most_valuable_contact_is_first_then_value_probability_and_id() -> None:
    found = ranked(table(value_at_risk=[200.0, 300.0, 200.0, None]), settings_of(), 90)
    assert found["account_id"].to_pylist() == ["c", "a", "b", "d"]
    assert found["contact_value"].to_pylist() == pytest.approx([40.0, 20.0, 20.0, None])
    likelier = ranked(table(p_90=[0.1, 0.2, 0.1, 0.3], value_at_risk=[None] * 4), settings_of(), 90)
    assert likelier["account_id"].to_pylist() == ["d", "c", "a", "b"]


def test_a_contact_about_one_cause_saves_nothing_of_the_other() -> None:
    found = ranked(table(p_voluntary_90=[0.15] * 4, p_involuntary_90=[0.05] * 4), settings_of(), 90)
    assert found["contact_value"].to_pylist() == pytest.approx([0.2 * 200 * 0.75 - 20] * 4)


def test_who_gave_notice_has_no_verdict_and_an_action_of_its_own() -> None:
    rows = ranked(table(notice=[False, True, False, False]), settings_of(), 90).to_pylist()
    assert [row["contact"] for row in rows] == ["recommended"] * 3 + [None]
    assert rows[3]["account_id"] == "c" and rows[3]["action"].startswith("Ask why")


def test_actions_go_by_the_reason_that_stands_out_with_their_day_and_whose_they_are() -> None:
    mine = [{"do": "Call within the day", "who": "support", "within_days": 1, "family": "cx"}]
    rows = {row["account_id"]: row for row in ranked(table(stands_out=[True, False, True, True]),
                                                     settings_of(playbook=mine), 90).to_pylist()}  # fmt: skip
    assert rows["b"]["action"] == "Call within the day" and not rows["b"]["action_is_default"]
    assert rows["b"]["action_by"] == "support" and rows["b"]["action_due"] == datetime(2025, 2, 1)
    assert rows["c"]["action"] == "Call and ask how it goes" and rows["c"]["action_is_default"]
    assert rows["d"]["action"] == "Review their errors, then call"


def test_the_manifest_says_what_is_assumed_and_for_whom_it_differs() -> None:
    said = assumptions(settings_of(contact={"cost": 9, "budget": 3, "segment": {"smb": {"save_rate": 0.3}}}))
    assert said == {"save_rate": 0.2, "cost": 9.0, "budget": 3, "assumed": ["save_rate"],
                    "apart": [{"column": "segment", "value": "smb", "save_rate": 0.3}]}  # fmt: skip


def test_a_segment_or_owner_that_no_account_has_is_named_with_its_near_spelling() -> None:
    segments = {"SMBs": {"cost": 1}, "smb": {"cost": 1}}
    named = settings_of(
        contact={"segment": segments, "owner": {"Marra": {"budget": 1}}},
        playbook=[{"do": "call", "segment": "enterprise"}],
    )
    notes = unmet_names(named, table())
    assert len(notes) == 3
    assert notes[0].startswith("[contact] names the segment 'SMBs', which no account of this list has.")
    assert notes[1].endswith("Did you mean 'Mara'?")
    assert notes[2].startswith("[[playbook]] names the segment 'enterprise'")
