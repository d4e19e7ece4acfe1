"""The `undertow` command line: one command per job. Exit codes: 0 success, 1 unusable data or model, 2 wrong usage.

MLflow and LightGBM take seconds to import, so a job that needs them is imported inside its command.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from undertow.features.settings import Settings, load_settings
from undertow.serving.api.prefix import checked_prefix
from undertow.serving.cli import console, print_data, print_list, print_metrics
from undertow.serving.cli.clock import aware_now, now
from undertow.serving.cli.groups import history, keys, models, overviews, statuses
from undertow.serving.cli.groups.print_drivers import print_drivers_by_month
from undertow.serving.cli.local_service import Listening, may_be_open, refuse_taken_port
from undertow.serving.cli.options import HERE, AsOf, Examples, Json, Project
from undertow.serving.cli.refusals import refusing
from undertow.serving.published.answers import as_accounts
from undertow.serving.published.decision.in_words import contacts_of_query
from undertow.serving.published.exports.pieces import csv_text
from undertow.serving.published.list_query import query_of
from undertow.serving.published.overviews.drivers_query import drivers_query_of, select_drivers
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import MAX_ROWS
from undertow.serving.team.address import address_of

app = typer.Typer(
    name="undertow",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """Output format of a list."""

    table = "table"
    csv = "csv"
    json = "json"


class Columns(StrEnum):
    """Columns of a list as CSV."""

    names = "names"
    titles = "titles"


class Locale(StrEnum):
    """Language whose separator, decimal mark and dates CSV has."""

    en = "en"
    de = "de"
    fr = "fr"
    sv = "sv"


class By(StrEnum):
    """Groups by which business metrics are broken down."""

    segment = "segment"
    platform = "platform"


class Cause(StrEnum):
    """Cause of churn."""

    voluntary = "voluntary"
    involuntary = "involuntary"


class Family(StrEnum):
    """Family of measures of a reason."""

    ux = "ux"
    cx = "cx"
    usage = "usage"
    billing = "billing"


class Verdict(StrEnum):
    """Whether a contact with an account pays, and there is one left for it."""

    recommended = "recommended"
    over_budget = "over_budget"
    does_not_pay = "does_not_pay"


class Order(StrEnum):
    """Order of the at-risk list."""

    contact_value = "contact_value"
    value_at_risk = "value_at_risk"
    clv = "clv"
    probability = "probability"
    mrr = "mrr"
    renews_at = "renews_at"
    name = "name"
    moved = "moved"


class Moves(StrEnum):
    """How accounts moved since the list before."""

    new = "new"
    risen = "risen"
    new_or_risen = "new_or_risen"
    fallen = "fallen"


def _print_version(wanted: bool) -> None:
    if wanted:
        console.out.print(version("undertow"))
        raise typer.Exit


@app.callback()
def undertow(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Churn probability and customer lifetime value from UX, support and billing data, with reasons."""


