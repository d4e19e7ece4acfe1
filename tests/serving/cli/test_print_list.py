"""The list of accounts at risk and the drivers, as printed."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME


def listed(project: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json_of("at-risk", "--project", project, "--format", "json", *words)
    return found


def test_the_list_as_json_goes_by_value_at_risk(tiny: str) -> None:
    values = [account["value_at_risk"] for account in listed(tiny)]
    assert len(values) == 6
    assert values == sorted(values, reverse=True)


def test_the_list_as_csv_says_the_same(tiny: str) -> None:
    result = undertow("at-risk", "--project", tiny, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert (result.exit_code, result.stderr) == (0, "")
    ids = [row["account_id"].removeprefix("'") for row in rows]
    assert ids == [account["account_id"] for account in listed(tiny)]
    assert {"p_90", "value_at_risk", "reason_1"} <= set(rows[0])


def test_the_list_as_a_table_names_accounts_reasons_and_totals(tiny: str) -> None:
    shown = undertow("at-risk", "--project", tiny, "--limit", "2").stdout
    assert "A-00042" in shown
    assert "error rate 12% in the last 30 days" in " ".join(shown.split())
    assert "2 of 6 accounts, as of 2025-01-31" in shown


def test_the_table_says_where_no_single_reason_stands_out(tiny: str) -> None:
    lines = undertow("at-risk", "--project", tiny).stdout.splitlines()
    unclear = [account for account in listed(tiny) if account["reasons"] and not account["stands_out"]]
    said = [number for number, line in enumerate(lines) if line.strip() == "no single reason stands out:"]
    assert len(said) == len(unclear) == 1
    assert lines[said[0] + 1].strip().startswith(f"{unclear[0]['reasons'][0]['family']}: ")


def test_what_an_account_announced_is_listed_in_every_format(tiny: str) -> None:
    announced = {account["account_id"]: account["announced"] for account in listed(tiny)}
    assert announced.pop("kunde 7/b") == "down to 2,000 from 2025-03-01"
    assert set(announced.values()) == {None}
    assert "down to 2,000 from 2025-03-01 · kunde 7/b" in undertow("at-risk", "--project", tiny).stdout
    rows = csv.DictReader(io.StringIO(undertow("at-risk", "--project", tiny, "--format", "csv").stdout))
    assert sorted(row["announced"] for row in rows) == [*[""] * 5, "down to 2,000 from 2025-03-01"]


def test_names_are_no_markup(publish_scores: Callable[..., Path], people: Any, tmp_path: Path) -> None:
    publish_scores(tmp_path / "store", people=(("m", "[b]x[/b]", *people[1][2:]),))
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    assert "[b]x[/b]" in undertow("at-risk", "--project", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("words", "key", "value", "count"),
    [
        (("--owner", "Mara Lindqvist"), "owner", "Mara Lindqvist", 2),
        (("--segment", "startup"), "segment", "startup", 3),
        (("--limit", "1"), "account_id", "A-00042", 1),
    ],
)
def test_the_list_can_be_narrowed(tiny: str, words: tuple[str, ...], key: str, value: str, count: int) -> None:
    found = listed(tiny, *words)
    assert len(found) == count
    assert {account[key] for account in found} == {value}


def test_the_list_can_be_narrowed_by_cause_and_money(tiny: str) -> None:
    every = listed(tiny)
    causes = [len(listed(tiny, "--cause", cause)) for cause in ("voluntary", "involuntary")]
    assert sum(causes) == 6 and min(causes) > 0
    middle = every[2]["value_at_risk"]
    assert [account["account_id"] for account in listed(tiny, "--min-value", str(middle))] == [
        account["account_id"] for account in every[:3]
    ]


def test_the_table_says_what_is_done_and_which_contacts_pay_under_what_assumptions(tiny: str) -> None:
    shown = undertow("at-risk", "--project", tiny).stdout
    assert shown.count("to do: ") + shown.count("no contact: ") == 6
    assert "contacts recommended, worth EUR" in shown and "keeps 20 % of leavers (default) and costs EUR 20." in shown
    every, paying = listed(tiny), listed(tiny, "--contact", "recommended")
    assert 0 < len(paying) < len(every) == len(listed(tiny, "--no-notice"))
    assert [account for account in every if account["contact"]["verdict"] == "recommended"] == paying


def test_csv_is_written_with_titles_and_the_marks_of_a_language(tiny: str) -> None:
    words = ("at-risk", "--project", tiny, "--format", "csv", "--columns", "titles", "--locale", "de")
    [head, first, *_] = undertow(*words).stdout.lstrip("\ufeff").splitlines()
    assert head.startswith("Name;Account;Owner;Segment;Country;MRR, EUR;")
    assert first.startswith("Nordwind Logistik GmbH;A-00042;Mara Lindqvist;business;DE;4200,00;")
    refused = undertow("at-risk", "--project", tiny, "--locale", "de")
    assert refused.exit_code != 0 and "CSV" in refused.stderr + refused.stdout


def test_a_list_of_nobody_is_empty_and_no_error(tiny: str) -> None:
    assert listed(tiny, "--min-value", "1e12") == []
    assert undertow("at-risk", "--project", tiny, "--min-value", "1e12").exit_code == 0


def test_an_owner_of_no_account_is_refused(tiny: str) -> None:
    refused = undertow("at-risk", "--project", tiny, "--owner", "Nobody")
    assert refused.exit_code == 1 and "No account has the owner 'Nobody'. Known: " in refused.stderr


def test_drivers_are_printed_with_their_grade(demo: tuple[str, Result]) -> None:
    shown = undertow("drivers", "--project", demo[0]).stdout
    assert "Associated" in shown and "Like accounts" in shown and "profile" not in shown
    assert all(family in shown for family in ("ux", "cx", "billing", "usage"))
    assert json_of("drivers", "--project", demo[0], "--json")["grade"] == "associated"


def test_the_list_is_printed_without_importing_what_computes_it(tiny: str) -> None:
    slow = {"sqlglot", "duckdb", "pandas", "lightgbm", "sklearn", "mlflow"}
    code = (
        "import sys\n"
        "from undertow.serving.cli.commands import app\n"
        "app(standalone_mode=False)\n"
        f"print(sorted({slow} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "at-risk", "--project", tiny]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "[]" and "At risk" in done.stdout
