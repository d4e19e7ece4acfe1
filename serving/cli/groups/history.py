"""`undertow history`: what the published lists said of an account over time."""

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