@app.command(epilog="Example: undertow init --data exports")
@refusing
def init(
    data: Annotated[
        list[Path] | None, typer.Option(help="Folder of exported files; may be repeated. Without it: a template.")
    ] = None,
    connector: Annotated[
        list[str] | None,
        typer.Option(help="Recognise the files of this connector alone; may be repeated. Or demo, oulad, ravenstack."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(help="Extend a project that init made by the files of this connector; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take every proposed answer instead of asking.")] = False,
    project: Project = HERE,
) -> None:
    """Create a project: recognise exported files and write their SELECTs; without --data, explain the tables."""
    from undertow.features import connectors
    from undertow.features.connectors.kind_of_files import kind_of_files
    from undertow.serving.cli.setup.from_files import add_to_project, project_from_files
    from undertow.serving.cli.setup.print_init import print_changes, print_tables

    names = connectors.connectors()
    if add:
        if connector:
            raise typer.BadParameter("--add names the connectors that are added; leave --connector out.")
        print_changes(add_to_project(add, data or [], names, project, yes))
        check(project=project, json=False)
        console.out.print(f"Next: undertow train{_option(project)}", soft_wrap=True)
        return
    template = next((name for name in connector or () if name in names), None)
    if template or not (data or connector):
        folder = data[0] if data else HERE
        written = connectors.write_project(template or connectors.EMPTY, folder, project)
        if not template:
            print_tables()
        _print_kind(*kind_of_files(folder), load_settings(project).churn.kind)
        console.out.print(f"Wrote {written}. Next: undertow check{_option(project)}", soft_wrap=True)
        return
    written = project_from_files(data or [HERE], connector or [], names, project, yes)
    console.out.print(f"Wrote {written}. It is checked now:\n", soft_wrap=True)
    check(project=project, json=False)
    console.out.print(f"Next: undertow train{_option(project)}", soft_wrap=True)


@app.command(epilog="Example: undertow files stripe_events")
@refusing
def files(
    name: Annotated[
        str | None, typer.Argument(help="Name of a source file or view in undertow.toml; default: list all.")
    ] = None,
    project: Project = HERE,
    json: Json = False,
) -> None:
    """List the source files and views of a project, or show the columns, types and first rows of one."""
    from undertow.serving.cli.setup.sources import describe, list_sources, print_described, print_sources

    settings = load_settings(project)
    if name is None:
        listed = list_sources(settings)
        console.print_json(listed) if json else print_sources(listed)
        return
    described = describe(settings, name)
    console.print_json(described.as_json()) if json else print_described(described)


def _checked_settings(project: Path) -> Settings:
    """Return the settings. Raises SettingsError where a value or one of the project's own features is wrong."""
    from undertow.features.catalogue.own import own_features

    settings = load_settings(project)
    own_features(settings)  # before any rows are read, which may take long
    return settings


def _print_kind(kind: str, why: str, set_kind: str) -> None:
    """Print which kind of churn the data suggest, and whether it is the one in undertow.toml."""
    if kind:
        console.out.print(f"Of the files, {why}", soft_wrap=True, markup=False)
        is_set = "which is set." if kind == set_kind else f'which undertow.toml should say; now it is "{set_kind}".'
        console.out.print(f'This suggests [churn] kind = "{kind}", {is_set}', soft_wrap=True, markup=False)


@app.command(epilog="Example: undertow check --json")
@refusing
def check(
    project: Project = HERE,
    json: Json = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read entries of databases with `since` whole, not only what was added.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no database: check the rows that were read from it last.")
    ] = False,
) -> None:
    """Read and validate every source: rows kept, rows quarantined with their reasons, and your own checks."""
    from undertow.features.snapshots.kind_of_churn import suggest_kind
    from undertow.features.sources.databases.refresh import Databases
    from undertow.features.sources.load import read_tables, refuse_dirt

    if refresh and offline:
        raise typer.BadParameter("give --refresh or --offline, not both")
    settings = _checked_settings(project)
    with console.progress() as report_progress:
        databases: Databases = "whole" if refresh else "offline" if offline else "read"
        tables = read_tables(settings, now(), report_progress, databases)
        suggested = suggest_kind(settings, tables)
    if json:
        console.print_json(tables.as_json() | {"suggested_churn": suggested and suggested.as_json()})
    else:
        print_data.print_check(tables, settings.events.kinds)
        if suggested is not None:
            console.out.print(suggested.said(settings.churn.kind), soft_wrap=True, markup=False)
    refuse_dirt(tables, settings.data.max_quarantine_share)


@app.command(epilog="Example: undertow features --as-of 2024-06-01")
@refusing
def features(project: Project = HERE, as_of: AsOf = None, json: Json = False) -> None:
    """Compute point-in-time features of every customer, per month start or for one day, into the store."""
    from undertow.features.build.feature_table import build_features
    from undertow.features.snapshots.calendar import calendar
    from undertow.features.sources.load import load_tables

    settings = _checked_settings(project)
    with console.progress() as report_progress:
        tables = load_tables(settings, now(), report_progress)
        built = build_features(
            settings, tables, [as_of] if as_of else calendar(settings.snapshots, tables), report_progress
        )
    if json:
        console.print_json(built.as_json())
    else:
        print_data.print_features(built, [entry.name for entry in settings.features])
    console.print_warnings(tables.warnings, aside=json)


