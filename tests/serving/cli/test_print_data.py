"""Loaded tables, features and simulated worlds, as printed."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import Result

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME


def test_check_as_json_counts_every_table(demo: tuple[str, Result]) -> None:
    found = json_of("check", "--project", demo[0], "--json")
    tables = {table["table"]: table for table in found["tables"]}
    assert {"accounts", "events", "subscriptions"} <= set(tables)
    assert tables["accounts"]["kept"] == 120 + 1  # the monitor is listed too
    assert all(table["read"] >= table["kept"] for table in tables.values())


def test_check_of_too_dirty_data_prints_its_counts_and_ends_with_1(demo: tuple[str, Result], tmp_path: Path) -> None:
    data = Path(demo[0]).resolve() / "data"
    lines = [f"[files]\naccounts = '{data}/accounts.parquet'\nsubscriptions = '{data}/subscriptions.parquet'"]
    lines += ["[tables]\nsubscriptions = 'SELECT * REPLACE (-mrr AS mrr) FROM subscriptions'"]
    (tmp_path / FILE_NAME).write_text("\n".join(lines), encoding="utf-8")
    result = undertow("check", "--project", str(tmp_path), "--json")
    assert result.exit_code == 1
    assert {"table": "subscriptions", "kept": 0}.items() <= json.loads(result.stdout)["tables"][1].items()
    assert "Too many rows break their contract" in result.stderr


def test_features_as_json_names_its_columns(demo: tuple[str, Result]) -> None:
    found = json_of("features", "--project", demo[0], "--as-of", "2023-10-01", "--json")
    assert found["as_ofs"] == ["2023-10-01"]
    assert found["rows"] > 30
    assert {"error_rate_30", "mrr", "segment"} <= set(found["columns"])


def test_a_simulated_world_is_written_counted_and_ready_for_a_project(tmp_path: Path) -> None:
    out, truth = tmp_path / "world", tmp_path / "truth"
    result = undertow("simulate", "--world", "tiny", "--accounts", "30", "--months", "2", "--out", str(out),
                      "--truth", str(truth))  # fmt: skip
    assert result.exit_code == 0
    assert "World tiny, seed 7: 30 accounts over 59 days" in result.stdout
    assert "training must never read it" in result.stdout
    assert len(list(out.glob("*.parquet"))) == 11 and not list(tmp_path.glob("*.unfinished"))
    assert {path.name for path in truth.iterdir()} >= {"churn_probability.parquet", "margin.parquet", "world.json"}
    next_step = next(line for line in result.stdout.splitlines() if line.startswith("Next: undertow "))
    words = next_step.removeprefix("Next: undertow ").replace("my-world", str(tmp_path / "project")).split()
    assert undertow(*words).exit_code == 0
    assert undertow("check", "--project", str(tmp_path / "project")).exit_code == 0


def test_a_simulated_world_as_json_counts_its_rows(tmp_path: Path) -> None:
    found = json_of(
        "simulate", "--world", "noise", "--accounts", "25", "--months", "1", "--out", str(tmp_path), "--json"
    )
    assert (found["world"], found["accounts"], found["days"]) == ("noise", 25, 31)
    assert found["rows"]["accounts"] == 26 and found["rows"]["events"] > 300
