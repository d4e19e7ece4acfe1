"""Docs cannot drift: what exists is documented, what is documented exists, and pasted output is what is printed."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import tomllib
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tests.docs import connectors
from tests.docs.outputs import BLOCKS, pasted
from undertow.features import errors
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.checks import check_features
from undertow.features.catalogue.ux import page_views, rage_clicks
from undertow.features.compiler.plan import plan_features
from undertow.features.connectors import EMPTY, FOLDER
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.sources.load import load_tables
from undertow.features.tables import TABLES
from undertow.serving.api.app import make_app
from undertow.serving.api.openapi import openapi
from undertow.serving.cli.commands import app
from undertow.serving.jobs.score import score

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
FLOORS = ("features", "training", "serving")
MODULES = {
    ".".join(("undertow", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for floor in FLOORS
    for path in sorted((ROOT / floor).rglob("*.py"))
}
FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix() for path in MODULES.values()})
WITH_EXAMPLES = sorted(name for name, path in MODULES.items() if ">>> " in path.read_text(encoding="utf-8"))
FORMULAS = {  # public formula: the docstring that shows it with a number one can check
    "survival": "training.churn.curves:survival",
    "incidence": "training.churn.curves:incidence",
    "lifetime value": "training.value.subscription:lifetime_value",
    "BG/NBD": "training.value.purchases.bg_nbd:BgNbd.expected_purchases",
    "Pareto/NBD": "training.value.purchases.pareto_nbd:ParetoNbd.expected_purchases",
    "Gamma-Gamma": "training.value.purchases.gamma_gamma:GammaGamma.expected_spend",
    "discounting": "training.value.subscription:discount_factors",
    "Wilson": "training.evaluation.intervals:wilson",
    "clustered AUROC": "training.leakage.auroc:auroc",
    "paired gain": "training.evaluation.intervals:paired_gain",
    "the gate": "training.evaluation.gate:decide",
    "person-periods": "training.examples.person_periods:entered",
    "slots of a window": "features.compiler.timeline:Timeline",
    "web-vital shares, Apdex, NPS, NRR": "training.business_metrics.sql:value_over",
    "along_path": "training.bundle.attribution:along_path",
}


# --- commands, routes, settings --------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_is_in_the_readme_and_its_help_shows_an_example(command: str) -> None:
    assert re.search(rf"^{command} ", pasted(README)["help"], flags=re.M)
    assert f"Example: undertow {command}" in (COMMANDS[command].epilog or "")


def test_every_route_is_in_the_readme(tmp_path: Path) -> None:
    paths = [route.path.replace(":path", "") for route in make_app(tmp_path).routes]  # type: ignore[attr-defined]
    assert not [path for path in paths if f"{path}`" not in README]


def test_every_section_of_the_settings_is_in_the_empty_template() -> None:
    template = (FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8")
    sections = [name for name, field in Settings.model_fields.items() if name not in ("folder", "name", "store")]
    assert not [section for section in sections if f"[{section}]" not in template]


def test_the_empty_template_is_valid(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text((FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8"), encoding="utf-8")
    assert load_settings(tmp_path).churn.grace_days == 30


# --- the map, links, targets, the lock -------------------------------------------------------


def test_the_map_of_the_code_names_every_folder_and_none_that_is_gone() -> None:
    named = set(re.findall(r"^\| `([\w/]+)/` \|", README, flags=re.M))
    inner = {folder for folder in FOLDERS if folder.startswith("features/simulator/")}  # named in its room's line
    assert set(FOLDERS) - inner <= named
    assert not [folder for folder in named if not (ROOT / folder).is_dir()]
    assert all(f"`{Path(folder).name}/`" in README for folder in inner)


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md", "tests/benchmarks/README.md"):
        links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        assert not [link for link in links if not ((ROOT / page).parent / link).exists()], page


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "DECISIONS.md"])
def test_every_file_named_in_the_docs_exists(page: str) -> None:
    named = re.findall(r"`((?:features|training|serving|tests)/[\w/]+(?:\.\w+|/))`", (ROOT / page).read_text("utf-8"))
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_decision_has_a_line_in_the_index_under_its_title() -> None:
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| [^|]+ \| (\d+\. .+) \|$", text, flags=re.M)
    assert sorted(listed) == sorted(re.findall(r"^## (.+)$", text, flags=re.M))


def test_every_target_of_the_makefile_is_listed_by_make() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    listed = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    assert set(targets) == set(listed)


def test_the_lock_pins_everything_and_names_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.\-]+==[\w.\-+!]+", line)]


def test_one_version_number_stands_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert newest is not None
    printed = CliRunner().invoke(app, ["--version"]).stdout.strip()
    assert {project["version"], newest[1], openapi()["info"]["version"], printed} == {version("undertow")}


def test_the_packages_of_the_wheel_are_the_folders_of_the_code() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["packages"] == ["undertow." + folder.replace("/", ".") for folder in FOLDERS]


# --- pasted output ---------------------------------------------------------------------------


@pytest.fixture
def published(copied: Settings) -> Path:
    """The folder of the small trained project, scored."""
    score(copied, datetime(2024, 7, 2, 4))
    return copied.folder


@pytest.mark.parametrize("block", BLOCKS)
def test_the_output_in_the_readme_is_what_is_printed(published: Path, block: str) -> None:
    """But for names and numbers, which are the demo's."""
    assert _masked(pasted(README)[block]) == _masked(BLOCKS[block](published))


