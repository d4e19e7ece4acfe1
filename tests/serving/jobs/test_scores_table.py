"""The published list: one row per account at risk, probabilities and contributions that add up, and reasons."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.serving.published_by_hand import AS_OF, PEOPLE, feature_rows
from tests.tables_by_hand import write_tables
from tests.trained_world import NOW
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.errors import SettingsError
from undertow.features.settings import Settings
from undertow.serving.jobs.score import ScoreReport, score
from undertow.serving.jobs.scores_table import scores_table
from undertow.training.bundle.bundle import Bundle


def column(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy())


def test_every_account_at_risk_is_listed_once(scored: Settings, report: ScoreReport, table: pa.Table) -> None:
    [features] = scored.store_path("features").glob(f"*/as_of={report.as_of:%Y-%m-%d}")
    at_risk = pq.read_table(features, partitioning=None)["account_id"].to_pylist()
    assert sorted(table["account_id"].to_pylist()) == sorted(at_risk)
    assert len(at_risk) == report.accounts > 50


def test_the_list_goes_by_what_a_contact_is_worth(scored: Settings, table: pa.Table) -> None:
    values = column(table, "contact_value").tolist()
    assert values == sorted(values, reverse=True) and len(set(values)) > 50
    likelier = np.maximum(column(table, "p_voluntary_90"), column(table, "p_involuntary_90")) / column(table, "p_90")
    contact = scored.contact
    kept = contact.save_rate * column(table, "value_at_risk") * likelier
    assert values == pytest.approx((kept - contact.cost).tolist())
    assert table["contact"].to_pylist() == ["recommended" if value > 0 else "does_not_pay" for value in values]


def test_columns_that_are_carried_come_along_as_text(bundle: Bundle, tmp_path: Path) -> None:
    names = [account_id for account_id, *_ in PEOPLE]
    tables = write_tables(tmp_path, {"accounts": []}, AS_OF, AS_OF)
    accounts = {"account_id": names, "Crm_Id": [7.0 + number for number in range(len(names))]}
    accounts |= {name: names for name in ("name", "segment", "country", "owner")}
    pq.write_table(pa.table(accounts), tables.path("accounts"))
    people = feature_rows(PEOPLE)
    scores = bundle.score(people)
    found = scores_table("EUR", tables, bundle, people, scores, None, {}, "1", carry=("crm_id",)).to_pylist()
    expected = {name: str(7 + number) for number, name in enumerate(names)}
    assert {row["account_id"]: row["carried_crm_id"] for row in found} == expected
    with pytest.raises(SettingsError, match=r"carry names crm, which the SELECT of accounts does not yield; .*crm_id"):
        scores_table("EUR", tables, bundle, people, scores, None, {}, "1", carry=("crm",))


def test_families_and_the_like_make_the_headline_probability(table: pa.Table) -> None:
    parts = sum(column(table, f"probability_{family}") for family in REASON_FAMILIES)
    assert np.abs(column(table, "like_probability") + parts - column(table, "p_90")).max() < 1e-9


def test_causes_add_up_at_every_horizon_and_more_time_is_more_risk(report: ScoreReport, table: pa.Table) -> None:
    before = np.zeros(table.num_rows)
    for horizon in json.loads((report.folder / "manifest.json").read_text(encoding="utf-8"))["horizons"]:  # type: ignore[attr-defined]
        p = column(table, f"p_{horizon}")
        assert column(table, f"p_voluntary_{horizon}") + column(table, f"p_involuntary_{horizon}") == pytest.approx(p)
        assert (p >= before).all()
        before = p


def test_the_cause_is_the_likelier_one(table: pa.Table) -> None:
    likelier = column(table, "p_involuntary_90") > column(table, "p_voluntary_90")
    assert table["cause"].to_pylist() == np.where(likelier, "involuntary", "voluntary").tolist()


def test_value_at_risk_is_the_value_that_churn_takes(report: ScoreReport, table: pa.Table) -> None:
    lost = column(table, "clv_if_kept") - column(table, "clv")
    assert column(table, "value_at_risk") == pytest.approx(lost)
    assert report.value_at_risk == pytest.approx(lost.sum())


def test_facts_are_those_of_the_accounts(simulated: Path, table: pa.Table) -> None:
    rows = pq.read_table(simulated / "accounts.parquet").to_pylist()
    accounts = {row["account_id"]: row for row in rows}
    for row in table.select(["account_id", "name", "segment", "country", "owner"]).to_pylist():
        assert row == {name: accounts[row["account_id"]].get(name) for name in row}


def test_in_a_world_without_announcements_nothing_is_announced(table: pa.Table) -> None:
    assert set(table["announced"].to_pylist()) == {None}


def test_an_account_that_gave_notice_is_listed_with_the_days_it_still_pays(
    copied: Settings, report: ScoreReport, table: pa.Table
) -> None:
    """One account announced three days before as_of that it leaves nine days after it."""
    account, as_of, end = table["account_id"][0].as_py(), report.as_of, report.as_of + timedelta(days=9)
    path = copied.folder / "data" / "subscriptions.parquet"
    subscriptions = pq.read_table(path)
    rows = subscriptions.to_pylist()
    for row in rows:
        if row["account_id"] == account and (row["ended_at"] is None or row["ended_at"] > as_of):
            row |= {"ended_at": end, "end_recorded_at": as_of - timedelta(days=3)}
    pq.write_table(pa.Table.from_pylist(rows, schema=subscriptions.schema), path)
    again = pq.read_table(score(copied, NOW).folder / "scores.parquet").to_pylist()
    [gone] = [row for row in again if row["account_id"] == account]
    assert gone["announced"] == f"gave notice for {end:%Y-%m-%d}"
    assert gone["reason_1"].startswith(f"billing: gave notice: all of its MRR ends on {end:%Y-%m-%d}")
    assert gone["p_30"] > 0.999 and gone["cause"] == "voluntary"
    days = gone["mrr"] * 0.8 * 9 / (365.25 / 12)
    assert 0.9 * days < gone["clv"] < 1.02 * days  # with the growth of half a month
    assert gone["value_at_risk"] > 0.9 * gone["clv_if_kept"]
    before = {row["account_id"]: row for row in table.to_pylist()}
    others = [row for row in again if row["account_id"] != account]
    assert len(others) == len(before) - 1
    assert all(row["announced"] is None for row in others)
    moved = [abs(row["p_30"] - before[row["account_id"]]["p_30"]) for row in others]
    assert max(moved) < 1e-12  # sums of features may differ in the last digit from one query to the next


def test_renewals_lie_ahead_of_as_of(report: ScoreReport, table: pa.Table) -> None:
    renewals = [moment for moment in table["renews_at"].to_pylist() if moment is not None]
    assert len(renewals) > 50
    assert min(renewals) >= report.as_of
    assert max(renewals) <= report.as_of + timedelta(days=366)


def test_reasons_are_two_families_at_most_that_raise_the_score(table: pa.Table) -> None:
    for row in table.to_pylist():
        families = [reason["family"] for reason in row["reasons"]]
        assert len(families) <= 2 and set(families) <= set(REASON_FAMILIES)
        assert [reason["contribution"] for reason in row["reasons"]] == [row[f"probability_{f}"] for f in families]
        assert all(reason["contribution"] > 0 and reason["evidence"] for reason in row["reasons"])
    assert sum(bool(row["reasons"]) for row in table.to_pylist()) > table.num_rows / 5


def test_one_reason_stands_out_where_its_family_leads_all_others_by_a_point(table: pa.Table) -> None:
    clear = 0
    for row in table.to_pylist():
        shares = sorted(row[f"probability_{family}"] for family in REASON_FAMILIES)
        if row["stands_out"]:
            assert shares[-1] - shares[-2] >= 0.01 and row["reasons"][0]["contribution"] == shares[-1]
            clear += 1
    assert clear < table.num_rows  # with few churners none may lead by a point


def test_a_reason_is_also_one_line_of_text(table: pa.Table) -> None:
    for row in table.select(["reasons", "stands_out", "reason_1", "reason_2"]).to_pylist():
        for number, line in enumerate((row["reason_1"], row["reason_2"])):
            assert (line is None) == (len(row["reasons"]) <= number)
            if line is not None:
                said = row["stands_out"] or number == 1
                begins = "" if said else "no single reason stands out; "
                assert line.startswith(f"{begins}{row['reasons'][number]['family']}: ")


def test_what_changed_in_30_days_adds_up_for_accounts_that_were_at_risk_then(
    copied: Settings, report: ScoreReport, table: pa.Table
) -> None:
    earlier = score(copied, NOW, report.as_of - timedelta(days=30))
    rows = pq.read_table(earlier.folder / "scores.parquet").select(["account_id", "p_90"]).to_pylist()
    before = {row["account_id"]: row["p_90"] for row in rows}
    known = 0
    for row in table.to_pylist():
        changed = [row[f"changed_{name}"] for name in (*REASON_FAMILIES, "clock")]
        if row["account_id"] in before:
            assert sum(changed) == pytest.approx(row["p_90"] - before[row["account_id"]], abs=1e-9)
            known += 1
        else:
            assert changed == [None] * 5
    assert 50 < known < table.num_rows


def test_where_the_rows_begin_less_than_30_days_before_nothing_is_said_to_have_changed(copied: Settings) -> None:
    begin = datetime(2023, 1, 1)  # of the simulated record
    found = pq.read_table(score(copied, NOW, begin + timedelta(days=29)).folder / "scores.parquet")
    assert found["changed_clock"].null_count == found.num_rows > 0
    found = pq.read_table(score(copied, NOW, begin + timedelta(days=30)).folder / "scores.parquet")
    assert found["changed_clock"].null_count < found.num_rows
