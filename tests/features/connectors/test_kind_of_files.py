"""The kind of churn that exported files suggest by their columns."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from undertow.features.connectors.kind_of_files import kind_of_files


def test_columns_of_subscriptions_suggest_that_customers_cancel(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("order_id,amount\n1,2\n")
    (tmp_path / "subs.csv").write_text("customer;MRR;Canceled At\na;1;\n", encoding="utf-8-sig")
    assert kind_of_files(tmp_path) == (
        "subscription", "subs.csv has the column MRR: customers subscribe, and leave when they end it.",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.parquet", "orders.jsonl"])
def test_purchases_alone_suggest_that_customers_stay_away(tmp_path: Path, name: str) -> None:
    path = tmp_path / "exports" / name
    path.parent.mkdir()
    if name.endswith("parquet"):
        pd.DataFrame({"OrderNo": [1], "Total": [2.0]}).to_parquet(path)
    elif name.endswith("jsonl"):
        path.write_text(json.dumps({"OrderNo": 1, "Total": 2.0}))
    else:
        text = b"OrderNo,Total\n1,2.0\n"
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    kind, why = kind_of_files(tmp_path)
    assert kind == "inactivity"
    assert why.startswith(f"{name} has the column OrderNo, and no file names a subscription")


def test_files_that_say_nothing_suggest_nothing(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("user,page\n1,2\n")
    (tmp_path / "orders.csv").write_text("order_id,user\n1,2\n")  # no money
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "list.json").write_text("[\n")
    assert kind_of_files(tmp_path) == ("", "")
