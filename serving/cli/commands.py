"""`undertow`: one word a job. Exit codes: 0 fine, 1 the data or the model refuse, 2 wrong use.

MLflow and LightGBM take seconds to import, so a job that needs them is imported by its command.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from undertow.features import connectors
from undertow.features.build import build_features
from undertow.features.errors import UndertowError
from undertow.features.settings import Settings, load_settings
from undertow.features.simulator import WORLDS
from undertow.features.simulator import simulate as simulate_world
from undertow.features.snapshots import calendar
from undertow.features.sources.load import load_tables, read_tables, refuse_dirt
from undertow.serving.cli import console, print_data, print_list, print_metrics, print_model
from undertow.serving.published.answers import as_accounts
from undertow.serving.published.scores import ScoresReader
from undertow.serving.published.spreadsheet import as_csv

app = typer.Typer(
    name="undertow",
    help="Churn and lifetime value from what you already record, with reasons.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How a list is printed."""

    table = "table"
    csv = "csv"
    json = "json"


class By(StrEnum):
    """Whose numbers are told apart."""

    segment = "segment"
    platform = "platform"


class Cause(StrEnum):
    """Why an account would leave."""

    voluntary = "voluntary"
    involuntary = "involuntary"


Project = Annotated[Path, typer.Option("--project", help="The folder that holds undertow.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day from which to look, midnight UTC."),
]
HERE = Path(".")


def _refusing(command: Any) -> Any:
    """Say a refusal on standard error and exit with 1."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except UndertowError as refusal:
            console.err.print(f"[bold red]undertow:[/] {escape(str(refusal))}", soft_wrap=True)
            raise typer.Exit(1) from refusal

    return run


def _now() -> datetime:
    """The one clock: UTC, without a zone, as everywhere in Undertow."""
    return datetime.now(UTC).replace(tzinfo=None)


@app.command(epilog="Example: undertow init --connector ravenstack --data ../shared/data/ravenstack")
@_refusing
def init(
    connector: Annotated[str, typer.Option(help="A shipped connector; without it, an empty file.")] = connectors.EMPTY,
    data: Annotated[Path, typer.Option(help="The folder of the exported files.")] = HERE,
    project: Project = HERE,
) -> None:
    """Write undertow.toml (and its SELECTs) for a connector, or an empty one with comments."""
    written = connectors.write_project(connector, data, project)
    console.out.print(f"Wrote {written}. Next: undertow check{_option(project)}", soft_wrap=True)


@app.command(epilog="Example: undertow check --json")
@_refusing
def check(project: Project = HERE, json: Json = False) -> None:
    """Read every source, count what was kept and why rows were not, and ask the project's own checks."""
    settings = load_settings(project)
    with console.progress() as tell:
        tables = read_tables(settings, _now(), tell)
    if json:
        console.print_json(tables.as_json())
    else:
        print_data.print_check(tables)
    refuse_dirt(tables, settings.data.max_quarantine_share)


@app.command(epilog="Example: undertow features --as-of 2024-06-01")
@_refusing
def features(project: Project = HERE, as_of: AsOf = None, json: Json = False) -> None:
    """Build the features of every account at risk, at each moment of the calendar or at one."""
    settings = load_settings(project)
    with console.progress() as tell:
        tables = load_tables(settings, _now(), tell)
        built = build_features(settings, tables, [as_of] if as_of else calendar(settings.snapshots, tables), tell)
    if json:
        console.print_json(built.as_json())
    else:
        print_data.print_features(built)


def _png(path: Path | None) -> Path | None:
    if path is not None and (path.suffix != ".png" or not path.absolute().parent.is_dir()):
        raise typer.BadParameter(f"'{path}' must end in .png and lie in a folder that exists.")
    return path


