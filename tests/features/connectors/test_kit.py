"""The connector kit: files are recognised by their columns, forms are not mixed, one source is chosen per table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from undertow.features.connectors.kit.draft import draft, files_of, sources
from undertow.features.connectors.kit.fixed_rates import fixed_rates
from undertow.features.connectors.kit.guess import guess_kind
from undertow.features.connectors.kit.look import LookedAt, look
from undertow.features.connectors.kit.manifest import Connector, FileKind, chosen_connectors, load_connectors
from undertow.features.connectors.kit.missing import missing_tables
from undertow.features.connectors.kit.recognise import Seen, recognise
from undertow.features.connectors.kit.write import ToWrite, write_project
from undertow.features.errors import SettingsError, SourceError
from undertow.features.settings import FILE_NAME, load_settings
from undertow.features.sources.files.opened import opened_sources
from undertow.features.tables import EVENT_KINDS, TABLES

EVENT = {"id": "evt_1", "object": "event", "type": "customer.created", "created": 1, "livemode": True, "data": {}}
PAGE = {"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}
USERS = "user_id,account_id,joined_at,email\nu,a,2024-01-01,u@a.com\n"
COMPANIES = "Record ID,Company name,Create Date,account_id\n1,A,2024-01-01 10:00,a\n"


def write(folder: Path, files: Mapping[str, object]) -> Path:
    """Write files: a text as it is, anything else as a line of JSON; return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content) + "\n", encoding="utf-8")
    return folder


def seen(folder: Path, files: Mapping[str, object], names: Sequence[str] = ()) -> Seen:
    return recognise(look([write(folder, files)]), chosen_connectors(names))


def found(of: Seen) -> dict[str, list[str]]:
    """Return connector -> form and entries."""
    return {
        each.connector.name: [each.form.name, *(entry.name for entries in each.entries.values() for entry in entries)]
        for each in of.recognised
    }


# --- recognition ---------------------------------------------------------------------------------


def test_files_are_what_their_columns_and_first_rows_say_whatever_they_are_called(tmp_path: Path) -> None:
    of = seen(tmp_path, {"x/1.jsonl": EVENT, "2.csv": COMPANIES, "deep/er/3.csv": USERS, "4.csv": "colour\nred\n"})
    assert found(of) == {
        "hubspot": ["csv", "hubspot_companies"],
        "product": ["tables", "product_users"],
        "stripe": ["webhooks", "stripe_events"],
    }
    assert [file.path.name for file in of.unknown] == ["4.csv"]


def test_of_two_forms_of_a_vendor_the_better_is_used_and_the_other_set_aside(tmp_path: Path) -> None:
    of = seen(tmp_path, {"events.jsonl": EVENT, "page.json": PAGE})
    assert found(of) == {"stripe": ["webhooks", "stripe_events"]}
    [(file, why)] = of.recognised[0].set_aside
    assert file.path.name == "page.json"
    assert why == "another form of Stripe; archive of webhook events says more, and forms are not mixed"
    assert found(seen(tmp_path / "alone", {"page.json": PAGE})) == {"stripe": ["api", "stripe_pages"]}


def test_a_form_without_a_required_file_says_which_and_how_to_get_it(tmp_path: Path) -> None:
    ticket = dict.fromkeys(("id", "requester_id", "organization_id", "status", "via", "created_at"), "1")
    of = seen(tmp_path, {"tickets.jsonl": ticket})
    assert of.recognised == ()
    [sentence] = of.incomplete
    assert sentence.startswith(
        "Zendesk, incremental export: there is no file of zendesk_users (users, customers and agents); "
        "zendesk_organizations (organizations). The API's incremental exports"
    )


