"""Business metrics as printed by `undertow metrics`: 120 accounts that pay, 6 of which leave in March."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.serving.cli.typed import undertow
from undertow.features.settings import Settings

WHOLE = "[data]\nsince = 2024-01-01\nuntil = 2024-06-01\n"
COLUMNS = ["metric", "month", "group", "value", "low", "high", "n", "accounts", "status", "unit"]


@pytest.fixture
def paying(project: Callable[..., Settings]) -> str:
    """The folder of the project."""
    accounts, subscriptions = [], []
    for number in range(120):
        segment = "=large" if number % 2 else "small"
        accounts.append({"account_id": f"a{number}", "created_at": "2023-12-01", "segment": segment})
        period = {"subscription_id": f"s{number}", "account_id": f"a{number}", "started_at": "2023-12-01", "mrr": 10}
        subscriptions.append(period | {"ended_at": "2024-03-05" if number < 6 else ""})
    return str(project({"accounts.csv": accounts, "subscriptions.csv": subscriptions}, WHOLE).folder)


def metrics(project: str, *words: str) -> Result:
    return undertow("metrics", "--project", project, *words)


def test_the_table_shows_values_intervals_and_n(paying: str) -> None:
    shown = metrics(paying, "--metric", "logo_churn")
    assert (shown.exit_code, shown.stdout.splitlines()[0].split()) == (
        0, ["Metric", "2024-01", "2024-02", "2024-03", "2024-04", "2024-05"],
    )  # fmt: skip
    assert all(told in shown.stdout for told in ("5.0%", "2.3..10.5%", "n 120", "not yet"))
    assert "! Only what was recorded" in shown.stdout


def test_what_is_left_out_is_said_once_a_reason(paying: str) -> None:
    shown = metrics(paying).stdout
    assert "Left out: ces, csat, nps (it needs the surveys table; give it a source under [tables])." in shown
    assert shown.count("Left out:") == 3  # surveys, tickets, events


def test_the_csv_has_a_row_a_metric_month_and_group(paying: str) -> None:
    written = metrics(paying, "--metric", "mrr", "--metric", "logo_churn", "--months", "3", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(written.stdout)))
    assert list(rows[0]) == COLUMNS
    assert [row["metric"] for row in rows] == ["mrr"] * 3 + ["logo_churn"] * 3
    assert [row["month"] for row in rows] == ["2024-03", "2024-04", "2024-05"] * 2
    assert (rows[3]["value"], rows[3]["n"], rows[3]["unit"]) == ("0.05", "120", "share")
    assert (rows[5]["value"], rows[5]["status"]) == ("", "not yet settled")


def test_groups_in_the_csv_are_safe_in_a_spreadsheet(paying: str) -> None:
    written = metrics(paying, "--metric", "mrr", "--by", "segment", "--format", "csv")
    assert {row["group"] for row in csv.DictReader(io.StringIO(written.stdout))} == {"'=large", "small"}


def test_the_json_carries_cards_and_reasons(paying: str) -> None:
    written = metrics(paying, "--format", "json")
    found: dict[str, Any] = json.loads(written.stdout, parse_constant=pytest.fail)
    assert found["months"] == ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"]
    assert {"name", "sentence", "unit", "formula", "source", "minimum"} <= set(found["metrics"][0])
    assert "nps" in found["left_out"]
    [march] = [one for one in found["numbers"] if (one["metric"], one["month"]) == ("mrr_churned", "2024-03")]
    assert (march["value"], march["n"]) == (60, 6)


def test_groups_are_no_markup(project: Callable[..., Settings]) -> None:
    accounts = [{"account_id": "a", "created_at": "2023-12-01", "segment": "[b]bold[/b]"}]
    paid = [{"subscription_id": "s", "account_id": "a", "started_at": "2023-12-01", "mrr": 10}]
    made = project({"accounts.csv": accounts, "subscriptions.csv": paid}, WHOLE)
    assert "[b]bold[/b]" in metrics(str(made.folder), "--metric", "mrr", "--by", "segment").stdout


def test_the_plot_is_drawn_instead(paying: str, tmp_path: Path) -> None:
    drawn = metrics(paying, "--plot", str(tmp_path / "numbers.png"))
    assert drawn.exit_code == 0
    assert f"Drawn in {tmp_path / 'numbers.png'}." in drawn.stdout
    assert (tmp_path / "numbers.png").stat().st_size > 5_000


def test_an_unknown_metric_ends_with_1_and_the_nearest(paying: str) -> None:
    result = metrics(paying, "--metric", "logo_chum")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean 'logo_churn'?" in result.stderr


@pytest.mark.parametrize(
    "words",
    [("--by", "colour"), ("--months", "0"), ("--format", "xml"), ("--plot", "x.gif"), ("--plot", "nowhere/x.png")],
)
def test_wrong_use_ends_with_2(paying: str, words: tuple[str, str]) -> None:
    result = metrics(paying, *words)
    assert (result.exit_code, result.stdout) == (2, "")


def test_numbers_of_accounts_alone_have_no_platform(paying: str) -> None:
    result = metrics(paying, "--metric", "mrr", "--by", "platform")
    assert result.exit_code == 1
    assert "it is measured on accounts and not on platforms" in result.stderr
