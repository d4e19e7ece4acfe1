"""Makes a project of exported files: looks at them, asks what only the user knows, writes the project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from undertow.features.connectors.kit.draft import Asked, Draft, draft, project_settings, questions, sources
from undertow.features.connectors.kit.fixed_rates import fixed_rates
from undertow.features.connectors.kit.guess import guesses
from undertow.features.connectors.kit.identity import currencies, matches
from undertow.features.connectors.kit.look import look
from undertow.features.connectors.kit.manifest import chosen_connectors
from undertow.features.connectors.kit.missing import missing_tables
from undertow.features.connectors.kit.recognise import Recognised, recognise
from undertow.features.connectors.kit.write import ToWrite, refuse_existing, write_project
from undertow.features.errors import SourceError
from undertow.features.sources.files.opened import opened_sources
from undertow.serving.cli.console import out
from undertow.serving.cli.setup import print_init

WITH_MONEY = ("subscriptions", "invoices", "payments")


def project_from_files(
    folders: Sequence[Path], connectors: Sequence[str], templates: Sequence[str], project: Path, yes: bool
) -> Path:
    """Write a project for the files in `folders`; return the path of its undertow.toml.

    `connectors`: the only ones to recognise; none: all. `templates`: names of other connectors, for messages. `yes`:
    take every proposed answer. Raises SettingsError where a file of the project is there already or a connector is
    unknown, SourceError where no file is recognised.
    """
    refuse_existing(project)
    seen = recognise(look(folders), chosen_connectors(connectors, templates))
    print_init.print_seen(seen)
    if not seen.recognised:
        raise SourceError("None of these files is one that a connector knows whole. `undertow init` without --data "
                          "writes a template, in which a SELECT of your own makes each table.")  # fmt: skip
    is_new = not project.exists()
    project.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory() as store:
            return _write(seen.recognised, project, Path(store), yes)
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty where the project was written
                project.rmdir()


def _write(recognised: Sequence[Recognised], project: Path, store: Path, yes: bool) -> Path:
    asked = questions(recognised)
    proposed, events = guesses(recognised, asked, store)
    answers = _ask(asked, proposed, yes)
    made = draft(recognised, answers, project)
    chosen, left = sources(recognised)
    with opened_sources(project_settings(made, project, store)) as connection:
        print_init.print_matches(matches(connection))
        money = [made.sql[made.tables[table]] for table in WITH_MONEY if table in made.tables]
        found = currencies(connection, money)
    print_init.print_sources(chosen, left)
    print_init.print_missing(missing_tables(list(made.tables)))
    print_init.print_events(events)
    report, rates = _currency(made, found, yes)
    return write_project(ToWrite(recognised, chosen, made, asked, answers, events, report, rates), project)


def _ask(asked: Sequence[Asked], proposed: Mapping[str, str], yes: bool) -> dict[str, str]:
    """Return key -> answer: what the user typed, or what was proposed."""
    answers = dict(proposed)
    if asked:
        out.print("Enter takes the answer in brackets." if not yes else "Taken, as proposed:", style="bold")
    for each in asked:
        shown = " ".join(proposed[key].strip('"') for key in each.keys)
        about = f" ({', '.join(each.entries)})" if each.entries else ""
        if yes:
            out.print(f"  {each.question.question}{about} {shown or 'none'}", soft_wrap=True, markup=False)
            continue
        while True:
            typed = str(typer.prompt(f"  {each.question.question}{about}", default=shown)).split()
            if len(each.keys) == 1:
                typed = [" ".join(typed)]
            if len(typed) == len(each.keys):
                break
            out.print(f"  Expected {len(each.keys)} answers with a blank between them, got {len(typed)}.")
        for key, text in zip(each.keys, typed, strict=True):
            answers[key] = f'"{text}"' if proposed[key].startswith('"') else text
    out.print()
    return answers


def _currency(made: Draft, found: Sequence[str], yes: bool) -> tuple[str, dict[str, float] | None]:
    """Return the currency of all reports, "" where there is one alone, and the fixed rates of the others to write."""
    if len(found) < 2:
        return "", None
    report = found[0]
    if not yes:
        question = f"  Amounts are in {', '.join(found)}. In which currency are reports?"
        report = str(typer.prompt(question, default=found[0])).strip().upper()
    if "rates" in made.tables:
        return report, None
    rates, unknown = fixed_rates(report, [currency for currency in found if currency != report])
    print_init.print_rates(report, rates, unknown)
    return report, rates
