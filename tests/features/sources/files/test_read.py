"""Source files of every format, and what is said of a file that cannot be read."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project
from undertow.features.errors import ContractError, DataError, SourceError
from undertow.features.settings import load_settings
from undertow.features.sources.load import load_tables


def _as_parquet(text: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_as_arrow(text), sink)
    return sink.getvalue()


def _as_json_lines(text: str) -> bytes:
    return "\n".join(json.dumps(row) for row in _as_arrow(text).to_pylist()).encode()


def _as_arrow(text: str) -> pa.Table:
    options = pa.csv.ConvertOptions(
        column_types={"occurred_at": pa.string()}, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    return pa.csv.read_csv(io.BytesIO(text.encode()), convert_options=options, parse_options=parsing)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.csv.gz", gzip.compress(EVENTS.encode())),
        ("events.txt", EVENTS.replace(",", "\t").replace("Save\t", "Save,").encode()),
        ("events.csv", b"\xef\xbb\xbf" + EVENTS.replace(",", ";").replace("Save;", "Save,").encode()),
        ("events.parquet", _as_parquet(EVENTS)),
        ("events.jsonl", _as_json_lines(EVENTS)),
        ("events.ndjson.gz", gzip.compress(_as_json_lines(EVENTS))),
    ],
)
def test_every_format_reads_as_the_csv_does(project: Project, name: str, content: bytes) -> None:
    plain = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": EVENTS}), NOW)
    wanted = pq.read_table(plain.path("events"))
    other = load_tables(project({"accounts.csv": ACCOUNTS, name: content}), NOW)
    assert other.folder != plain.folder
    assert wanted["name"].to_pylist() == ["Save, then\nclose", None]
    assert pq.read_table(other.path("events")).equals(wanted)
    assert other.fingerprint == plain.fingerprint


def test_a_pattern_reads_every_file_it_matches(project: Project) -> None:
    first, second = (
        "account_id,occurred_at,kind\n" + row for row in ("ada,2024-03-01,error\n", "bo,2024-03-02,error\n")
    )
    settings = project({"accounts.csv": ACCOUNTS, "e-1.csv": first, "e-2.csv": second})
    toml = '[files]\naccounts = "accounts.csv"\nevents = "e-*.csv"\n'
    (settings.folder / "undertow.toml").write_text(toml)
    tables = load_tables(load_settings(settings.folder), NOW)
    assert pq.read_table(tables.path("events"))["account_id"].to_pylist() == ["ada", "bo"]


def test_a_missing_file_is_named(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS})
    (settings.folder / "accounts.csv").unlink()
    with pytest.raises(SourceError, match=r"\[files\] accounts: no file at .*accounts.csv. Correct the path"):
        load_tables(settings, NOW)


def test_an_empty_file_is_named(project: Project) -> None:
    with pytest.raises(SourceError, match=r"\[files\] events: .*events.csv is empty \(0 bytes\)"):
        load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": b""}), NOW)


def test_an_unknown_ending_is_refused_with_those_known(project: Project) -> None:
    with pytest.raises(SourceError, match=r"events: unknown file format: .*events.xlsx. Known endings: .csv"):
        load_tables(project({"accounts.csv": ACCOUNTS, "events.xlsx": b"PK"}), NOW)


@pytest.mark.parametrize("name", ["events.parquet", "events.csv.gz", "events.jsonl"])
def test_a_file_that_is_not_what_its_ending_says_is_named(project: Project, name: str) -> None:
    with pytest.raises(DataError, match=r"\[files\] events: |table events: "):
        load_tables(project({"accounts.csv": ACCOUNTS, name: b"this is neither\nnor that"}), NOW)


@pytest.mark.parametrize("header", [",account_id,created_at", "account_id,created_at,Created_At", "a,,b"])
def test_a_header_that_does_not_name_each_column_once_is_refused(project: Project, header: str) -> None:
    expected = f"must begin with a line of column names, each given once; got '{header}'"
    with pytest.raises(SourceError, match=expected):
        load_tables(project({"accounts.csv": f"{header}\n1,2,3\n"}), NOW)


def test_text_that_is_not_utf_8_is_named(project: Project) -> None:
    text = "account_id,created_at,name\nada,2024-01-05,Müller\n".encode("latin-1")
    with pytest.raises(SourceError, match=r"accounts.csv cannot be read as UTF-8 text"):
        load_tables(project({"accounts.csv": text}), NOW)


def test_a_file_with_only_a_header_is_a_table_without_rows(project: Project) -> None:
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": "account_id,occurred_at,kind\n"}), NOW)
    report = tables.report("events")
    assert (report.read, report.kept, report.refused_share) == (0, 0, 0.0)


def test_a_short_line_ends_in_nulls(project: Project) -> None:
    text = "account_id,created_at,name\nada,2024-01-05,Ada\nbo,2024-01-05\n"
    tables = load_tables(project({"accounts.csv": text}), NOW)
    assert pq.read_table(tables.path("accounts"))["name"].to_pylist() == ["Ada", "bo"]


def test_a_long_line_is_left_out_named_and_hides_no_other(project: Project) -> None:
    text = (
        "account_id,created_at,name\n" + "".join(f"a{i},2024-01-05,Ada\n" for i in range(30)) + "bo,2024-01-05,Bo,and\n"
    )
    tables = load_tables(project({"accounts.csv": text}), NOW)
    assert tables.report("accounts").kept == 30
    [broken] = tables.broken
    assert (broken.file, broken.lines, broken.rows) == ("accounts.csv", 1, 30)
    assert broken.example == "line 32 (too many columns): bo,2024-01-05,Bo,and"
    assert tables.refused_text == "Refused: 1 line of the file accounts.csv that could not be read."


def test_long_lines_above_the_limit_stop_the_run(project: Project) -> None:
    text = "account_id,created_at,name\nada,2024-01-05,Ada\nbo,2024-01-05,Bo,and,more\n"
    with pytest.raises(ContractError, match=r"accounts.csv: 1 lines could not be read, such as line 3"):
        load_tables(project({"accounts.csv": text}), NOW)


def test_a_quoted_line_break_in_a_file_with_short_lines_is_read(project: Project) -> None:
    text = 'account_id,created_at,name\nada,2024-01-05,"Ada\nand Co"\nbo,2024-01-05\n'
    tables = load_tables(project({"accounts.csv": text}), NOW)
    assert pq.read_table(tables.path("accounts"))["name"].to_pylist() == ["Ada\nand Co", "bo"]


def test_tables_read_before_a_quoted_line_break_are_read_again(project: Project) -> None:
    text = 'ticket_id,account_id,opened_at,topic\nt1,ada,2024-03-01,"a\nb"\nt2,ada,2024-03-01\n'
    events = "account_id,occurred_at,kind\nada,2024-03-01,error\nada,2024-04-01,error\n"
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": events, "tickets.csv": text}), NOW)
    assert {report.table: report.kept for report in tables.reports} == {"accounts": 2, "events": 2, "tickets": 2}


def test_a_delimiter_inside_quotes_is_none(project: Project) -> None:
    text = 'account_id;created_at;"tags (a, b, c, d)"\nada;2024-01-05;"x"\n'
    tables = load_tables(project({"accounts.csv": text}), NOW)
    assert pq.read_table(tables.path("accounts"))["tags (a, b, c, d)"].to_pylist() == ["x"]


@pytest.mark.parametrize(
    "folder",
    ["with space", "o'brien", "year [2024]"],
)
def test_a_project_lives_in_any_folder(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder
    root.mkdir()
    (root / "accounts.csv").write_text("account_id,created_at\nada,2024-01-05\n")
    (root / "undertow.toml").write_text('[files]\naccounts = "accounts.csv"\n')
    assert load_tables(load_settings(root), NOW).report("accounts").kept == 1