def _png(path: Path | None) -> Path | None:
    if path is not None and (path.suffix != ".png" or not path.absolute().parent.is_dir()):
        raise typer.BadParameter(f"'{path}' must end in .png and lie in a folder that exists.")
    return path


@app.command(epilog="Example: undertow metrics --by segment")
@refusing
def metrics(
    project: Project = HERE,
    metric: Annotated[
        list[str] | None, typer.Option(help="Print only this metric; may be repeated. An unknown name lists all.")
    ] = None,
    by: Annotated[By | None, typer.Option(help="Break the numbers down by segment or by platform.")] = None,
    months: Annotated[int, typer.Option(min=1, help="Number of months, newest last.")] = 12,
    format: Annotated[Format, typer.Option(help="Output format.")] = Format.table,
    plot: Annotated[Path | None, typer.Option(callback=_png, help="Write a plot to this .png file instead.")] = None,
) -> None:
    """Print business metrics per month: churn rate, MRR, NPS, CSAT, error rate, conversion, CLV and more."""
    from undertow.features.sources.load import load_tables
    from undertow.training.business_metrics.monthly import business_numbers
    from undertow.training.business_metrics.plot import trends_plot

    settings = load_settings(project)
    with console.progress() as report_progress:
        tables = load_tables(settings, now(), report_progress)
    numbers = business_numbers(settings, tables, metric or (), by.value if by else None, months)
    if plot:
        trends_plot(plot, numbers)
        print_metrics.print_metrics_plot(numbers, plot)
        return
    match format:
        case Format.csv:
            sys.stdout.write(print_metrics.metrics_csv(numbers))
            console.print_warnings(tables.warnings, aside=True)
        case Format.json:
            console.print_json(numbers.as_json())
        case Format.table:
            print_metrics.print_metrics(numbers)


