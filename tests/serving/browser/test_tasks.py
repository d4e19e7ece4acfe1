"""Three people finish their task in a browser, from the list to the file or the account that they came for."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path

import openpyxl
from playwright.sync_api import Page, expect

from tests.serving.browser.conftest import Open


def ids(page: Page) -> list[str]:
    """The ids of the accounts that a page lists, in their order."""
    links = page.locator("table.accounts td.name a").all()
    return [str(link.get_attribute("href")).rpartition("/")[2].partition("?")[0] for link in links]


def rows_of(path: Path) -> list[dict[str, object]]:
    """The rows of a workbook by its titles."""
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    titles, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, titles), row, strict=True)) for row in rows]


def test_the_ten_most_valuable_accounts_that_renew_within_60_days_end_in_a_spreadsheet(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page("/")
    page.get_by_label("Renews within, days").fill("60")
    page.get_by_label("Order").select_option("clv")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"/\?renews_within=60&sort=clv$"))
    shown = ids(page)[:10]
    assert len(shown) == 10
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Excel").click()
    downloading.value.save_as(tmp_path / "list.xlsx")
    rows = rows_of(tmp_path / "list.xlsx")
    assert [row["Account"] for row in rows[:10]] == shown
    as_of = rows[0]["As of"]
    assert isinstance(as_of, datetime)
    assert all(0 <= (row["Renews"] - as_of).days <= 60 for row in rows)  # type: ignore[operator]
    [title] = [name for name in rows[0] if name.startswith("Value over")]
    values = [float(str(row[title])) for row in rows if row[title] is not None]
    assert values == sorted(values, reverse=True)


def test_an_order_is_one_click_on_a_column_and_csv_holds_the_same_accounts(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/?segment=smb")
    page.get_by_role("columnheader", name="MRR").get_by_role("link").click()
    expect(page.locator("th[aria-sort]")).to_contain_text("MRR")
    amounts = [float(text.replace(",", "")) for text in page.locator("td[data-label=MRR]").all_inner_texts()]
    assert amounts == sorted(amounts, reverse=True) and len(amounts) > 5
    shown = ids(page)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV", exact=True).click()
    downloading.value.save_as(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = [row["Account"] for row in csv.DictReader(file)]
    assert listed[: len(shown)] == shown


def test_contacts_that_pay_are_one_choice_away_and_add_up(open_page: Open) -> None:
    page = open_page("/")
    said = page.locator(".decision").inner_text()
    counts = re.findall(r"([\d,]+) (?:contacts|do not)", said)
    recommended, does_not_pay = (int(text.replace(",", "")) for text in counts)
    page.locator("select[name=contact]").select_option("recommended")
    page.get_by_role("button", name="Filter").click()
    found = page.locator(".facts").inner_text()
    assert f"In this selection {recommended:,}" in found
    page.locator("select[name=contact]").select_option("does_not_pay")
    page.get_by_role("button", name="Filter").click()
    assert f"In this selection {does_not_pay:,}" in page.locator(".facts").inner_text()


def test_one_account_is_understood(open_page: Open) -> None:
    page = open_page("/")
    first = page.locator("table.accounts td.name a").first
    name = first.inner_text()
    first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("img", name=re.compile("^Chance of leaving: "))).to_be_visible()
    text = page.locator("main").inner_text()
    for word in ("Value at risk", "MRR", "Renews", "Owner", "Segment", "until"):
        assert word in text
    parts = [text for text in page.locator(".sum").first.locator(".number").all_inner_texts()]
    numbers = [float(part.replace("−", "-").replace("%", "").strip()) for part in parts]
    assert abs(numbers[0] + sum(numbers[1:-1]) - numbers[-1]) < 0.05 * len(numbers)  # of printed tenths


def test_a_view_is_saved_by_name_and_found_again(open_page: Open) -> None:
    page = open_page("/?segment=smb&sort=clv")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name", exact=True).fill("Small, by value")
    page.get_by_role("button", name="Save", exact=True).click()
    again = open_page("/")
    again.get_by_role("link", name="Small, by value").click()
    expect(again).to_have_url(re.compile(r"segment=smb&sort=clv$"))
    assert ids(again) == ids(page)


def test_an_account_is_marked_as_contacted_and_the_list_says_so(open_page: Open) -> None:
    page = open_page("/")
    page.locator("table.accounts td.name a").nth(1).click()
    account = page.get_by_role("heading", level=1).inner_text()
    page.locator(".set-status select").select_option("contacted")
    page.locator(".set-status button").click()
    expect(page.locator("#status .chip")).to_have_text("Contacted")
    page.goto(page.url.partition("/accounts/")[0] + "/")
    row = page.locator("table.accounts tr", has_text=account)
    expect(row).to_contain_text(re.compile("contacted", re.IGNORECASE))


def test_fifty_accounts_print_on_three_sheets(open_page: Open) -> None:
    page = open_page("/")
    assert len(ids(page)) == 50
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True, print_background=True))
    assert 1 <= len(sheets) <= 3


def test_ten_accounts_stand_above_the_fold(open_page: Open) -> None:
    page = open_page("/")
    boxes = [row.bounding_box() for row in page.locator("table.accounts tbody tr").all()[:10]]
    assert max(box["y"] + box["height"] for box in boxes if box is not None) <= 900 and None not in boxes


def test_the_list_is_searched_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    page.keyboard.press("Enter")
    name = ids(page)[3]
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("name") == "search":
            break
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"search={name}"))
    assert ids(page) == [name]
    for _ in range(60):
        page.keyboard.press("Tab")
        if f"accounts/{name}" in str(page.locator(":focus").get_attribute("href")):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text(name).first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Chance of leaving: "))).to_be_visible()


def test_from_an_account_one_goes_on_to_the_next_and_back_to_the_same_filters(open_page: Open) -> None:
    page = open_page("/?segment=smb&sort=clv")
    listed = ids(page)
    page.locator("table.accounts td.name a").nth(1).click()
    page.get_by_role("link", name="Next →").click()
    expect(page).to_have_url(re.compile(rf"/accounts/{listed[2]}\?segment=smb&sort=clv$"))
    page.get_by_role("link", name="← Before").click()
    expect(page).to_have_url(re.compile(rf"/accounts/{listed[1]}\?"))
    page.get_by_role("link", name="At risk, as filtered").click()
    expect(page).to_have_url(re.compile(r"/\?segment=smb&sort=clv$"))
    assert ids(page) == listed


def test_the_family_that_adds_most_in_a_segment_is_read_with_its_interval_and_since_when(open_page: Open) -> None:
    page = open_page("/drivers")
    group = page.locator("select[name=group]")
    group.select_option(str(group.locator("option", has_text="smb").first.get_attribute("value")))
    page.get_by_role("button", name="Show").click()
    text = page.locator("main").inner_text()
    assert re.search(r"[+−]\d+\.\d to [+−]\d+\.\d", text), text[:3000]
    assert "since" in text.lower() or "too few" in text.lower()
    assert "ssociated" in text
