"""The results file of the benchmarks: one section is replaced atomically, all other text stays byte for byte."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from rich.table import Table

from tests.benchmarks.report import RESULTS, Claim, claims_table, finish, markers, plain_text, replace_section, section

ROOT = Path(__file__).parents[2]
BEFORE = "# Results\r\nby hand, 5 µs \n\n<!-- features: begin -->\nold features\n<!-- features: end -->\n"
AFTER = "\nby hand\n<!-- scoring: begin -->\nold scoring\n<!-- scoring: end -->"
REPLACES_FOREVER = """
import sys
from pathlib import Path
from tests.benchmarks.report import replace_section
print("ready", flush=True)
while True:
    for letter in "xy":
        replace_section("features", letter * 5_000_000, Path(sys.argv[1]))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a results file with two sections and text around them."""
    path = tmp_path / "README.md"
    path.write_bytes((BEFORE + AFTER).encode())
    return path


def test_a_section_is_replaced_and_all_other_text_stays_byte_for_byte(file: Path) -> None:
    replace_section("features", "new features\n", file)
    assert file.read_bytes() == (BEFORE.replace("old", "new") + AFTER).encode()
    replace_section("scoring", "new scoring", file)
    assert file.read_bytes() == (BEFORE + AFTER).replace("old", "new").encode()


def test_replacing_a_section_by_itself_changes_nothing(file: Path) -> None:
    replace_section("features", "old features", file)
    assert file.read_bytes() == (BEFORE + AFTER).encode()


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("oulad", BEFORE + AFTER, "0 and 0"),
        ("features", BEFORE.replace("<!-- features: end -->", ""), "1 and 0"),
        ("features", BEFORE + BEFORE, "2 and 2"),
        ("features", "<!-- features: end -->\n<!-- features: begin -->\n", "1 and 1"),
    ],
)
def test_missing_doubled_and_swapped_markers_are_refused_and_the_file_stays(
    file: Path, name: str, content: str, counts: str
) -> None:
    file.write_bytes(content.encode())
    with pytest.raises(ValueError, match=rf"expected the markers '<!-- {name}: begin -->' and .* got {counts}\. Put"):
        replace_section(name, "new", file)
    assert file.read_bytes() == content.encode()


def test_a_write_that_fails_leaves_the_old_file(file: Path) -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        replace_section("features", "half of a text \ud800", file)
    assert file.read_bytes() == (BEFORE + AFTER).encode()


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1])
def test_a_killed_write_leaves_a_whole_file(file: Path, seconds: float) -> None:
    command = [sys.executable, "-c", REPLACES_FOREVER, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            time.sleep(seconds)
        finally:
            process.kill()
    sections = ("old features", "x" * 5_000_000, "y" * 5_000_000)
    assert file.read_bytes() in [(BEFORE + AFTER).replace("old features", text).encode() for text in sections]


def test_a_partial_run_leaves_the_file_as_it_is_and_returns_why(file: Path) -> None:
    sentence = finish("features", "partial results", "--rounds below 3", file)
    assert sentence.startswith("tests/benchmarks/README.md is left as it is") and "(--rounds below 3)" in sentence
    assert file.read_bytes() == (BEFORE + AFTER).encode()


def test_a_full_run_writes_its_results_with_day_and_release(file: Path) -> None:
    assert finish("features", "  1  2\n", file=file) == "Wrote section 'features' of tests/benchmarks/README.md."
    text = file.read_bytes().decode()
    assert "with release" in text and "```\n  1  2\n```\n<!-- features: end -->" in text
    assert section("1", date(2026, 1, 31)).startswith("Measured on 2026-01-31 with release ")


def test_tables_become_plain_text_of_full_width_without_colours() -> None:
    table = Table(title="Claims", box=None, title_justify="left")
    table.add_column("Claim", no_wrap=True)
    table.add_row("[red]FAILS[/] " + "a" * 100)
    assert plain_text("World tiny.", table) == "World tiny.\n\nClaims\n Claim\n FAILS " + "a" * 100


def test_a_claim_holds_fails_or_is_not_judged() -> None:
    claims = [Claim("one", "1", True), Claim("two", "2", False), Claim("three", "not measured", None)]
    lines = plain_text(claims_table("Goals", claims)).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["holds", "one", "1"], ["FAILS", "two", "2"], ["-", "three", "not", "measured"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["yardsticks", "oulad", "bench", "loading", "features", "scoring"])
def test_every_benchmark_has_its_section_in_the_results_file(name: str) -> None:
    text = RESULTS.read_text(encoding="utf-8")
    begin, end = markers(name)
    assert text.count(begin) == text.count(end) == 1 and text.index(begin) < text.index(end)