@app.command(epilog="Example: undertow train --json > training.json")
@refusing
def train(
    project: Project = HERE,
    examples: Examples = None,
    tune: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Tune LightGBM's parameters in so many Optuna trials, the defaults being the first; the result is "
            "used only if surely better on the held-out test. Needs undertow[tune].",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train the churn model, evaluate it on a held-out later period, and register it in MLflow.

    With --examples it learns from feature rows that you computed, one per account and as_of, with what became of them.
    """
    from undertow.serving.cli import print_model
    from undertow.training.leakage.audit import refuse_leaks
    from undertow.training.train import train as train_model

    settings = _checked_settings(project)
    with console.progress() as report_progress:
        report = train_model(settings, now(), report_progress, examples, tune or 0)
    if json:
        console.print_json(report.as_json())
    else:
        print_model.print_training(report)
        if not settings.mlflow.uri:
            print_model.print_mlflow_command(settings.store_path("mlflow.db"))
    refuse_leaks(report.findings)


@app.command(epilog="Example: undertow backtest --moments 6")
@refusing
def backtest(
    project: Project = HERE,
    moments: Annotated[int, typer.Option(min=2, help="Past moments at which a model is trained and judged.")] = 4,
    json: Json = False,
) -> None:
    """Backtest the model: train it at several past moments, and judge each on what came after."""
    from undertow.serving.cli import print_model
    from undertow.serving.jobs.backtest import run_backtest

    settings = _checked_settings(project)
    with console.progress() as report_progress:
        report, written = run_backtest(settings, now(), moments, report_progress)
    if json:
        console.print_json(report.as_json() | {"report": str(written)})
    else:
        print_model.print_backtest(report, written)


app.add_typer(
    models.app,
    name="models",
    help="List and show the versions of the model, promote one to champion, or roll back to the one before.",
    epilog="Example: undertow models list",
)
app.add_typer(
    keys.app,
    name="keys",
    help="Keys of the service: add one for a person or a program, list them, revoke one.",
    epilog="Example: undertow keys list",
)
app.add_typer(
    statuses.app,
    name="statuses",
    help="Statuses of accounts that the team has set: list them, export their history, set one.",
    epilog="Example: undertow statuses --owner Mira",
)


@app.command(epilog="Example: undertow score --as-of 2025-01-01")
@refusing
def score(
    project: Project = HERE,
    as_of: AsOf = None,
    bulk: Annotated[
        bool, typer.Option("--bulk", help="Write churn probabilities only, as Parquet; for millions of accounts.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the list even where the published one has a later as_of.")
    ] = False,
    examples: Examples = None,
    json: Json = False,
) -> None:
    """Score every paying account with the champion (current best) model and publish the list atomically.

    Default as_of: the end of the recorded rows, or the newest as_of of --examples. A list of an earlier day than
    the published one is written beside it.
    """
    from undertow.serving.jobs.bulk import BulkReport, score_in_bulk
    from undertow.serving.jobs.score import ScoreReport
    from undertow.serving.jobs.score import score as score_accounts

    if bulk and publish:
        raise typer.BadParameter("--publish does not go with --bulk, which writes no list.")
    settings = _checked_settings(project)
    report: ScoreReport | BulkReport
    with console.progress() as report_progress:
        if bulk:
            report = score_in_bulk(settings, now(), as_of, report_progress, examples)
        else:
            report = score_accounts(settings, now(), as_of, report_progress, publish, examples)
    if isinstance(report, BulkReport) and not json:
        print_list.print_bulk(report)
    elif json:
        console.print_json(report.as_json())
    elif isinstance(report, ScoreReport):
        print_list.print_score(report)


@app.command(name="at-risk", epilog="Example: undertow at-risk --owner 'Mira Holt' --limit 20 --format csv > list.csv")
@refusing
def at_risk(
    project: Project = HERE,
    limit: Annotated[int, typer.Option(min=1, max=MAX_ROWS, help="Number of accounts.")] = 10,
    segment: Annotated[list[str] | None, typer.Option(help="Only accounts of this segment; may be repeated.")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Only accounts of this owner; may be repeated.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only accounts of this country; may be repeated.")] = None,
    cause: Annotated[Cause | None, typer.Option(help="Only accounts with this likelier cause of churn.")] = None,
    family: Annotated[Family | None, typer.Option(help="Only accounts whose first reason is of this family.")] = None,
    min_value: Annotated[float | None, typer.Option(help="Only accounts with at least this value at risk.")] = None,
    renews_within: Annotated[int | None, typer.Option(help="Only accounts that renew within so many days.")] = None,
    renews_from: Annotated[str | None, typer.Option(help="Only accounts that renew on this day or later.")] = None,
    renews_to: Annotated[str | None, typer.Option(help="Only accounts that renew on this day or before.")] = None,
    search: Annotated[str | None, typer.Option(help="Only accounts with this text in their name or id.")] = None,
    moved: Annotated[
        Moves | None, typer.Option(help="Only accounts that are new, or moved by a point, since the list before.")
    ] = None,
    contact: Annotated[
        Verdict | None, typer.Option(help="Only accounts with which a contact is recommended, or is not, and why not.")
    ] = None,
    notice: Annotated[
        bool | None, typer.Option("--notice/--no-notice", help="Only accounts that gave notice, or that did not.")
    ] = None,
    sort: Annotated[Order, typer.Option(help="Order of the list.")] = Order.contact_value,
    format: Annotated[Format, typer.Option(help="Output format.")] = Format.table,
    columns: Annotated[Columns | None, typer.Option(help="CSV: all columns, or those for people under titles.")] = None,
    locale: Annotated[Locale | None, typer.Option(help="CSV: separator, decimal mark and dates of a language.")] = None,
    sep: Annotated[bool, typer.Option("--sep", help="CSV: a first line that tells Excel the separator.")] = False,
) -> None:
    """Print the published list of accounts at risk, most valuable contact first, or filtered and ordered."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    asked = {
        "limit": limit, "segment": segment, "owner": owner, "country": country, "cause": cause and cause.value,
        "family": family and family.value, "min_value": min_value, "renews_within": renews_within,
        "renews_from": renews_from, "renews_to": renews_to, "search": search, "sort": sort.value,
        "contact": contact and contact.value, "notice": None if notice is None else ("no", "yes")[notice],
        "moved": moved and moved.value, "columns": columns and columns.value,
        "locale": locale and locale.value, "sep": "yes" if sep else None,
        "format": "csv" if format is Format.csv else None,
    }  # fmt: skip
    query = query_of({name: value for name, value in asked.items() if value is not None})
    selection = published.select(query)
    match format:
        case Format.csv:
            sys.stdout.write(csv_text(selection.rows, published.manifest, query))
            console.print_warnings(published.manifest.get("warnings", ()), aside=True)
        case Format.json:
            listed = msgspec.json.encode(as_accounts(selection.rows, published.manifest))
            sys.stdout.write(msgspec.json.format(listed, indent=2).decode() + "\n")
            console.print_warnings(published.manifest.get("warnings", ()), aside=True)
        case Format.table:
            said = contacts_of_query(published.parts, query, published.manifest)
            print_list.print_at_risk(selection.rows, published.manifest, selection.total, query.sort, said)


