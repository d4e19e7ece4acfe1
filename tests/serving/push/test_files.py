"""Files: one folder per list, whole or not at all."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.serving.push.conftest import ROWS, Push, run

FIELDS = ["account_id", "as_of", "rank", "probability_90", "value_at_risk", "currency", "cause", "reason_1", "reason_2",
          "model_version"]  # fmt: skip


def test_a_list_is_a_folder_with_a_csv_of_the_listed_fields(tmp_path: Path, pushed: Push) -> None:
    report = pushed(kind="files", folder="out")
    assert (report.sent, report.said) == (3, ["wrote out/2025-01-31-a/accounts.csv"])
    with (tmp_path / "out/2025-01-31-a/accounts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == FIELDS
    assert rows[1] == ["A-1", "2025-01-31", "1", "0.62", "5974.12", "EUR", "voluntary", ROWS[0][5], "", "v7"]
    assert len(rows) == 4


def test_no_cell_is_a_formula(tmp_path: Path, pushed: Push) -> None:
    pushed(run((("=1+1", *ROWS[0][1:]),)), kind="files", folder="out")
    assert "'=1+1,2025" in (tmp_path / "out/2025-01-31-a/accounts.csv").read_text(encoding="utf-8")


def test_parquet_has_types(tmp_path: Path, pushed: Push) -> None:
    pushed(kind="files", folder="out", format="parquet", also=["hubspot_id"])
    table = pq.read_table(tmp_path / "out/2025-01-31-a/accounts.parquet")
    assert table.column_names == [*FIELDS, "hubspot_id"]
    first = table.to_pylist()[0]
    assert (first["as_of"], first["rank"], first["probability_90"]) == (date(2025, 1, 31), 1, 0.62)
    assert table["hubspot_id"].to_pylist() == ["501", "502", None]


def test_what_is_done_about_an_account_is_sent_where_it_is_named(tmp_path: Path, pushed: Push) -> None:
    also = ["contact_value", "contact", "action", "action_by", "action_due"]
    pushed(kind="files", folder="out", format="parquet", also=also)
    first = pq.read_table(tmp_path / "out/2025-01-31-a/accounts.parquet").to_pylist()[0]
    worth = round(5974.125 / 5 - 20, 2)
    assert [first[name] for name in also] == [worth, "recommended", "Call", "the owner", "2025-02-07"]


def test_each_list_gets_its_folder_once(tmp_path: Path, pushed: Push) -> None:
    pushed(kind="files", folder="out")
    first = tmp_path / "out/2025-01-31-a/accounts.csv"
    first.write_text("read", encoding="utf-8")
    assert pushed(kind="files", folder="out").said == ["nothing to send: it holds this list already"]
    assert first.read_text(encoding="utf-8") == "read"
    report = pushed(run(run_id="2025-01-31-b"), kind="files", folder="out")
    assert (report.unchanged, report.sent) == (3, 3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2025-01-31-a", "2025-01-31-b"]


def test_a_dry_run_writes_nothing(tmp_path: Path, pushed: Push) -> None:
    report = pushed(dry_run=True, kind="files", folder="out")
    assert (report.new, report.sent) == (3, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, pushed: Push) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    report = pushed(kind="files", folder="out")
    assert report.error == f"[destinations.there]: {tmp_path / 'out'} cannot be written: File exists."
    with pytest.raises(FileNotFoundError):
        (tmp_path / "store/pushes/there.json").read_text(encoding="utf-8")
