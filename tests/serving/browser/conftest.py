"""The pages of the scored small world in a real browser: Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.serving.pages.reading import served
from tests.trained_world import NOW
from undertow.features.settings import Settings
from undertow.serving.api.app import make_app
from undertow.serving.jobs.score import score
from undertow.training.evaluation.report import TrainReport

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window; skips where it is not installed.

    Not of the session: Playwright keeps an event loop running, beside which tests of other modules could run none.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def world(trained: tuple[Settings, TrainReport], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a copy of the trained project with a published list."""
    folder = tmp_path_factory.mktemp("browser") / "world"
    shutil.copytree(trained[0].folder, folder)
    score(trained[0].model_copy(update={"folder": folder}), NOW)
    return folder


@pytest.fixture(scope="session")
def address(world: Path) -> Iterator[str]:
    """The address of the service over it, with a team's database, on a free port."""
    with served(make_app(world / "store", team=str(world / "team.db"))) as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Return a function that opens a path in a window of its own; a refused resource or script fails the test."""
    contexts, complaints = [], []

    def opened(path: str, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in complaints if "status of 4" not in each] == []
