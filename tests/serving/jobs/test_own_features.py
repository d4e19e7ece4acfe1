"""A feature of a company's own, from undertow.toml to the reasons of the published list, on the simulated business.

Each account gets six deliveries before it leaves or the record ends; those of most accounts that leave come late, and
so do those of one in four that stay.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.serving.client import Client
from tests.trained_world import NOW
from undertow.features.connectors import write_project
from undertow.features.errors import ModelRefusal
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.api.app import make_app
from undertow.serving.jobs.score import score
from undertow.training.train import train

DELIVERIES = '''
UNION ALL BY NAME
SELECT account_id, account_id || ' ' || days AS event_id, last_day - days * INTERVAL 1 DAY AS occurred_at,
       'Delivery' AS kind, CASE WHEN hash(account_id) % 4 = 0 OR is_met THEN 'late' ELSE 'on time' END AS name
FROM (SELECT account_id, coalesce(max(ended_at), TIMESTAMP '2024-07-01') AS last_day,
             max(ended_at) IS NOT NULL AND hash(account_id) % 4 <> 1 AS is_met
      FROM subscriptions GROUP BY account_id), unnest([10, 30, 50, 70, 90, 110]) AS d(days)"""
'''
SMALLEST = """
[training]
trees = 20
seeds = 1
bootstrap = 20
[snapshots]
dates = [2023-07-01, 2023-09-01, 2023-11-01, 2024-01-01, 2024-03-01]
"""
OWN = """
[events]
kinds = ["delivery"]
not_activity = ["delivery"]
[[features]]
name = "late_deliveries"
sentence = "Deliveries that came late"
family = "cx"
level = "journey"
unit = "count"
table = "events"
where = { kind = "delivery", name = "late" }
measure = "count"
windows = [30, 90]
good = "low"
feeds = 90
"""


@pytest.fixture(scope="module")
def delivering(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The simulated business with deliveries, trained and scored; to be read only."""
    folder = tmp_path_factory.mktemp("delivering")
    shutil.copytree(simulated, folder / "data")
    write_project("demo", folder / "data", folder)
    toml = (folder / FILE_NAME).read_text(encoding="utf-8").replace('events = "', 'events = """')
    toml = toml.replace('FROM tracker"\n', f"FROM tracker{DELIVERIES}")
    (folder / FILE_NAME).write_text(toml + SMALLEST + OWN, encoding="utf-8")
    settings = load_settings(folder)
    train(settings, NOW)
    score(settings, NOW)
    return settings


def _stated(account: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the evidence of an answered account that is of the own feature."""
    evidence = [each for reason in account["reasons"] for each in reason["evidence"]]
    return [each for each in evidence if each["feature"].startswith("late_deliveries")]


def test_an_own_feature_is_a_reason_with_its_own_sentence(delivering: Settings) -> None:
    client = Client(make_app(delivering.store_path()))
    listed = client.get("/v1/at-risk?limit=300").json()["accounts"]
    account_id = next(account["account_id"] for account in listed if _stated(account))
    [evidence] = _stated(client.get(f"/v1/accounts/{account_id}").json())
    assert evidence["sentence"] == "Deliveries that came late in the last 90 days"
    assert evidence["said"].startswith(f"deliveries that came late in the last 90 days: {evidence['value']:.0f}")
    [newest] = delivering.store_path("scores").glob("*/features.parquet")
    rows = {row["account_id"]: row for row in pq.read_table(newest).to_pylist()}
    assert rows[account_id]["late_deliveries_90"] == evidence["value"] > 0


def test_another_definition_of_an_own_feature_makes_the_champion_refuse(delivering: Settings) -> None:
    [card] = delivering.features
    changed = card.model_copy(update={"where": {"kind": "delivery", "name": "lost"}})
    with pytest.raises(ModelRefusal, match=r"removed or redefined since: late_deliveries. .*run `undertow train`"):
        score(delivering.model_copy(update={"features": (changed,)}), NOW)
