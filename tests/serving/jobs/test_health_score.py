"""A health score from its file to the printed backtest, its page and its JSON, in the small simulated company."""

from __future__ import annotations

import json

import duckdb

from tests.trained_world import NOW
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.cli.console import out
from undertow.serving.cli.print_model import print_backtest
from undertow.serving.jobs.backtest import run_backtest
from undertow.training.evaluation.held_out import MODEL

SCORES = """
COPY (SELECT a.account_id AS account, d.scored_at, hash(a.account_id, d.scored_at) % 101 AS score
      FROM read_parquet('{data}/accounts.parquet') AS a
      JOIN (SELECT unnest(generate_series(TIMESTAMP '2023-02-15', TIMESTAMP '2024-06-15', INTERVAL 1 MONTH))
            AS scored_at)
        AS d ON d.scored_at > a.created_at
      WHERE hash(a.account_id) % 8 > 0)
TO '{data}/health.csv'
"""


def test_a_health_score_is_judged_beside_the_model_and_its_mistakes_are_listed(copied: Settings) -> None:
    duckdb.sql(SCORES.format(data=copied.folder / "data"))
    path = copied.folder / FILE_NAME
    files = '[files]\nhealth = "data/health.csv"\n'
    path.write_text(path.read_text("utf-8").replace("[files]\n", files) + '\n[scores]\ntable = "health"\n', "utf-8")
    report, written = run_backtest(load_settings(copied.folder), NOW, 2)
    health = report.health
    assert health is not None and 0 < health.unknown < health.snapshots == report.pooled[0].rows
    assert "health score" in [result.model for result in report.pooled]
    assert [result.model for result in health.on_scored] == [MODEL, "health score"]
    assert health.misses.snapshots > 0 and health.false_alarms.snapshots > 0
    with out.capture() as captured:
        print_backtest(report, written)
    for said in (captured.get(), written.read_text("utf-8")):
        assert health.misses.listed[0].account_id in said and health.false_alarms.listed[0].account_id in said
    assert "Missed by the health score" in captured.get()
    numbers = json.loads((written.parent / "backtest.json").read_text("utf-8"))
    assert numbers["health_score"]["misses"]["snapshots"] == health.misses.snapshots
