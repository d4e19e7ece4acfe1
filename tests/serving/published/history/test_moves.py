"""What moved, on the page, the command line and in files; the list filters and orders by it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.serving.api.problem import problem
from tests.serving.cli.typed import undertow
from tests.serving.client import Client


def ids(answer: Any) -> list[str]:
    return [account["account_id"] for account in answer.json()["accounts"]]


def test_the_parts_of_an_account_add_up_to_what_moved(compared: Client) -> None:
    account = compared.get("/v1/accounts/A-00042").json()
    moved = account["moved"]
    parts = [moved["model"], moved["clock"], *moved["families"].values()]
    assert sum(parts) == pytest.approx(moved["probability"], abs=1e-9)
    assert moved["before"] + moved["probability"] == pytest.approx(account["probability"]["90"], abs=1e-12)
    assert (moved["since"], moved["is_new"]) == ("2024-12-31", False)


def test_a_new_account_has_no_change(compared: Client) -> None:
    moved = compared.get("/v1/accounts/zero").json()["moved"]
    assert moved["is_new"] and moved["probability"] is None and set(moved["families"].values()) == {None}


def test_the_list_is_filtered_and_ordered_by_what_moved(compared: Client) -> None:
    assert ids(compared.get("/v1/at-risk?moved=new")) == ["zero"]
    assert ids(compared.get("/v1/at-risk?moved=risen")) == ["A-00042"]
    assert set(ids(compared.get("/v1/at-risk?moved=new_or_risen"))) == {"A-00042", "zero"}
    ordered = compared.get("/v1/at-risk?sort=moved").json()["accounts"]
    changes = [account["moved"]["probability"] for account in ordered]
    assert changes[:-1] == sorted(changes[:-1], reverse=True) and changes[-1] is None
    assert compared.get("/v1/at-risk?moved=fallen").json()["total"] == sum(
        change is not None and change <= -0.01 for change in changes
    )


def test_the_page_says_what_moved_and_by_what(compared: Client) -> None:
    html = compared.get("/").text
    account = compared.get("/v1/accounts/A-00042").json()
    assert f'<small class="moved">+{100 * account["moved"]["probability"]:.1f}: Billing +' in html
    assert '<small class="moved">new</small>' in html
    assert "Below it: points since 31 Dec 2024." in html
    chosen = compared.get("/?moved=risen&sort=moved").text
    assert '<option value="risen" selected>risen by a point</option>' in chosen
    assert '<option value="moved" selected>Rise since 31 Dec 2024</option>' in chosen
    assert "accounts/zero" not in chosen


def test_files_hold_what_moved(compared: Client) -> None:
    text = compared.get("/v1/at-risk?format=csv").text.removeprefix("\ufeff")
    rows = {row["account_id"]: row for row in csv.DictReader(io.StringIO(text))}
    moved = compared.get("/v1/accounts/A-00042").json()["moved"]
    assert rows["A-00042"]["moved"] == f"{moved['probability']:.4f}"
    assert rows["A-00042"]["moved_billing"] == f"{moved['families']['billing']:.4f}"
    assert rows["A-00042"]["value_at_risk_moved"] == f"{moved['value_at_risk']:.2f}"
    assert (rows["zero"]["is_new"], rows["zero"]["moved"]) == ("true", "")
    sheet = openpyxl.load_workbook(io.BytesIO(compared.get("/v1/at-risk?format=xlsx").content)).active
    titles, *lines = sheet.iter_rows(values_only=True)
    told = {line[titles.index("Account")]: line for line in lines}
    assert told["A-00042"][titles.index("Change since 2024-12-31")] == pytest.approx(moved["probability"])
    assert told["zero"][titles.index("New since 2024-12-31")] == "yes"


def test_the_command_prints_what_moved(two_lists: Path) -> None:
    shown = undertow("at-risk", "--project", str(two_lists), "--sort", "moved", "--moved", "new_or_risen").stdout
    assert "pt since 2024-12-31: billing +" in shown and "new since 2024-12-31" in shown
    assert "2 of 2 accounts, as of 2025-01-31, largest rise since the list before first" in shown


def test_a_list_of_an_earlier_release_opens_and_says_that_it_was_not_compared(client: Client) -> None:
    assert client.get("/v1/accounts/A-00042").json()["moved"] is None
    assert "Published before lists were compared." in client.get("/").text
    assert 'name="moved"' not in client.get("/").text
    assert ids(client.get("/v1/at-risk?sort=moved")) == ids(client.get("/v1/at-risk"))
    refused = problem(client.get("/v1/at-risk?moved=risen"), 422)["detail"]
    assert refused.startswith("moved: there is no list before this one to compare with")
