"""`undertow models`: the versions of the model, which one is champion, and how to change that.

MLflow takes seconds to import, so the registry is imported inside each command.
"""

from __future__ import annotations

from typing import Annotated

import typer

from undertow.features.settings import load_settings
from undertow.serving.cli import console
from undertow.serving.cli.clock import now
from undertow.serving.cli.options import HERE, Json, Project
from undertow.serving.cli.refusals import refusing

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)

Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words; recorded with the time.")]


@app.command(name="list", epilog="Example: undertow models list --json")
@refusing
def list_models(project: Project = HERE, json: Json = False) -> None:
    """Print every version of the model, newest first: aliases, dates, held-out results and the verdict of the gate."""
    from undertow.serving.cli.groups.print_models import print_versions
    from undertow.training.registry.tracking import open_registry
    from undertow.training.registry.versions import list_versions

    settings = load_settings(project)
    versions = list_versions(open_registry(settings))
    if json:
        console.print_json([version.as_json() for version in versions])
    else:
        print_versions(settings.name, versions)


@app.command(epilog="Example: undertow models show 3")
@refusing
def show(
    version: Annotated[str, typer.Argument(help="Number of a version, champion or challenger.")] = "champion",
    project: Project = HERE,
    json: Json = False,
) -> None:
    """Print a version with its verdict, the history of champions with reasons, and its model card."""
    from undertow.serving.cli.groups.print_models import print_shown
    from undertow.training.registry.tracking import open_registry
    from undertow.training.registry.versions import show_version

    settings = load_settings(project)
    shown = show_version(open_registry(settings), version)
    if json:
        console.print_json(shown.as_json())
    else:
        print_shown(settings.name, shown)


@app.command(epilog="Example: undertow models promote 3 --reason 'agreed with sales'")
@refusing
def promote(
    version: Annotated[str, typer.Argument(help="Number of a version, or challenger.")],
    reason: Reason,
    project: Project = HERE,
) -> None:
    """Make a version the champion, with which `undertow score` scores, whatever the gate decided."""
    from undertow.serving.cli.groups.print_models import print_move
    from undertow.training.registry.tracking import open_registry
    from undertow.training.registry.versions import promote as promote_version

    settings = load_settings(project)
    print_move(settings.name, promote_version(open_registry(settings), version, reason, now()))


@app.command(epilog="Example: undertow models rollback --reason 'totals too high in June'")
@refusing
def rollback(reason: Reason, project: Project = HERE) -> None:
    """Make the champion before the present one champion again."""
    from undertow.serving.cli.groups.print_models import print_move
    from undertow.training.registry.tracking import open_registry
    from undertow.training.registry.versions import roll_back

    settings = load_settings(project)
    print_move(settings.name, roll_back(open_registry(settings), reason, now()))