@app.command(epilog="Example: undertow metrics --by segment")
@_refusing
def metrics(
    project: Project = HERE,
    metric: Annotated[list[str] | None, typer.Option(help="Only this number; may be repeated.")] = None,
    by: Annotated[By | None, typer.Option(help="A line each of these, instead of one for all.")] = None,
    months: Annotated[int, typer.Option(min=1, help="How many months, newest last.")] = 12,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    plot: Annotated[Path | None, typer.Option(callback=_png, help="Draw them into this .png instead.")] = None,
) -> None:
    """Print the business numbers by month: churn, MRR, NPS, CSAT, errors, conversion, CLV and more."""
    from undertow.training.business_metrics.monthly import business_numbers
    from undertow.training.business_metrics.plot import trends_plot

    settings = load_settings(project)
    with console.progress() as tell:
        tables = load_tables(settings, _now(), tell)
    found = business_numbers(settings, tables, metric or (), by.value if by else None, months)
    if plot:
        trends_plot(plot, found)
        print_metrics.print_metrics_plot(found, plot)
        return
    match format:
        case Format.csv:
            sys.stdout.write(print_metrics.metrics_csv(found))
        case Format.json:
            console.print_json(found.as_json())
        case Format.table:
            print_metrics.print_metrics(found)


@app.command(epilog="Example: undertow train --json > training.json")
@_refusing
def train(project: Project = HERE, json: Json = False) -> None:
    """Train the churn model on the past, judge it on a later moment, and register it in MLflow."""
    from undertow.training.train import train as train_model

    settings = load_settings(project)
    with console.progress() as tell:
        report = train_model(settings, _now(), tell)
    if json:
        console.print_json(report.as_json())
    else:
        print_model.print_training(report)
        _say_where_runs_lie(settings)


@app.command(epilog="Example: undertow score --as-of 2025-01-01")
@_refusing
def score(
    project: Project = HERE,
    as_of: AsOf = None,
    bulk: Annotated[bool, typer.Option("--bulk", help="Probabilities alone, to Parquet by as_of.")] = False,
    json: Json = False,
) -> None:
    """Score every account at risk with the champion and publish the list, whole or not at all."""
    from undertow.serving.jobs.bulk import BulkReport, score_in_bulk
    from undertow.serving.jobs.score import ScoreReport
    from undertow.serving.jobs.score import score as score_accounts

    settings = load_settings(project)
    report: ScoreReport | BulkReport
    with console.progress() as tell:
        report = (score_in_bulk if bulk else score_accounts)(settings, _now(), as_of, tell)
    if isinstance(report, BulkReport) and not json:
        print_list.print_bulk(report)
    elif json:
        console.print_json(report.as_json())
    elif isinstance(report, ScoreReport):
        print_list.print_score(report, settings.value.currency)


