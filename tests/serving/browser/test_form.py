"""Every page and state at every width: no overflow, targets of 24 pixels, and nothing that axe-core finds."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.serving.browser.conftest import Open

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STATES = {
    "list": "/",
    "filtered": "/?segment=smb&renews_within=60&sort=clv&limit=10",
    "nothing": "/?min_value=999999999",
    "beyond": "/?offset=100000",
    "refused": "/?sort=price",
    "account": "/accounts/{first}",
    "no account": "/accounts/nobody",
    "drivers": "/drivers",
    "journeys": "/journeys",
    "personas": "/personas",
    "model": "/model",
}
WIDTHS = (320, 390, 768, 901, 1024, 1440, 2560)
SMALL_TARGETS = """() =>
  [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, textarea")]
  .filter(each => each.offsetParent !== null && !each.closest("p, li, dd, footer, .skip"))
  .filter(each => { const box = (each.closest("label.tick, label.check") || each).getBoundingClientRect();
                    return box.width > 0 && (box.height < 23.5 || box.width < 23.5); })
  .map(each => each.outerHTML.slice(0, 100))"""


def opened(open_page: Open, state: str, width: int, dark: bool = False) -> Page:
    """A state of a page; the account is the first of the list."""
    path = STATES[state]
    if "{first}" in path:
        page = open_page("/?limit=1", width)
        path = "/accounts/" + str(page.locator("td.name a").first.get_attribute("href")).rpartition("/")[2]
    return open_page(path, width, dark=dark)


@pytest.mark.parametrize("state", STATES)
def test_no_width_needs_scrolling_sideways(open_page: Open, state: str) -> None:
    page = opened(open_page, state, 1440)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{state} is {wide} wide at {width}"


@pytest.mark.parametrize("state", STATES)
def test_what_is_pressed_is_24_pixels_wide_and_high(open_page: Open, state: str) -> None:
    for width in (390, 1440):
        assert opened(open_page, state, width).evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(open_page: Open, state: str) -> None:
    for width, dark in ((390, False), (1440, False), (1440, True)):
        page = opened(open_page, state, width, dark)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.violations_count == 0, found.generate_report()
