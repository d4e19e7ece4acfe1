"""The leakage audit as a command: what it prints, and the status it ends with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.serving.cli.typed import json_of, undertow
from tests.training.leakage.planted import accounts_that_left, make_project, read_world, use_few_cards
from undertow.features.connectors import write_project
from undertow.features.simulator import simulate


def test_a_clean_world_raises_no_alarm_with_every_card(tmp_path: Path) -> None:
    simulate("tiny", tmp_path / "data", seed=1)
    write_project("demo", tmp_path / "data", tmp_path)
    found = json_of("audit", "--project", str(tmp_path), "--snapshots", "2", "--json")
    assert [one for one in found["findings"] if one["level"] == "failure"] == []
    [replayed] = found["comparisons"]
    assert len(replayed["as_ofs"]) == 2
    assert replayed["rows"] > 200


def test_the_audit_is_printed_for_people(simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_few_cards(monkeypatch)
    world = read_world(simulated)
    left = world["accounts"]["account_id"].isin(accounts_that_left(world)["account_id"])
    world["accounts"]["closed_reason"] = np.where(left, "[b]price[/b]", None)
    make_project(world, tmp_path)
    result = undertow("audit", "--project", str(tmp_path), "--snapshots", "2")
    assert result.exit_code == 1
    shown = " ".join(result.stdout.split())
    for said in ("all equal.", "AUROC of one column alone", "profile_closed_reason is filled",
                 "failure accounts.closed_reason", "Split gain of a small model", "note no older record"):  # fmt: skip
        assert said in shown
    assert "Clean" not in shown
    assert "The audit failed: accounts.closed_reason." in result.stderr