@app.command(name="at-risk", epilog="Example: undertow at-risk --owner 'Mira Holt' --limit 20 --format csv > list.csv")
@_refusing
def at_risk(
    project: Project = HERE,
    limit: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 10,
    segment: Annotated[str | None, typer.Option(help="Only this segment.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only accounts of this owner.")] = None,
    cause: Annotated[Cause | None, typer.Option(help="Only where this cause is the likelier.")] = None,
    min_value: Annotated[float | None, typer.Option(help="Only with at least so much money at risk.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
) -> None:
    """Print the published list of accounts at risk, ranked by money."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    found = published.filter(
        limit=limit, segment=segment, owner=owner, cause=cause.value if cause else None, min_value=min_value
    )
    match format:
        case Format.csv:
            sys.stdout.write(as_csv(found.rows))
        case Format.json:
            listed = msgspec.json.encode(as_accounts(found.rows, published.manifest))
            sys.stdout.write(msgspec.json.format(listed, indent=2).decode() + "\n")
        case Format.table:
            print_list.print_at_risk(found.rows, published.manifest, found.total)


@app.command(epilog="Example: undertow drivers --json")
@_refusing
def drivers(project: Project = HERE, json: Json = False) -> None:
    """Print what the published scores react to, over all accounts and by segment."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    if json:
        console.print_json(published.drivers)
    else:
        print_list.print_drivers(published.drivers)


@app.command(epilog="Example: undertow audit --against ../export-of-march")
@_refusing
def audit(
    project: Project = HERE,
    against: Annotated[Path | None, typer.Option(help="A folder with the same files, exported earlier.")] = None,
    snapshots: Annotated[int, typer.Option(min=1, help="How many old moments to replay.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed, other moments; the earliest is always there.")] = 0,
    json: Json = False,
) -> None:
    """Look for what knows the future, in the features and in your data; ends with 1 if something does."""
    from undertow.training.leakage.audit import audit as audit_leaks
    from undertow.training.leakage.audit import refuse_leaks

    settings = load_settings(project)
    with console.progress() as tell:
        report = audit_leaks(settings, _now(), against, snapshots, seed, tell)
    if json:
        console.print_json(report.as_json())
    else:
        print_model.print_audit(report)
    refuse_leaks(report)


@app.command(epilog="Example: undertow serve --port 3000")
@_refusing
def serve(
    project: Project = HERE,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 3000,
) -> None:
    """Start the service: the list as a page, and the API behind it."""
    settings = load_settings(project)
    store = settings.store_path()
    store.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "UNDERTOW_STORE": str(store),
        "BENTOML_HOME": str(store / "bentoml" / str(port)),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    console.err.print(f"Undertow serves {settings.name} at http://{host}:{port}/ (stop with Ctrl-C)", soft_wrap=True)
    command = [sys.executable, "-m", "bentoml", "serve", "undertow.serving.service:Undertow"]
    os.execve(sys.executable, [*command, "--host", host, "--port", str(port)], environment)


@app.command(epilog="Example: undertow simulate --world tiny --out tiny --truth tiny/truth")
@_refusing
def simulate(
    out: Annotated[Path, typer.Option("--out", help="The folder for the tables, as Parquet files.")],
    world: Annotated[str, typer.Option(help=f"One of {', '.join(WORLDS)}.")] = "demo",
    accounts: Annotated[int | None, typer.Option(min=1, help="How many accounts, if not the world's own.")] = None,
    months: Annotated[int | None, typer.Option(min=1, help="How many months, if not the world's own.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = 7,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="A folder for what is true of it; takes longer than the tables.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the tables of a simulated company, and apart from them what is true of it."""
    with console.progress() as tell:
        summary = simulate_world(world, out, seed=seed, accounts=accounts, months=months, truth=truth,
                                 progress=lambda share: tell("simulating", share))  # fmt: skip
    if json:
        console.print_json(summary.as_json())
    else:
        print_data.print_simulated(summary, out, truth)


@app.command(epilog="Example: undertow demo --project demo")
@_refusing
def demo(
    project: Annotated[Path, typer.Option("--project", help="Where to put the demo.")] = Path("demo"),
    accounts: Annotated[int | None, typer.Option(min=50, help="How many accounts, if not 2,000.")] = None,
    months: Annotated[int | None, typer.Option(min=9, help="How many months, if not 30.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 7,
) -> None:
    """Make the demo world, train on it, and print the list, the drivers and where everything lies."""
    with console.progress() as tell:
        simulate_world("demo", project / "data", seed=seed, accounts=accounts, months=months,
                       progress=lambda share: tell("simulating", share))  # fmt: skip
    if not (project / "undertow.toml").exists():
        connectors.write_project("demo", project / "data", project)
    for title, job in (
        ("What was read", check),
        ("The model, judged on a later moment", train),
        ("Scores", score),
        ("Accounts at risk", at_risk),
        ("What drives it", drivers),
    ):
        console.out.rule(f"[bold]{title}", align="left")
        job(project=project)
    _say_where_all_lies(load_settings(project), project)


def _say_where_runs_lie(settings: Settings) -> None:
    address = os.path.relpath(settings.store_path("mlflow.db"))
    console.out.print(f"See it with: mlflow ui --backend-store-uri sqlite:///{address}", soft_wrap=True)


def _say_where_all_lies(settings: Settings, project: Path) -> None:
    console.out.rule("[bold]Where everything lies", align="left")
    store = Path(os.path.relpath(settings.store_path()))
    for what, where in (
        ("Settings", project / "undertow.toml"),
        ("Features", store / "features"),
        ("MLflow", store / "mlflow.db"),
        ("Scores", store / "scores"),
        ("Refused rows", store / "tables"),
    ):
        console.out.print(f"  {what:<13}{where}", soft_wrap=True)
    program = Path(os.path.relpath(sys.argv[0]))
    console.out.print(f"\nNext: {program} serve --project {project}", soft_wrap=True)


def _option(project: Path) -> str:
    return "" if project == HERE else f" --project {project}"


if __name__ == "__main__":
    app()
