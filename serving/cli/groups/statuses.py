"""`undertow statuses`: what the team does about the list: statuses of accounts, their history, and setting one."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.markup import escape

from undertow.features.errors import NoTeam, NothingPublished, Unreadable
from undertow.features.publishing.versions import replace_text
from undertow.features.settings import Settings, load_settings
from undertow.serving.cli import console
from undertow.serving.cli.clock import aware_now
from undertow.serving.cli.options import HERE, Json, Project
from undertow.serving.cli.refusals import refusing
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import trimmed
from undertow.serving.published.scores import PublishedScores
from undertow.serving.team.address import NONE_CONFIGURED, WHAT_TO_DO, address_of

if TYPE_CHECKING:  # SQLAlchemy takes a while to import, and most commands do not need it
    from undertow.serving.team.answers import Status, StatusChange
    from undertow.serving.team.database import Database

BYTE_ORDER_MARK = "\ufeff"  # for spreadsheets
app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)


class State(StrEnum):
    """Status of an account."""

    open = "open"
    contacted = "contacted"
    snoozed = "snoozed"
    done = "done"


Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Of snoozed: the day (UTC) on which the account is open again."),
]
Due = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day by which something is due.")]


@app.callback(invoke_without_command=True, epilog="Example: undertow statuses --owner Mira")
@refusing
def list_statuses(
    context: typer.Context,
    status: Annotated[State | None, typer.Option(help="Only accounts with this status today.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only accounts that this person works on.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="Only this account; may be repeated.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every change instead, the newest first: who, when, before and since.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them to this CSV file instead.")] = None,
    json: Json = False,
    project: Project = HERE,
) -> None:
    """List the statuses of accounts that were set, the earliest due first; those of accounts that left the list too."""
    if context.invoked_subcommand is not None:
        return
    if history and (status or owner):
        raise typer.BadParameter("--history shows all changes: leave --status and --owner out, or name an --account.")
    settings = load_settings(project)
    database, accounts = _database(settings), [trimmed(each) for each in account or ()]
    if history:
        _show_history(database, accounts, csv, json)
    else:
        _show_statuses(settings, database, status, owner, accounts, csv, json)


@app.command(name="set", epilog="Example: undertow statuses set A-00042 snoozed --until 2026-03-31 --note 'On holiday'")
@refusing
def set_one(
    account: Annotated[str, typer.Argument(help="Id of the account.")],
    status: Annotated[State, typer.Argument(help="What it is from now on.")],
    until: Until = None,
    owner: Annotated[str | None, typer.Option(help="Who works on it.")] = None,
    due: Due = None,
    note: Annotated[str, typer.Option(help="Up to 500 characters.")] = "",
    project: Project = HERE,
) -> None:
    """Set the status of an account: all of it, so that what is not named is empty then."""
    from undertow.serving.team.requests import StatusRequest
    from undertow.serving.team.statuses import set_status, statuses_of

    settings, now = load_settings(project), aware_now()
    database, account = _database(settings), trimmed(account)
    if account not in statuses_of(database, [account], now.astimezone(UTC).date()):
        ScoresReader(settings.store_path()).latest().account(account)  # raises for one that nobody knows
    days = (None if until is None else until.date(), None if due is None else due.date())
    sent = StatusRequest(status.value, days[0], owner, days[1], note)
    done = set_status(database, account, sent, f"{_user()} (command line)", now)
    console.out.print(f"{account} is {_said(done)} now.", soft_wrap=True, markup=False, highlight=False)


def _database(settings: Settings) -> Database:
    from undertow.serving.team.database import Database

    address = address_of(settings, os.environ)
    if not address:
        raise NoTeam(f"{NONE_CONFIGURED} {WHAT_TO_DO}")
    return Database(address)


def _show_statuses(
    settings: Settings, database: Database, status: State | None, owner: str | None, accounts: list[str],
    csv: Path | None, json: bool,
) -> None:  # fmt: skip
    from undertow.serving.team import statuses
    from undertow.serving.team.export import statuses_csv, with_names
    from undertow.serving.team.requests import StatusQuery

    query = StatusQuery(status.value if status else None, owner, accounts, format="csv")  # all of them
    _, found = statuses.list_statuses(database, query, aware_now().astimezone(UTC).date())
    published = _published(settings)
    found = with_names(found, published) if published is not None else found
    if csv is not None:
        _write(csv, statuses_csv(found), len(found))
    elif json:
        console.print_json(msgspec.to_builtins(found))
    elif not found:
        console.out.print("No status was set, or none is like that. Next: undertow statuses set ACCOUNT contacted")
    else:
        _print_statuses(found)


def _show_history(database: Database, accounts: list[str], csv: Path | None, json: bool) -> None:
    from undertow.serving.team import statuses
    from undertow.serving.team.export import history_csv
    from undertow.serving.team.requests import HistoryQuery

    _, changes = statuses.list_history(database, HistoryQuery(accounts, format="csv"))
    if csv is not None:
        _write(csv, history_csv(changes), len(changes))
    elif json:
        console.print_json(msgspec.to_builtins(changes))
    elif not changes:
        console.out.print("No status was set yet. Next: undertow statuses set ACCOUNT contacted")
    else:
        _print_history(changes)


def _print_statuses(found: Sequence[Status]) -> None:
    table = console.new_table("Account", "Status", "Who", "Due", "Note", "Set by", "On (UTC)")
    for each in found:
        name = f"{each.name or each.account_id}{' (no longer on the list)' if each.on_list is False else ''}"
        until = f" until {each.until}" if each.status == "snoozed" else ""
        cells = (name, f"{each.status}{until}", each.owner or "-", str(each.due or "-"), each.note or "-")
        table.add_row(*map(escape, cells), escape(each.changed_by or "-"), f"{each.changed_at:%Y-%m-%d}")
    console.show(table)


def _print_history(changes: Sequence[StatusChange]) -> None:
    table = console.new_table("When (UTC)", "Account", "Who", "Before", "Since", "Note")
    for each in changes:
        before = _said(each.before) if each.before else "-"
        cells = (each.account_id, each.changed_by, before, _said(each.after), each.after.note or "-")
        table.add_row(f"{each.changed_at:%Y-%m-%d %H:%M}", *map(escape, cells))
    console.show(table)


def _said(status: object) -> str:
    """Return a status in one line, without its note."""
    shown = msgspec.to_builtins(status)
    parts = [shown["status"] + (f" until {shown['until']}" if shown["until"] else "")]
    parts += [shown["owner"]] if shown["owner"] else []
    return ", ".join([*parts, *([f"due {shown['due']}"] if shown["due"] else [])])


def _write(path: Path, text: str, lines: int) -> None:
    """Write CSV to a file as a whole, or leave it as it was."""
    replace_text(path, BYTE_ORDER_MARK + text)
    console.out.print(f"Wrote {lines:,} lines to {path}.", soft_wrap=True, markup=False)


def _published(settings: Settings) -> PublishedScores | None:
    """Return the published list, or None where there is none that can be read: statuses do not wait for it."""
    try:
        return ScoresReader(settings.store_path()).latest()
    except (NothingPublished, Unreadable):
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return str(os.getuid())