def test_only_the_connectors_that_are_named_recognise(tmp_path: Path) -> None:
    of = seen(tmp_path, {"1.jsonl": EVENT, "2.csv": COMPANIES}, ["hubspot"])
    assert list(found(of)) == ["hubspot"]
    with pytest.raises(SettingsError, match=r"Unknown connector 'hubspt'; known: .*demo.*Did you mean 'hubspot'"):
        chosen_connectors(["hubspt"], ["demo"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", "name\tvalue\né\t1\n".encode("utf-16"), "is not text in UTF-8. Export it as CSV in UTF-8"),
        ("a.csv", b"", "is empty (0 bytes)"),
        ("a.jsonl.gz", b"not packed", "cannot be read: "),
        ("a.parquet", b"PAR1", "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    [file] = recognise(look([tmp_path]), chosen_connectors()).unreadable
    assert file.problem.startswith(said)


def test_pages_arrays_and_objects_over_several_lines_are_looked_at(tmp_path: Path) -> None:
    pretty = json.dumps(PAGE, indent=2)
    files = {"pretty.json": pretty, "array.json": [EVENT, EVENT]}
    assert [file.columns for file in look([write(tmp_path, files)])] == [tuple(EVENT), tuple(PAGE)]


def test_a_folder_that_is_none_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere is not a folder"):
        look([tmp_path / "nowhere"])
    write(tmp_path, {"notes.docx": "", ".hidden.csv": COMPANIES})
    with pytest.raises(SourceError, match="holds no file of a known format"):
        look([tmp_path])


# --- drafts ----------------------------------------------------------------------------------------


def test_several_files_are_one_glob_that_matches_no_other_file(tmp_path: Path) -> None:
    files = {f"log-2024-{month:02}.jsonl": EVENT for month in (1, 2, 11)}
    of = seen(tmp_path / "data", files)
    entry = files_of(of.recognised, tmp_path / "project")["stripe_events"]
    assert entry["path"] == "../data/log-*.jsonl"
    write(tmp_path / "data", {"log-other.jsonl": {"x": 1}})
    of = recognise(look([tmp_path / "data"]), chosen_connectors())
    entry = files_of(of.recognised, tmp_path / "project")["stripe_events"]
    assert entry["path"] == [f"../data/{name}" for name in sorted(files)]


def test_accounts_come_from_the_crm_and_money_from_one_source_alone(tmp_path: Path) -> None:
    of = seen(tmp_path, {"1.jsonl": EVENT, "2.csv": COMPANIES, "3.csv": USERS})
    chosen, left = sources(of.recognised)
    assert {source.table: source.of.connector.name for source in chosen} == {
        "accounts": "hubspot", "users": "product", "subscriptions": "stripe", "invoices": "stripe",
        "payments": "stripe", "cards": "stripe",
    }  # fmt: skip
    assert [(source.table, source.of.connector.name) for source in left] == [("accounts", "stripe")]


def test_without_a_crm_the_ids_in_stripes_metadata_are_the_accounts(tmp_path: Path) -> None:
    customers = [{"id": f"cus_{n}", "object": "customer", "created": n, "livemode": True, "metadata": {"team": f"T{n}"},
                  "email": f"b@c{n}.com"} for n in (1, 2)]  # fmt: skip
    lines = [{**EVENT, "id": f"evt_{n}", "data": {"object": each}} for n, each in enumerate(customers)]
    text = "\n".join(json.dumps(line) for line in lines)
    of = seen(tmp_path / "data", {"events.jsonl": text})
    settings = load_settings(_written(of, {"account_key": "team"}, tmp_path / "project"))
    with opened_sources(settings) as connection:
        rows = connection.execute(f"SELECT account_id FROM ({settings.select('accounts')}) ORDER BY ALL").fetchall()
        who = connection.execute("SELECT entity, account_id, rule FROM who_is_who ORDER BY ALL").fetchall()
    assert rows == [("T1",), ("T2",)]
    assert who == [("cus_1", "T1", "id"), ("cus_2", "T2", "id")]


def _written(of: Seen, answers: dict[str, str], project: Path) -> Path:
    project.mkdir()
    made = draft(of.recognised, answers, project)
    write_project(ToWrite((), of.recognised, sources(of.recognised)[0], made, (), answers), project)
    return project


def test_a_table_that_shows_only_the_present_is_marked_in_the_settings(tmp_path: Path) -> None:
    project = _written(seen(tmp_path / "data", {"page.json": PAGE}), {}, tmp_path / "project")
    assert load_settings(project).data.present_only == ("subscriptions",)


def test_nothing_is_overwritten_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    of = seen(tmp_path / "data", {"page.json": PAGE})
    project = tmp_path / "project"
    write(project, {"sql/accounts.sql": "SELECT 1"})
    made = draft(of.recognised, {}, project)
    with pytest.raises(SettingsError, match=r"sql exists already, and nothing is overwritten"):
        write_project(ToWrite((), of.recognised, sources(of.recognised)[0], made, (), {}), project)
    assert sorted(path.name for path in project.rglob("*")) == ["accounts.sql", "sql"]


def test_the_columns_that_are_carried_are_those_of_the_connectors(tmp_path: Path) -> None:
    project = _written(seen(tmp_path / "data", {"2.csv": COMPANIES}), {"account_column": '"account_id"'},
                       tmp_path / "project")  # fmt: skip
    assert load_settings(project).accounts.carry == ("hubspot_id",)
    assert 'carry = ["hubspot_id"]' in (project / FILE_NAME).read_text(encoding="utf-8")


# --- identity ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "user", "email", "account", "rule"),
    [
        ("A-1", None, None, "A-1", "id"),
        ("a-1", None, "x@two.com", "A-1", "id, spelled otherwise"),
        ("7.0", None, None, "7", "id, spelled otherwise"),
        ("77", None, None, "7", "id in the CRM"),
        (None, "u", "x@two.com", "A-1", "person"),
        (None, None, " U@Gmail.com", "A-1", "e-mail address of a person"),
        (None, None, "new@two.com", "7", "domain of the e-mail address"),
        (None, None, "new@both.com", None, "unmatched"),
        (None, None, "new@gmail.com", None, "unmatched"),
        ("A-9", None, None, None, "unmatched"),
        (None, "both", None, None, "unmatched"),
    ],
)
def test_the_first_rule_that_names_one_account_holds(
    tmp_path: Path, key: str | None, user: str | None, email: str | None, account: str | None, rule: str
) -> None:
    companies = (
        "Record ID,Company name,Create Date,account_id,Company Domain Name\n"
        "66,One,2024-01-01 10:00,A-1,one.com\n77,Seven,2024-01-01 10:00,7,two.com\n"
        "88,Shared,2024-01-01 10:00,A-1,both.com\n99,Shared,2024-01-01 10:00,7,both.com\n"
    )
    users = (
        "user_id,account_id,joined_at,email\nu,A-1,2024-01-01,u@gmail.com\n"
        "both,A-1,2024-01-01,\nboth,7,2024-01-01,\n"
    )
    of = seen(tmp_path / "data", {"c.csv": companies, "u.csv": users})
    project = tmp_path / "project"
    project.mkdir()
    made = draft(of.recognised, {"account_column": '"account_id"'}, project)
    claim = ", ".join(f"'{text}' AS {name}" if text else f"NULL AS {name}"
                      for name, text in (("key", key), ("user_id", user), ("email", email)))  # fmt: skip
    text = made.sql["sql/who_is_who.sql"]
    nothing = "SELECT NULL AS source, NULL AS entity, NULL AS key, NULL AS user_id, NULL AS email WHERE false"
    assert nothing in text
    made.sql["sql/who_is_who.sql"] = text.replace(nothing, f"SELECT 's' AS source, 'e' AS entity, {claim}")
    write_project(ToWrite((), of.recognised, sources(of.recognised)[0], made, (), {}), project)
    with opened_sources(load_settings(project)) as connection:
        assert connection.execute("FROM who_is_who").fetchall() == [("s", "e", account, rule)]


# --- manifests, guesses, costs ------------------------------------------------------------------------


@pytest.mark.parametrize("connector", load_connectors().values(), ids=lambda each: each.name)
def test_a_manifest_names_only_what_is_there(connector: Connector) -> None:
    forms = {form.name for form in connector.form}
    kinds = {kind.name for kind in connector.file}
    stated = (*connector.file, *connector.part, *connector.table, *connector.ask, *connector.event_names)
    assert {each.form for each in stated} == forms
    assert all(each.table in TABLES for each in connector.table)
    for each in (*connector.part, *connector.table):
        assert connector.sql(each.sql)
        assert set(each.needs) <= kinds
    assert connector.rule
    assert all(form.export.endswith(".") for form in connector.form)


@pytest.mark.parametrize("connector", load_connectors().values(), ids=lambda each: each.name)
def test_every_select_of_a_vendor_is_used_and_every_placeholder_is_answered(connector: Connector) -> None:
    used = {each.sql for each in (*connector.part, *connector.table)}
    folder = Path(__file__).parents[3] / "features" / "connectors" / "vendors" / connector.name
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.sql")} == used
    keys = {ask.key for ask in connector.ask} | {"file"}
    for path in used:
        words = connector.sql(path).split("{")[1:]
        placeholders = {word.split("}")[0] for word in words if word.split("}")[0].isidentifier()}
        assert placeholders <= keys, path


def test_a_kind_of_file_is_known_by_columns_that_it_has(tmp_path: Path) -> None:
    """A connector whose files all lack their columns would recognise nothing, or everything."""
    kinds: list[FileKind] = [kind for connector in load_connectors().values() for kind in connector.file]
    assert all(len(kind.has) >= 2 for kind in kinds)


EXTRA = ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_fivetran_id", "_fivetran_batch")


@pytest.mark.parametrize("connector", load_connectors().values(), ids=lambda each: each.name)
def test_columns_that_a_loader_adds_change_nothing_in_what_a_file_is(connector: Connector, tmp_path: Path) -> None:
    for kind in connector.file:
        plain = LookedAt(tmp_path / "f.csv", tuple(kind.has), (dict.fromkeys(kind.has) | kind.where,))
        loaded = LookedAt(plain.path, (*EXTRA, *plain.columns), ({**plain.rows[0], **dict.fromkeys(EXTRA)},))
        seen = [recognise([each], list(load_connectors().values())) for each in (plain, loaded)]
        found = [[(each.connector.name, each.form.name, *each.entries) for each in of.recognised] for of in seen]
        assert found[0] == found[1] and seen[0].incomplete == seen[1].incomplete, kind.name
        assert not seen[1].unknown, kind.name


@pytest.mark.parametrize(
    ("event", "kind", "name"),
    [
        ("export_file_started", "task_started", "export_file"),
        ("Import Failed", "task_failed", "import"),
        ("checkout completed", "task_completed", "checkout"),
        ("user_logged_in", "login", "user"),
        ("Signed In", "login", "Signed In"),
        ("banner shown", "impression", "banner"),
        ("report exported", "feature_used", "report"),
        ("web_vital_measured", "web_vital", "web_vital_measured"),
        ("purchase", "conversion", "purchase"),
        ("something else", "feature_used", "something else"),
    ],
)
def test_a_kind_is_guessed_from_the_name_of_an_event(event: str, kind: str, name: str) -> None:
    assert guess_kind(event) == (kind, name)
    assert kind in EVENT_KINDS


def test_fixed_rates_are_of_the_reporting_currency() -> None:
    rates, unknown = fixed_rates("USD", ["EUR", "JPY", "XXX"])
    assert rates == {"EUR": 0.9259, "JPY": 151.9}
    assert unknown == ["XXX"]
    assert fixed_rates("XXX", ["EUR"]) == ({}, ["EUR"])


def test_what_a_missing_table_costs_is_said_from_the_catalogue() -> None:
    missing = missing_tables(["subscriptions", "users", "tickets", "surveys", "invoices", "payments", "cards"])
    [events] = missing
    assert events.table == "events"
    assert events.columns > events.features > 30
    assert missing_tables(list(TABLES)) == []
