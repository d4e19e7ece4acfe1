"""The kind of churn that loaded rows suggest: subscriptions that end, or purchases that stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.tables_by_hand import Row, write_tables
from undertow.features.settings import make_settings
from undertow.features.snapshots.kind_of_churn import KindOfChurn, suggest_kind

FIRST, END = datetime(2023, 1, 1), datetime(2024, 6, 1)


def purchases(account: str, gap: int, count: int) -> list[Row]:
    usual = {"account_id": account, "succeeded": True, "kind": "attempt"}
    return [{**usual, "attempted_at": FIRST + timedelta(days=gap * number)} for number in range(count)]


def subscription(account: str, mrr: float = 10.0) -> Row:
    return {"account_id": account, "subscription_id": account, "started_at": FIRST, "mrr": mrr}


def suggested(folder: Path, **tables: list[Row]) -> KindOfChurn | None:
    return suggest_kind(make_settings(folder, {}), write_tables(folder, tables, FIRST, END))


def test_buyers_without_a_subscription_stay_away(tmp_path: Path) -> None:
    rows = [row for number in range(20) for row in purchases(f"a{number}", 40, 8)]
    found = suggested(tmp_path, payments=rows, subscriptions=[subscription("a1"), subscription("a2", mrr=0)])
    assert found is not None
    assert (found.kind, found.active_days) == ("inactivity", 60)
    assert found.why == (
        "20 accounts paid, 1 of them with a paid subscription. Half of the purchases come within 40 days of the one "
        "before, 9 of 10 within 40."
    )
    assert found.said("subscription").endswith('active_days = 60; undertow.toml says "subscription".')
    assert found.said("inactivity").endswith("active_days = 60, as is set.")


def test_subscribers_end_their_subscription(tmp_path: Path) -> None:
    paid = [*purchases("a", 30, 4), *purchases("b", 30, 4)]
    both = [subscription("a"), subscription("b")]
    found = suggested(tmp_path, payments=paid, subscriptions=both)
    assert found == KindOfChurn("subscription", "2 accounts of 2 that paid have a paid subscription, which ends.")


def test_few_purchases_suggest_no_days(tmp_path: Path) -> None:
    found = suggested(tmp_path, payments=purchases("a", 40, 3))
    assert found is not None and found.active_days is None
    assert found.why == "1 account paid, none of them with a paid subscription."


def test_uses_count_where_nobody_pays(tmp_path: Path) -> None:
    events = [{"account_id": "a", "occurred_at": FIRST, "kind": "click"}]
    found = suggested(tmp_path, events=events)
    assert found is not None and found.kind == "inactivity" and found.why.startswith("1 account used something")


def test_without_either_there_is_nothing_to_suggest(tmp_path: Path) -> None:
    assert suggested(tmp_path, tickets=[]) is None
