"""`undertow journeys` and `undertow personas`: what was published beside the list about all accounts."""

from __future__ import annotations

import typer

from undertow.features.settings import load_settings
from undertow.serving.cli import console
from undertow.serving.cli.groups import print_overviews
from undertow.serving.cli.options import HERE, Json, Project
from undertow.serving.cli.refusals import refusing
from undertow.serving.published.reader import ScoresReader

app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog="Example: undertow journeys --json")
@refusing
def journeys(project: Project = HERE, json: Json = False) -> None:
    """Print the touchpoints of the journey in order, with churn and value of those who met trouble there."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    if json:
        console.print_json(published.journeys)
        console.print_warnings(published.manifest.get("warnings", ()), aside=True)
    else:
        print_overviews.print_journeys(published.journeys, published.manifest)


@app.command(epilog="Example: undertow personas --json")
@refusing
def personas(project: Project = HERE, json: Json = False) -> None:
    """Print the personas: stable groups of accounts by behaviour, with profile, churn and value of each."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    if json:
        console.print_json(published.personas)
        console.print_warnings(published.manifest.get("warnings", ()), aside=True)
    else:
        print_overviews.print_personas(published.personas, published.manifest)
