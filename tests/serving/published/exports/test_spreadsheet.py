"""The list as CSV: rounded, dated, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re

import pyarrow as pa
import pytest

from undertow.serving.published.exports.spreadsheet import DANGEROUS, as_csv
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.scores import PublishedScores


def test_csv_is_flat_rounded_and_dated(published: PublishedScores) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(published.select(AtRiskQuery()).rows))))
    acme = next(row for row in rows if row["account_id"] == "A-00042")
    assert acme["as_of"] == "2025-01-31" and acme["renews_at"] == "2025-02-20"
    assert acme["mrr"] == "4200.00"
    assert acme["p_90"] == f"{published.account('A-00042').probability['90']:.4f}"
    assert acme["reason_1"].startswith("billing: payments that failed in the last 30 days: 2")
    assert not {"reasons", "top_features"} & acme.keys()


def test_csv_holds_like_accounts_families_changes_and_whether_one_reason_stands_out(published: PublishedScores) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(published.select(AtRiskQuery()).rows))))
    shown = [name for name in rows[0] if name.startswith(("like_", "probability_", "changed_", "stands"))]
    families = ("ux", "cx", "billing", "usage")
    assert shown == [
        "like_value_at_risk",
        "like_probability",
        *(f"probability_{family}" for family in families),
        *(f"changed_{family}" for family in families),
        "changed_clock",
        "stands_out",
    ]
    assert {row["stands_out"] for row in rows} == {"true", "false"}
    assert [row["changed_ux"] for row in rows if row["account_id"] == "zero"] == [""]


def test_csv_texts_that_a_spreadsheet_would_run_are_made_harmless(published: PublishedScores) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(published.select(AtRiskQuery()).rows))))
    strange = next(row for row in rows if row["account_id"] == "日本-1")
    assert strange["name"] == """'=HYPERLINK("http://x.example")"""
    assert strange["owner"] == "'@owner"


@pytest.mark.parametrize("name", ["Nord;=1+1", "Nord; +49", "a\t@b", "a\n=b", "a;\r\n-b", "Nord;＝1"])
def test_no_cell_runs_where_the_separator_is_a_semicolon(name: str) -> None:
    written = as_csv(pa.table({"account_id": ["A-1"], "name": [name]}), with_names=False)
    cells = [cell.strip(' "') for cell in re.split(r"[;\t\r\n]", written)]
    assert not [cell for cell in cells if cell.startswith(DANGEROUS)]
    assert any(cell.startswith("'") for cell in cells)


def test_csv_leaves_a_text_with_a_semicolon_as_it_is_where_nothing_runs() -> None:
    assert as_csv(pa.table({"name": ["Nord; Süd - Ost"]}), with_names=False) == "Nord; Süd - Ost\r\n"


def test_csv_keeps_negative_numbers_as_numbers() -> None:
    table = pa.table({"account_id": ["-1", " +2"], "probability_ux": [-0.25, 0.5]})
    assert as_csv(table) == "account_id,probability_ux\r\n'-1,-0.2500\r\n' +2,0.5000\r\n"
