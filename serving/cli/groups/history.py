"""`undertow history`: what the published lists said of an account; and `undertow portfolio`, the roll-up."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from undertow.features.settings import load_settings
from undertow.serving.cli import console
from undertow.serving.cli.options import HERE, Json, Project
from undertow.serving.cli.refusals import refusing
from undertow.serving.formatting import money
from undertow.serving.published.history.account import AccountHistory, history_of
from undertow.serving.published.history.portfolio import Book, Portfolio
from undertow.serving.published.history.portfolio import portfolio as roll_up
from undertow.serving.published.reader import ScoresReader

app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog="Example: undertow history A-00042")
@refusing
def history(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of an account; it may have left the list.")],
    json: Json = False,
    project: Project = HERE,
) -> None:
    """Print what the published lists said of an account: churn probability, value at risk and model over time."""
    store = load_settings(project).store_path()
    published = ScoresReader(store).latest()
    found = history_of(store, published, published, account)
    if json:
        console.print_json(msgspec.to_builtins(found))
    else:
        print_history(found, published.manifest.get("kind") == "inactivity")
    console.print_warnings(found.unread, aside=json)


@app.command(epilog="Example: undertow portfolio --json")
@refusing
def portfolio(project: Project = HERE, json: Json = False) -> None:
    """Print the list by owner and by segment: MRR, value at risk, and what moved since the list before."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    found = roll_up(published)
    if json:
        console.print_json(msgspec.to_builtins(found))
    else:
        print_portfolio(found, published.manifest.get("kind") == "inactivity")
    console.print_warnings(published.manifest.get("warnings", ()), aside=json)


def print_portfolio(found: Portfolio, buys: bool) -> None:
    """Print a line per owner, then per segment, and the total."""
    compared = ("Moved", "Risen", "Fallen", "New", "Left") if found.since else ()
    paid = "Spent" if buys else "MRR"
    for by, books in (("Owner", found.owners), ("Segment", found.segments)):
        table = console.new_table(
            by, "Accounts", paid, "Mean chance", "At risk", *compared, right=range(1, 5 + len(compared))
        )
        for book in books:
            table.add_row(escape(book.name or f"no {by.lower()}"), *_numbers(book, buys, bool(compared)))
        table.add_row("All", *_numbers(found.total, buys, bool(compared)), style="bold")
        console.show(table)
    since = f"compared with the list of {found.since}" if found.since else f"not compared: {found.why_not}"
    told = "; moved: value at risk of accounts on both lists; risen, fallen: by a point or more" if found.since else ""
    console.out.print(f"As of {found.as_of}, leaving within {found.headline} days, in {found.currency}, {since}{told}.",
                      soft_wrap=True, highlight=False)  # fmt: skip


def _numbers(book: Book, buys: bool, compared: bool) -> tuple[str, ...]:
    chance = "-" if book.probability is None else f"{book.probability:.1%}"
    paid = book.spent if buys else book.mrr
    first = (f"{book.accounts:,}", money(paid), chance, money(book.value_at_risk))
    if not compared:
        return first
    moved = "-" if book.moved is None else f"{book.moved:+,.0f}"
    return (*first, moved, *(f"{number or 0:,}" for number in (book.risen, book.fallen, book.new, book.left)))


def print_history(found: AccountHistory, buys: bool) -> None:
    """Print a line per list, the newest last, and whether the account is still on the list."""
    causes = () if buys else ("By choice", "By failed payment")
    chance = "Stays away" if buys else "Leaves"
    table = console.new_table(
        "List", "Days", chance, *causes, "At risk", "First reason", "Model", right=range(1, 4 + len(causes))
    )
    for each in found.points:
        parts = () if buys else tuple(each.by_cause[cause].get(str(each.horizon)) for cause in each.by_cause)
        shares = ("-" if share is None else f"{share:.1%}" for share in (each.probability, *parts))
        table.add_row(
            each.as_of, str(each.horizon), *shares, money(each.value_at_risk, each.currency), each.first_family or "-",
            escape(each.model_version),
        )  # fmt: skip
    console.show(table)
    name = f" ({found.name})" if found.name else ""
    where = "is on the list" if found.on_list else f"is no longer on the list since {found.gone_since}"
    console.out.print(f"{found.account_id}{name} {where}.", soft_wrap=True, markup=False)