def test_the_page_of_the_connectors_is_what_their_manifests_say() -> None:
    assert connectors.PAGE.read_text(encoding="utf-8") == connectors.page(), "run `make readme`"


def _masked(output: str) -> list[str]:
    """Return the lines of an output, numbers, names and reasons masked, each kind of line once."""
    lines = []
    for line in output.split("\n"):
        if line.strip() == "no single reason stands out:":  # with few churners none does
            continue
        masked = re.sub(r"\d[\d,.\-]*\d|\d|null", "0", line)  # too few accounts have no interval
        masked = masked.replace('":0', '": 0')
        masked = re.sub(r"^\S.* {2,}0 +0% +0 +-?0 +(0|-)$", "ACCOUNT", masked)
        masked = re.sub(r"^  .* · .*the likelier cause is \w+$", "  ID · OWNER · SEGMENT · CAUSE", masked)
        masked = re.sub(r"^  (no single reason stands out; )?(ux|cx|billing|usage): .+$", "  REASON", masked)
        masked = re.sub(r"^  to do: .+$", "  ACTION", masked)
        masked = re.sub(r'"(feature|family|account_id|model_version)": "[^"]*"', r'"\1": "NAME"', masked)
        masked = re.sub(r'(account_ids": \[)"[^"]*"', r'\1"NAME"', masked)
        masked = re.sub(r"\(\w+ v0 \(\w+\)\)", "(MODEL)", masked)
        masked = re.sub(r'("0": -?0(, )?)+', '"0": 0', masked).replace("-0", "0")
        lines.append(re.sub(r" {2,}", "  ", masked) if masked.startswith(("Account", "$", "{")) else masked)
    return list(dict.fromkeys(lines))


# --- errors and examples ---------------------------------------------------------------------


def test_the_drawn_tree_of_errors_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+)(?: {2,}|$)", line)
        if match:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else "Exception"
    classes = {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert drawn == classes


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_in_docstrings_end_in_what_they_say(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert outcome.attempted > 0 and outcome.failed == 0


@pytest.mark.parametrize("place", FORMULAS.values(), ids=list(FORMULAS))
def test_a_public_formula_has_an_example(place: str) -> None:
    module, name = place.split(":")
    formula = attrgetter(name)(importlib.import_module(f"undertow.{module}"))
    assert ">>> " in (inspect.getdoc(formula) or "")


def test_the_card_in_contributing_compiles() -> None:
    [code] = re.findall(r"```python\n(.*?)```", CONTRIBUTING, flags=re.S)
    card = eval(code, {"Feature": Feature, "rage_clicks": rage_clicks, "page_views": page_views})
    check_features([card])
    assert '"rage_click_rate_30"' in plan_features(card.columns).sql()


def test_the_connector_in_contributing_yields_tickets(project: Callable[..., Settings]) -> None:
    [select] = re.findall(r"```sql\n(.*?)```", CONTRIBUTING, flags=re.S)
    exported = [{"id": "t1", "company": "7", "created": "2024-03-01", "solved": "2024-03-02", "score": 5}]
    files = {
        "accounts.csv": [{"account_id": "a", "created_at": "2024-01-01"}], "helpdesk_tickets.csv": exported,
        "who_is_who.csv": [{"source": "helpdesk", "entity": "7", "account_id": "a"}],
    }  # fmt: skip
    settings = project(files, f"[tables]\ntickets = '''{select}'''\n")
    tables = load_tables(settings, datetime(2024, 6, 1))
    path = tables.path("tickets")
    [row] = duckdb.sql(f"SELECT ticket_id, account_id, resolved_at, csat FROM '{path}'").fetchall()
    assert row == ("t1", "a", datetime(2024, 3, 2), 5.0)
    assert {column.name for column in TABLES["tickets"].columns} >= {"ticket_id", "csat_at"}
