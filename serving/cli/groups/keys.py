"""`undertow keys`: who may use the service, in which role, and whose accounts they see."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from undertow.features.errors import NothingPublished, Unreadable, did_you_mean
from undertow.features.settings import load_settings
from undertow.serving.access.audit import FILE, Line, append
from undertow.serving.access.keys import FOLDER, PER_MINUTE, Key, add_key, read_keys, revoke_key
from undertow.serving.access.roles import Role
from undertow.serving.cli import console
from undertow.serving.cli.clock import aware_now
from undertow.serving.cli.options import HERE, Json, Project
from undertow.serving.cli.refusals import refusing
from undertow.serving.published.reader import ScoresReader

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)


def _end(text: str | None) -> datetime | None:
    """Return the moment from which a key no longer counts: the end of a day (UTC), or so many days from now."""
    if text is None:
        return None
    if re.fullmatch(r"[1-9]\d{0,4}d", text):
        return aware_now().replace(microsecond=0) + timedelta(days=int(text[:-1]))
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"'{text}': expected a day, such as 2026-12-31, or days, such as 90d.") from error


@app.command(epilog="Example: undertow keys add mira --role reader --owner 'Mira Holt' --expires 90d")
@refusing
def add(
    name: Annotated[str, typer.Argument(help="Name of the person or program.")],
    role: Annotated[
        Role, typer.Option(help="reader: lists and pages. scorer: scoring from a program. admin: both, and metrics.")
    ],
    owner: Annotated[str | None, typer.Option(help="Show only the accounts of this owner.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DAY", help="Last day (UTC), such as 2026-12-31, or days, such as 90d.")
    ] = None,
    per_minute: Annotated[int, typer.Option(min=1, max=60_000, help="Requests a minute.")] = PER_MINUTE,
    project: Project = HERE,
) -> None:
    """Add a key and print its token, this once: only a hash is stored. A running service accepts it within a second."""
    store, now, end = load_settings(project).store_path(), aware_now().replace(microsecond=0), _end(expires)
    key, token = add_key(store, name, role, now, owner, end, per_minute)
    append(store / FOLDER / FILE, Line(now, "key added", key.id, key.name))
    if owner is not None:
        _print_unknown_owner(store, owner)
    said = f"{key.name}: {key.role}{_of(key)}, {_until(key)}. Keep its token, it is not shown again:"
    console.err.print(said, soft_wrap=True, markup=False, highlight=False)
    sys.stdout.write(f"{token}\n")


@app.command(name="list", epilog="Example: undertow keys list --json")
@refusing
def list_keys(project: Project = HERE, json: Json = False) -> None:
    """Print every key with its role, owner and end, those revoked and expired too; never a token or a hash."""
    ring, now = read_keys(load_settings(project).store_path()), aware_now()
    keys = ring.keys if ring is not None else ()
    if json:
        console.print_json([_as_json(key, now) for key in keys])
    elif not keys:
        console.out.print("No key was added yet. Next: undertow keys add NAME --role admin", soft_wrap=True)
    else:
        _print_keys(keys, now)


@app.command(epilog="Example: undertow keys revoke mira")
@refusing
def revoke(
    key: Annotated[str, typer.Argument(help="Name or id of a key.")],
    project: Project = HERE,
) -> None:
    """Revoke a key: a running service refuses it, and ends its sessions, within a second."""
    store, now = load_settings(project).store_path(), aware_now().replace(microsecond=0)
    revoked = revoke_key(store, key, now)
    append(store / FOLDER / FILE, Line(now, "key revoked", revoked.id, revoked.name))
    console.out.print(f"The key '{revoked.name}' ({revoked.id}) is revoked.", soft_wrap=True, markup=False)


def _print_keys(keys: tuple[Key, ...], now: datetime) -> None:
    table = console.new_table("Name", "Id", "Role", "Owner", "Added", "Until", "A minute", "State", right=[6])
    for key in keys:
        owner = escape(key.owner) if key.owner is not None else "all"
        until = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires is not None else "-"
        added, rate = f"{key.created:%Y-%m-%d}", f"{key.per_minute:,}"
        table.add_row(key.name, key.id, key.role, owner, added, until, rate, key.state(now))
    console.show(table)


def _as_json(key: Key, now: datetime) -> dict[str, Any]:
    """Return a key without its hash."""
    said = msgspec.to_builtins(key)
    return {name: value for name, value in said.items() if name not in ("hash", "slot")} | {"state": key.state(now)}


def _print_unknown_owner(store: Path, owner: str) -> None:
    """Say where the published list has no account of an owner: a name that is misspelt shows nothing."""
    try:
        known = ScoresReader(store).latest().choices("owner")
    except (NothingPublished, Unreadable):
        return
    if owner not in known:
        said = f"! No account of the published list has the owner '{owner}'.{did_you_mean(owner, known)}"
        console.err.print(said, soft_wrap=True, markup=False)


def _of(key: Key) -> str:
    return f" of the accounts of {key.owner}" if key.owner is not None else ""


def _until(key: Key) -> str:
    return f"until {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires is not None else "without an end"
