"""Makes a project of exported files, or extends one: looks at them, asks what only the user knows, and writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from undertow.features.connectors.kit.draft import Asked, Draft, draft, project_settings, questions, sources
from undertow.features.connectors.kit.extend import Change, extend_project, refuse_lost
from undertow.features.connectors.kit.fixed_rates import fixed_rates
from undertow.features.connectors.kit.guess import Proposed, guesses
from undertow.features.connectors.kit.identity import currencies, matches
from undertow.features.connectors.kit.look import look
from undertow.features.connectors.kit.manifest import chosen_connectors
from undertow.features.connectors.kit.missing import missing_tables
from undertow.features.connectors.kit.recognise import Recognised, recognise
from undertow.features.connectors.kit.write import ToWrite, refuse_existing, write_project
from undertow.features.connectors.kit.written import Written, read_written
from undertow.features.errors import SourceError
from undertow.features.settings import load_settings
from undertow.features.sources.files.opened import opened_sources
from undertow.serving.cli.console import out
from undertow.serving.cli.setup import print_init

MOST_QUESTIONS = 7  # beside that for the currency
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
        return write_project(_decided(seen.recognised, folders, project, yes), project)
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty where the project was written
                project.rmdir()


def add_to_project(
    added: Sequence[str], folders: Sequence[Path], templates: Sequence[str], project: Path, yes: bool
) -> list[Change]:
    """Extend a project by the files of more connectors; return what became of each file of the project.

    `folders`: where the files are, beside the folders that the project reads already. Raises SettingsError where the
    project was not written by `project_from_files`, SourceError where files of a connector are not there.
    """
    load_settings(project)
    before = read_written(project)
    known = chosen_connectors(list(dict.fromkeys([*before.connectors, *added])), templates)
    every = [*(project / folder for folder in before.data), *folders]
    seen = recognise(look(every), known)
    print_init.print_seen(seen)
    refuse_lost(seen, before, added)
    return extend_project(_decided(seen.recognised, every, project, yes, before), project, before)


def _decided(
    recognised: Sequence[Recognised], folders: Sequence[Path], project: Path, yes: bool, before: Written | None = None
) -> ToWrite:
    """Return what is to be written, after the questions that have no answer yet."""
    held = before.answers if before else {}
    every = questions(recognised)
    asked = [each for each in every if not held.keys() >= set(each.keys)]
    with TemporaryDirectory() as folder:
        store = Path(folder)
        proposed = guesses(recognised, asked, store)
        answers = {**held, **ask(asked, proposed, yes)}
        made = draft(recognised, answers, project)
        chosen, left = sources(recognised)
        with opened_sources(project_settings(made, project, store)) as connection:
            print_init.print_matches(matches(connection))
            money = [made.sql[made.tables[table]] for table in WITH_MONEY if table in made.tables]
            found = currencies(connection, money)
    print_init.print_sources(chosen, left)
    print_init.print_missing(missing_tables(list(made.tables)))
    print_init.print_events(proposed.events)
    report, rates = _currency(made, found, before.report if before else "", yes)
    return ToWrite(folders, recognised, chosen, made, every, answers, proposed.events, report, rates)


def ask(asked: Sequence[Asked], proposed: Proposed, yes: bool) -> dict[str, str]:
    """Return key -> answer: what the user typed, or what was proposed.

    Asked are those first that the files say nothing of; beyond MOST_QUESTIONS, the proposed answers are taken.
    """
    by_doubt = sorted(asked, key=lambda each: proposed.from_data >= set(each.keys))  # stable
    taken = by_doubt if yes else by_doubt[MOST_QUESTIONS:]
    answers = dict(proposed.answers)
    if len(taken) < len(asked):
        out.print("Enter takes the answer in brackets.", style="bold")
    for each in by_doubt[: len(asked) - len(taken)]:
        answers.update(_typed(each, proposed.answers))
    if taken:
        out.print("Taken, as proposed:", style="bold")
    for each in taken:
        shown = _shown(each, proposed.answers) or "none"
        out.print(f"  {each.question.question}{_about(each)} {shown}", soft_wrap=True, markup=False)
    out.print()
    return answers


def _typed(asked: Asked, proposed: Mapping[str, str]) -> dict[str, str]:
    """Return key -> answer of one question, as it was typed."""
    while True:
        prompt = f"  {asked.question.question}{_about(asked)}"
        typed = str(typer.prompt(prompt, default=_shown(asked, proposed))).split()
        if len(asked.keys) == 1:
            typed = [" ".join(typed)]
        if len(typed) == len(asked.keys):
            return {
                key: f'"{text}"' if proposed[key].startswith('"') else text
                for key, text in zip(asked.keys, typed, strict=True)
            }
        out.print(f"  Expected {len(asked.keys)} answers with a blank between them, got {len(typed)}.")


def _shown(asked: Asked, proposed: Mapping[str, str]) -> str:
    return " ".join(proposed[key].strip('"') for key in asked.keys)


def _about(asked: Asked) -> str:
    return f" ({', '.join(asked.entries)})" if asked.entries else ""


def _currency(made: Draft, found: Sequence[str], report: str, yes: bool) -> tuple[str, dict[str, float] | None]:
    """Return the currency of all reports, "" where there is one alone, and the fixed rates of the others to write.

    `report`: that of the project before, "" where there is none yet.
    """
    if len(found) < 2:
        return report, None
    if not report and not yes:
        question = f"  Amounts are in {', '.join(found)}. In which currency are reports?"
        report = str(typer.prompt(question, default=found[0])).strip().upper()
    report = report or found[0]
    if "rates" in made.tables:
        return report, None
    rates, unknown = fixed_rates(report, [currency for currency in found if currency != report])
    print_init.print_rates(report, rates, unknown)
    return report, rates
