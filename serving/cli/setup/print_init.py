"""What `undertow init` and `undertow files` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undertow.features.connectors.kit.draft import Source
from undertow.features.connectors.kit.extend import Change
from undertow.features.connectors.kit.guess import EventName
from undertow.features.connectors.kit.identity import Match
from undertow.features.connectors.kit.missing import MissingTable
from undertow.features.connectors.kit.recognise import Seen
from undertow.features.tables import EVENT_KINDS, PAYMENT_KINDS, PRIORITIES, SURVEY_KINDS, TABLES, Table, TableColumn
from undertow.serving.cli.console import new_table, out, show

NINE = ("accounts", "users", "events", "tickets", "surveys", "subscriptions", "invoices", "payments", "contacts")
SHOWN_EVENTS = 12
UNITS = {"duration_ms": "milliseconds", "term_months": "months"}
WORDS = {
    ("events", "kind"): EVENT_KINDS,
    ("surveys", "kind"): SURVEY_KINDS,
    ("tickets", "priority"): PRIORITIES,
    ("payments", "kind"): PAYMENT_KINDS,
}


def print_seen(seen: Seen) -> None:
    """Print what each file is, what is not used and why, and what cannot be read and what to do."""
    table = new_table("Found", "Form", "What", "Files")
    for each in seen.recognised:
        for entries in each.entries.values():
            files = [file.path.name for entry in entries for file in entry.files]
            shown = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
            table.add_row(each.connector.title, each.form.title, entries[0].kind.about, shown)
    if table.row_count:
        show(table)
    aside = [(file, why) for each in seen.recognised for file, why in each.set_aside]
    for file, why in aside:
        _say(f"- {file.path.name} is not used: {why}.")
    for file in seen.unknown:
        _say(f"- {file.path.name} is not used: no connector knows its columns ({', '.join(file.columns[:6])}).")
    for file in seen.unreadable:
        _say(f"! {file.path.name} {file.problem}")
    for sentence in seen.incomplete:
        _say(f"! {sentence}")
    if aside or seen.unknown or seen.unreadable or seen.incomplete:
        out.print()


def print_matches(found: Sequence[Match]) -> None:
    """Print how customers, organizations and people were matched to accounts, rule by rule."""
    if not found:
        return
    table = new_table("Whose account", "Matched by", "How many", "Such as", right=(2,))
    for match in found:
        table.add_row(match.source, match.rule, f"{match.count:,}", ", ".join(match.examples))
    show(table)


def print_sources(chosen: Sequence[Source], left: Sequence[Source]) -> None:
    """Print what each table is made of, how exact it is, and what could be used and is not."""
    table = new_table("Table", "From", "Grade", "But")
    for source in chosen:
        grade = source.how.grade.replace("_", " ")
        table.add_row(source.table, source.of.connector.title, grade, source.how.but or "-")
    show(table)
    for source in left:
        _say(f"- {source.table}: {source.of.connector.title} has it too; it is not used, so that no row counts twice.")
    united = {source.table for source in chosen if sum(other.table == source.table for other in chosen) > 1}
    for name in sorted(united):
        _say(f"! {name} of several sources are united. If two of them record the same thing, it counts twice: take one "
             f"out of sql/{name}.sql.")  # fmt: skip
    for source in chosen:
        if source.how.grade == "present_only":
            _say(f"! {source.table}: {source.of.connector.title} shows only the present, so nothing can be trained.")
    if left or united:
        out.print()


def print_missing(missing: Sequence[MissingTable]) -> None:
    """Print which tables are missing, and how many features that costs."""
    for each in missing:
        _say(f"- No {each.table}: {each.features} features ({each.columns} columns) cannot be computed.")
    if missing:
        out.print()


def print_events(events: Sequence[EventName]) -> None:
    """Print the product's own events with the kinds that are guessed."""
    if not events:
        return
    table = new_table("Event of your own", "Rows", "Kind, guessed", "Name", right=(1,))
    for each in events[:SHOWN_EVENTS]:
        table.add_row(each.event, f"{each.rows:,}", each.kind, each.name)
    show(table)
    _say(f"All {len(events)} are in event_kinds.csv: correct a kind there where the guess is wrong; an empty one "
         "leaves the event out.")  # fmt: skip
    out.print()


def print_rates(report: str, rates: Mapping[str, float], unknown: Sequence[str]) -> None:
    """Print the fixed rates that are proposed, and the currencies that have none."""
    listed = ", ".join(f"{rate:g} {currency}" for currency, rate in rates.items())
    if listed:
        _say(f"fx.csv holds a fixed rate for each currency, rounded averages of 2024: 1 {report} = {listed}. Correct "
             "it where you report at other rates.")  # fmt: skip
    for currency in unknown:
        _say(f"! fx.csv has no rate for {currency}: add one, or its rows are quarantined.")
    out.print()


def print_changes(changes: Sequence[Change]) -> None:
    """Print what became of each file of a project that was extended."""
    if not changes:
        _say("Every file of the project is as it would be written now; nothing was changed. It is checked now:\n")
        return
    table = new_table("File", "Is", "Note")
    for change in changes:
        table.add_row(change.path, change.what, change.said or "-")
    show(table)
    _say("Files that you have not changed were brought up to date. The project is checked now:\n")


def print_tables() -> None:
    """Print the input tables, column by column, from the contract itself."""
    _say("Times are UTC, amounts whole units of a currency. A row counts from when it was recorded.\n")
    for name in NINE:
        table = TABLES[name]
        key = ", ".join(table.key)
        needed = "" if name in ("accounts", "subscriptions") else "; may be absent"
        out.print(f"[bold]{name}[/]: {table.one_row_is}. Key: {key}{needed}.", soft_wrap=True)
        columns = new_table("Column", "Type", "Rules")
        for column in table.given_columns:
            columns.add_row(f"  {column.name}", _type(column), _rules(table, column))
        show(columns)


def _type(column: TableColumn) -> str:
    kinds = {"time": "time, UTC", "number": "number", "flag": "true or false", "text": "text"}
    if column.is_money:
        return "amount per month" if column.name in ("mrr", "discount") else "amount"
    unit = UNITS.get(column.name)
    return f"{kinds[column.type]}, {unit}" if unit else kinds[column.type]


def _rules(table: Table, column: TableColumn) -> str:
    """Return what the contract says of a column, in words."""
    said = []
    if column.name in table.key and table.invents_key:
        said.append("the row's number where it is missing")
    elif column.name == "account_id" and table.column("user_id") and table.name != "users":
        said.append("that of the user where it is missing")
    elif column.required and not column.default:
        said.append("must be there")
    if column.default:
        said.append(f"{column.default} where it is missing")
    if column.minimum is not None:
        said.append(f"not below {column.minimum:g}")
    if column.planned:
        said.append("set in advance, known with the row")
    if column.known_from == column.name:
        said.append("known from the time it holds")
    elif column.known_from:
        said.append(f"known from {column.known_from}")
    if column.name == "mrr":
        said.append("without tax")
    if words := WORDS.get((table.name, column.name)):
        said.append(f"one of {', '.join(words)}")
    return ", ".join(said)


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False)
