"""A file of feature rows is read with the same care as tables: what is wrong is refused, counted and named."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.build.given.given_examples import GivenExamples, load_examples
from undertow.features.errors import ContractError, SettingsError, SourceError
from undertow.features.settings import Settings, make_settings

NOW = datetime(2025, 6, 1)
GOOD: dict[str, Any] = {"account_id": "a", "as_of": "2025-01-01", "load_seconds": 1.5, "plan": "pro",
                        "followed_days": 90, "churn_days": None, "cause": None, "name": "Ada"}  # fmt: skip
DESCRIBED = {"ux": ["load_*"], "contract": ["plan"], "good": {"load_seconds": "low"}}


def _settings(folder: Path, limit: float = 1.0, **described: Any) -> Settings:
    written = {"examples": DESCRIBED | described, "data": {"max_quarantine_share": limit}, "engine": {"threads": 1}}
    return make_settings(folder, written)


def _csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return path


def _load(folder: Path, rows: Sequence[dict[str, Any]], limit: float = 1.0, **described: Any) -> GivenExamples:
    return load_examples(_settings(folder, limit, **described), _csv(folder / "rows.csv", rows), NOW, True)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"account_id": ""}, "account_id is missing"),
        ({"as_of": ""}, "as_of is missing"),
        ({"as_of": "soon"}, "as_of is not a day"),
        ({"as_of": "2025-01-01 09:30:00"}, "as_of has a time of day"),
        ({"as_of": "1970-01-01"}, "as_of is before 1980"),
        ({"as_of": "2025-09-01"}, "as_of is in the future"),
        ({"followed_days": ""}, "followed_days is missing"),
        ({"followed_days": -1}, "followed_days is below 0"),
        ({"churn_days": -3}, "churn_days is below 0"),
        ({"churn_days": 90}, "churn_days is not below followed_days"),
        ({"churn_days": "late"}, "churn_days is not a number of days"),
        ({"churn_days": 5, "cause": "moved"}, "cause is not voluntary or involuntary"),
        ({"load_seconds": "fast"}, 'load_seconds is not a number (of texts, say so: units = "text")'),
        ({"load_seconds": "inf"}, "load_seconds is not a number"),
    ],
)
def test_a_wrong_row_is_refused_with_its_reason_and_counted(tmp_path: Path, wrong: dict[str, Any], reason: str) -> None:
    given = _load(tmp_path, [GOOD, GOOD | {"account_id": "b"}, GOOD | {"account_id": "c"} | wrong])
    [report] = given.tables.reports
    [found] = report.reasons
    assert found.reason.startswith(reason) and found.rows == report.refused == 1
    assert given.features.read()["account_id"].to_pylist() == ["a", "b"]
    assert given.tables.refused_text.startswith("Refused: 1 of 3 rows of examples")
    assert reason in given.tables.warnings[0] and "refused.parquet" in given.tables.warnings[0]
    refused = pq.read_table(tmp_path / "store" / "examples" / "refused.parquet")
    assert refused["undertow_reason"].to_pylist() == [found.reason]


def test_identical_rows_count_once_and_rows_that_differ_are_all_refused(tmp_path: Path) -> None:
    other = GOOD | {"account_id": "b"}
    given = _load(tmp_path, [GOOD, GOOD, other, other | {"load_seconds": 2}, GOOD | {"account_id": "c"}])
    [report] = given.tables.reports
    assert report.refused == 2 and report.read == 5 and report.kept == 2
    assert given.features.read()["account_id"].to_pylist() == ["a", "c"]


def test_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"account_id": "b", "churn_days": 12.0, "cause": "involuntary", "load_seconds": None}]
    typed = [row | {"as_of": datetime.fromisoformat(row["as_of"])} for row in rows]
    pq.write_table(pa.Table.from_pylist(typed), tmp_path / "rows.parquet")
    of_csv = _load(tmp_path, rows)
    of_parquet = load_examples(_settings(tmp_path), tmp_path / "rows.parquet", NOW, True)
    assert of_csv.tables.fingerprint == of_parquet.tables.fingerprint
    assert of_csv.features.read().equals(of_parquet.features.read())
    assert of_csv.outcomes is not None
    assert of_csv.outcomes.read()["churn_days"].to_pylist() == [None, 12.0]
    assert of_csv.outcomes.read()["cause"].to_pylist() == ["", "involuntary"]


def test_other_rows_have_another_fingerprint(tmp_path: Path) -> None:
    first = _load(tmp_path, [GOOD]).tables.fingerprint
    assert _load(tmp_path, [GOOD | {"load_seconds": 1.6}]).tables.fingerprint != first


def test_true_and_false_in_a_column_of_numbers_are_1_and_0_and_nan_is_unknown(tmp_path: Path) -> None:
    values = ["true", "FALSE", "NaN", "0.5"]
    given = _load(tmp_path, [GOOD | {"account_id": f"of {each}", "load_seconds": each} for each in values])
    rows = given.features.read()
    found = dict(zip(rows["account_id"].to_pylist(), rows["load_seconds"].to_pylist(), strict=True))
    assert found == {"of true": 1.0, "of FALSE": 0.0, "of NaN": None, "of 0.5": 0.5}


def test_whether_a_column_holds_texts_is_found_unless_it_is_stated(tmp_path: Path) -> None:
    rows = [GOOD | {"account_id": each, "zip": each, "plan": "pro"} for each in ("10115", "75001")]
    units = {"zip": "text"}
    of_numbers, of_texts = _load(tmp_path, rows, profile=["zip"]), _load(tmp_path, rows, profile=["zip"], units=units)
    assert of_numbers.features.read()["zip"].to_pylist() == [10115.0, 75001.0]
    assert of_texts.features.read()["zip"].to_pylist() == ["10115", "75001"]
    assert of_texts.features.read()["plan"].to_pylist() == ["pro", "pro"]


def test_churned_is_the_outcome_of_the_headline_window_alone(tmp_path: Path) -> None:
    rows = [{"account_id": who, "as_of": "2025-01-01", "load_seconds": 1, "plan": "pro", "churned": churned}
            for who, churned in (("a", "true"), ("b", "false"), ("c", None))]  # fmt: skip
    given = _load(tmp_path, rows)
    assert given.is_headline_only and given.outcomes is not None
    assert given.outcomes.read()["followed_days"].to_pylist() == [90.0, 90.0, 0.0]
    assert given.outcomes.read()["churn_days"].to_pylist() == [89.0, None, None]


def test_facts_are_those_of_the_newest_row_that_states_them(tmp_path: Path) -> None:
    newer = GOOD | {"as_of": "2025-02-01", "name": "Ada Ltd"}
    given = _load(tmp_path, [newer, GOOD, newer | {"as_of": "2025-03-01", "name": None}])
    [account] = pq.read_table(given.tables.path("accounts")).to_pylist()
    assert account == {"account_id": "a", "name": "Ada Ltd", "segment": None, "country": None, "owner": None}


def test_to_score_no_outcome_is_needed_or_checked(tmp_path: Path) -> None:
    file = _csv(tmp_path / "rows.csv", [GOOD | {"followed_days": "who knows"}])
    given = load_examples(_settings(tmp_path), file, NOW, False)
    assert given.outcomes is None and given.features.read().num_rows == 1


# --- the file as a whole ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"account": "a", "as_of": "2025-01-01"}], "columns account_id, churn_days, followed_days .*Did you mean"),
        ([GOOD | {"churned": "true"}], "states outcomes twice"),
        ([GOOD | {"account_id": ""}], "no row can be used.*\n.*account_id is missing, such as .*2025-01-01"),
        ([{"account_id": "a", "as_of": "2025-01-01", "churned": "true", "name": "Ada"}], "holds no feature"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    described = {} if "plan" in rows[0] else {"ux": [], "contract": [], "good": {}}
    with pytest.raises(ContractError, match=message):
        _load(tmp_path, rows, **described)


def test_more_wrong_rows_than_the_limit_are_refused_with_their_reasons(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"account_id": "b", "churn_days": 95}]
    with pytest.raises(ContractError, match=r"too many rows are wrong \(.*\n.*1 rows: churn_days is not below .*95"):
        _load(tmp_path, rows, limit=0.1)


def test_durations_that_end_with_the_churn_are_refused(tmp_path: Path) -> None:
    """As survival analysis writes them: late periods would hold stayers alone."""
    rows = [GOOD, *(GOOD | {"account_id": f"b{day}", "churn_days": day, "followed_days": day + 1} for day in (10, 20))]
    with pytest.raises(ContractError, match="followed_days of 2 of the 2 rows that churned end within a day"):
        _load(tmp_path, rows)


def test_a_column_of_times_is_refused_by_its_name(tmp_path: Path) -> None:
    rows = [GOOD | {"load_last": datetime(2025, 1, 1), "as_of": datetime(2025, 1, 1)}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    with pytest.raises(ContractError, match=r"got load_last \(TIMESTAMP\). Turn times into days"):
        load_examples(_settings(tmp_path), tmp_path / "rows.parquet", NOW, True)


def test_a_missing_or_unknown_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"--examples .*none.csv is no file"):
        load_examples(_settings(tmp_path), tmp_path / "none.csv", NOW, True)
    (tmp_path / "rows.xlsx").write_text("x", encoding="utf-8")
    with pytest.raises(SourceError, match=r"unknown file format; expected \.parquet"):
        load_examples(_settings(tmp_path), tmp_path / "rows.xlsx", NOW, True)


def test_where_nobody_cancels_a_file_is_refused(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"examples": DESCRIBED, "churn": {"kind": "inactivity"}})
    with pytest.raises(SettingsError, match=r'kind = "inactivity" computes from tables'):
        load_examples(settings, _csv(tmp_path / "rows.csv", [GOOD]), NOW, True)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    given = _load(tmp_path, [GOOD])
    assert any("cannot be replayed here" in note for note in given.notes)
    assert given.tables.warnings == ("The file has no column mrr: values are unknown, and the list is ranked by the "
                                     "probability of leaving.",)  # fmt: skip
    assert _load(tmp_path, [GOOD | {"mrr": 100}]).tables.warnings == ()