@app.command(epilog="Example: undertow drivers --segment smb --from 2025-01-01")
@refusing
def drivers(
    project: Project = HERE,
    segment: Annotated[str | None, typer.Option(help="Month by month: only accounts of this segment.")] = None,
    platform: Annotated[str | None, typer.Option(help="Month by month: only accounts that used it most.")] = None,
    plan: Annotated[str | None, typer.Option(help="Month by month: only accounts with this plan.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="No month before this day.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="No month after this day.")] = None,
    json: Json = False,
) -> None:
    """Print the drivers of the published scores: contributions per feature family, by group and by month."""
    given = {"segment": segment, "platform": platform, "plan": plan, "from": since, "to": until}
    asked = {name: value for name, value in given.items() if value is not None}
    query = drivers_query_of(asked)
    published = ScoresReader(load_settings(project).store_path()).latest()
    months = select_drivers(published.drivers_by_month, query)
    if json:
        console.print_json(published.drivers | {"by_month": months})
        console.print_warnings(published.manifest.get("warnings", ()), aside=True)
        return
    print_drivers_by_month(months, published.manifest)
    if asked:
        console.print_warnings(published.manifest.get("warnings", ()))
    else:
        print_list.print_drivers(published.drivers, published.manifest)


app.add_typer(overviews.app)
app.add_typer(history.app)


@app.command(epilog="Example: undertow push --dry-run")
@refusing
def push(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Destinations in undertow.toml; default: all.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the difference to the last push, and send nothing.")
    ] = False,
    project: Project = HERE,
    json: Json = False,
) -> None:
    """Push the published list to databases, files, CRMs, Slack or webhooks: only what is new or changed.

    Each is a section of undertow.toml, destinations.NAME. Exits with 1 if one of them did not take everything.
    """
    from undertow.serving.push.push import chosen
    from undertow.serving.push.push import push as push_list

    settings = load_settings(project)
    destinations = chosen(settings, names or ())
    published = ScoresReader(settings.store_path()).latest()
    reports = push_list(settings, destinations, published, now(), dry_run)
    if json:
        console.print_json([report.as_json() for report in reports])
    else:
        print_list.print_pushed(reports, published.manifest)
    console.print_warnings(published.manifest.get("warnings", ()), aside=True)
    if any(report.has_failed for report in reports):
        raise typer.Exit(1)


@app.command(epilog="Example: undertow audit --against ../export-of-march")
@refusing
def audit(
    project: Project = HERE,
    against: Annotated[
        Path | None, typer.Option(help="Folder of an earlier export of the same files, to find rows changed since.")
    ] = None,
    snapshots: Annotated[int, typer.Option(min=1, help="Number of past dates to replay.")] = 3,
    seed: Annotated[
        int, typer.Option(help="Random seed for the past dates to replay; the earliest is always included.")
    ] = 0,
    json: Json = False,
) -> None:
    """Check features and source data for leakage: values that were not known at prediction time.

    Exits with 1 if a check fails; warnings do not count.
    """
    from undertow.serving.cli import print_model
    from undertow.training.leakage.audit import audit as audit_leaks
    from undertow.training.leakage.audit import refuse_leaks

    settings = _checked_settings(project)
    with console.progress() as report_progress:
        report = audit_leaks(settings, now(), against, snapshots, seed, report_progress)
    if json:
        console.print_json(report.as_json())
    else:
        console.print_warnings(report.warnings)
        print_model.print_audit(report)
    refuse_leaks(report.findings)


