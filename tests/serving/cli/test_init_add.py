"""`undertow init --add`: a project that init wrote gets the files of one more system, and keeps what was changed."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.features.connectors.company import hubspot, posthog, product_database, stripe, zendesk
from tests.features.connectors.company.company import simulate_company
from tests.serving.cli.typed import undertow
from undertow.features.connectors.kit import extend
from undertow.features.connectors.kit.merge_settings import merged_settings
from undertow.features.connectors.kit.written import RECORD
from undertow.features.settings import FILE_NAME, load_settings

FIRST = (hubspot, product_database, stripe)
TICKETS, EVENTS = "sql/tickets.sql", "event_kinds.csv"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `first` with the exports of three systems, and one each for Zendesk and PostHog."""
    folder = tmp_path_factory.mktemp("exports")
    company = simulate_company(tmp_path_factory.mktemp("canonical"), accounts=60, months=10)
    for vendor, place in [*((each, "first") for each in FIRST), (zendesk, "zendesk"), (posthog, "posthog")]:
        target = folder / place / vendor.__name__.rpartition(".")[2]
        target.mkdir(parents=True)
        vendor.write(company, target)
    return folder


@pytest.fixture(scope="module")
def first(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the three systems."""
    project = tmp_path_factory.mktemp("first") / "project"
    assert undertow("init", "--data", str(exports / "first"), "--project", str(project), "--yes").exit_code == 0
    return project


@pytest.fixture
def project(first: Path) -> Path:
    """A copy of the project beside it, so that its paths hold."""
    copy = first.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    return Path(shutil.copytree(first, copy))


def _add(project: Path, exports: Path, name: str) -> str:
    result = undertow("init", "--add", name, "--data", str(exports / name), "--project", str(project), "--yes")
    assert (result.exit_code, result.stderr.strip()) == (0, "")
    return result.stdout


def _texts(project: Path) -> dict[str, str]:
    paths = [path for path in project.rglob("*") if path.is_file() and "store" not in path.parts]
    return {path.relative_to(project).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_a_project_made_in_two_steps_is_the_one_made_at_once(project: Path, exports: Path) -> None:
    printed = _add(project, exports, "zendesk")
    assert "Taken, as proposed:" in printed
    assert "Stripe customer's metadata" not in printed  # answered before
    once = project.with_name("once")
    shutil.rmtree(once, ignore_errors=True)
    words = ("--data", str(exports / "first"), "--data", str(exports / "zendesk"), "--project", str(once), "--yes")
    assert undertow("init", *words).exit_code == 0
    stepwise, whole = _texts(project), _texts(once)
    assert stepwise.keys() == whole.keys()
    for path in stepwise.keys() - {RECORD}:
        assert stepwise[path].replace('name = "project"', 'name = "once"') == whole[path], path
    assert "Every file of the project is as it would be written now" in _add(project, exports, "zendesk")


def test_what_was_changed_is_kept_and_what_is_new_is_added(project: Path, exports: Path) -> None:
    claims = project / "sql/who_is_who.sql"
    claims.write_text("-- mine\n" + claims.read_text(encoding="utf-8"), encoding="utf-8")
    settings = project / FILE_NAME
    text = settings.read_text(encoding="utf-8").replace("[views]", '[views]\n# my own\nlate = "sql/late.sql"')
    (project / "sql/late.sql").write_text("SELECT 1 AS one", encoding="utf-8")
    settings.write_text(text + "\n[churn]\ngrace_days = 10  # agreed in May\n", encoding="utf-8")
    printed = _add(project, exports, "zendesk")
    assert claims.read_text(encoding="utf-8").startswith("-- mine")
    assert "zendesk" in (project / "sql/who_is_who.sql.new").read_text(encoding="utf-8")
    assert "you have changed it; take what you need from sql/who_is_who.sql.new" in " ".join(printed.split())
    merged = settings.read_text(encoding="utf-8")
    assert "grace_days = 10  # agreed in May" in merged
    assert '# my own\nlate = "sql/late.sql"' in merged
    views = list(tomllib.loads(merged)["views"])
    assert views.index("late") < views.index("who_is_who") < views.index("zendesk_ticket_list")
    assert load_settings(project).churn.grace_days == 10


def test_corrected_kinds_of_events_stay_and_new_events_are_added(first: Path, exports: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    words = ("--data", str(exports / "first"), "--data", str(exports / "posthog"), "--project", str(project), "--yes")
    assert undertow("init", *words).exit_code == 0
    header, one, two, *rest = (project / EVENTS).read_text(encoding="utf-8").splitlines()
    changed = one.replace(one.split(",")[2], "click")
    (project / EVENTS).write_text("\n".join([header, changed, *rest]) + "\n", encoding="utf-8")
    _add(project, exports, "zendesk")
    lines = (project / EVENTS).read_text(encoding="utf-8").splitlines()
    assert changed in lines
    assert lines[-1] == two


def test_a_run_that_was_stopped_is_finished_by_the_next(
    project: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, count = extend.replace_text, 0

    def stop(path: Path, text: str) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        write(path, text)

    monkeypatch.setattr(extend, "replace_text", stop)
    undertow("init", "--add", "zendesk", "--data", str(exports / "zendesk"), "--project", str(project), "--yes")
    assert count == 5
    monkeypatch.undo()
    _add(project, exports, "zendesk")
    assert not list(project.rglob("*.new"))
    assert "zendesk_tickets" in load_settings(project).files
    assert (project / TICKETS).exists()


def test_refusals_change_nothing(project: Path, exports: Path, tmp_path: Path) -> None:
    before = _texts(project)
    unknown = undertow("init", "--add", "zendsk", "--project", str(project), "--yes")
    assert "Did you mean 'zendesk'?" in unknown.stderr
    lacking = undertow("init", "--add", "zendesk", "--project", str(project), "--yes")
    assert "No files of zendesk were found. Name their folder with --data" in lacking.stderr
    hidden = exports / "first" / "stripe"
    hidden.rename(tmp_path / "stripe")
    lost = undertow("init", "--add", "zendesk", "--data", str(exports / "zendesk"), "--project", str(project), "--yes")
    (tmp_path / "stripe").rename(hidden)
    assert "The files of stripe, of which this project is made, are no longer in" in lost.stderr
    assert _texts(project) == before
    (project / RECORD).unlink()
    unwritten = undertow("init", "--add", "zendesk", "--project", str(project), "--yes")
    assert "--add extends a project that `undertow init --data` wrote" in unwritten.stderr
    assert [each.exit_code for each in (unknown, lacking, lost, unwritten)] == [1, 1, 1, 1]


def test_settings_that_both_changed_stay_as_they_are_and_are_named() -> None:
    before = '[accounts]\ncarry = ["a"]\n[currency]\nreport = "EUR"\n[data]\npresent_only = ["users"]\nshare = 0.1\n'
    mine = '[accounts]\ncarry = ["x", "a"]\n[currency]\nreport = "CHF"\n[data]\npresent_only = ["users"]\n'
    now = before.replace('["a"]', '["a", "b"]').replace("EUR", "USD").replace('present_only = ["users"]\n', "")
    now += '[files]\nf = { path = "p" }\n'
    merged, kept = merged_settings(mine, before, now)
    assert tomllib.loads(merged) == {
        "accounts": {"carry": ["x", "a", "b"]},
        "currency": {"report": "CHF"},
        "data": {},
        "files": {"f": {"path": "p"}},
    }
    assert kept == ["[currency] report"]