@app.command(epilog="Example: undertow serve --port 3000")
@refusing
def serve(
    project: Project = HERE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, envvar="UNDERTOW_WORKERS", help="Processes that answer requests.")
    ] = 2,
    root_path: Annotated[str, typer.Option(help="Prefix that a proxy serves it under, such as /undertow.")] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name in the Host header that is answered to, beside localhost and --host; may be repeated."),
    ] = None,
    audit_log: Annotated[
        Path | None, typer.Option(help="File that the audit log is appended to, beside standard error.")
    ] = None,
) -> None:
    """Start the HTTP service: the at-risk list as a page, and the scoring API. Needs keys beyond 127.0.0.1.

    On 127.0.0.1 it is open until the first `undertow keys add`.
    """
    settings, hosts = load_settings(project), tuple(allow_host or ())
    store = settings.store_path().resolve()
    is_open = may_be_open(store, host, hosts, aware_now())
    refuse_taken_port(host, port)
    team = address_of(settings, os.environ)
    place = Listening(host, port, workers, checked_prefix(root_path), hosts, is_open, audit_log, team)
    who = "open to this machine, without keys" if is_open else "with keys"
    console.err.print(f"Undertow serves {settings.name} at {place.url} {who} (stop with Ctrl-C)", soft_wrap=True)
    place.serve(store)


@app.command(epilog="Example: undertow simulate --world tiny --out tiny --truth tiny/truth")
@refusing
def simulate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write the tables to, as Parquet files.")],
    world: Annotated[str, typer.Option(help="Simulated world; an unknown name lists all.")] = "demo",
    accounts: Annotated[int | None, typer.Option(min=1, help="Number of accounts, instead of the world's own.")] = None,
    months: Annotated[int | None, typer.Option(min=1, help="Number of months, instead of the world's own.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 7,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", help="Also write the ground truth (hazards, churn probabilities, margins) here; slower."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the tables of a simulated subscription business and, on request, its ground truth."""
    from undertow.features.simulator import simulate as simulate_world

    with console.progress() as report_progress:
        summary = simulate_world(world, out, seed=seed, accounts=accounts, months=months, truth=truth,
                                 progress=lambda share: report_progress("simulating", share))  # fmt: skip
    if json:
        console.print_json(summary.as_json())
    else:
        print_data.print_simulated(summary, out, truth)


@app.command(epilog="Example: undertow demo --project demo")
@refusing
def demo(
    project: Annotated[Path, typer.Option("--project", help="Folder of the demo project.")] = Path("demo"),
    accounts: Annotated[int | None, typer.Option(min=50, help="Number of accounts, instead of 2,000.")] = None,
    months: Annotated[int | None, typer.Option(min=9, help="Number of months, instead of 30.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 7,
) -> None:
    """Run everything on a simulated company: simulate, check, train, score, print the list and the drivers."""
    from undertow.features import connectors
    from undertow.features.simulator import simulate as simulate_world

    with console.progress() as report_progress:
        simulate_world("demo", project / "data", seed=seed, accounts=accounts, months=months,
                       progress=lambda share: report_progress("simulating", share))  # fmt: skip
    if not (project / "undertow.toml").exists():
        connectors.write_project("demo", project / "data", project)
    for title, job in (
        ("What was read", check),
        ("The model, evaluated on a held-out later period", train),
        ("Scores", score),
        ("Accounts at risk", at_risk),
        ("Drivers of the scores", drivers),
    ):
        console.out.rule(f"[bold]{title}", align="left")
        job(project=project)
    print_data.print_files(Path(os.path.relpath(load_settings(project).store_path())), project)


def _option(project: Path) -> str:
    return "" if project == HERE else f" --project {project}"


if __name__ == "__main__":
    app()
