"""Churn model performance on OULAD, real dated withdrawals from courses, beside the baselines.

Makes a project in a temporary folder with the oulad connector, trains on presentations 2013B and 2013J and evaluates
on the held-out 2014B, sixty days after its start: within the horizons of the product, and within the next week by a
model of that horizon alone. A run rewrites the section `oulad` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from tests.benchmarks.report import finish, plain_text
from undertow.features.connectors import write_project
from undertow.features.errors import UndertowError
from undertow.features.settings import load_settings
from undertow.serving.cli.console import ROOM, out, progress
from undertow.serving.cli.print_model import results_table
from undertow.training.evaluation.report import TrainReport
from undertow.training.train import train

NEXT_WEEK = (7,)  # days


def main() -> None:
    """Train on OULAD, print the held-out results, and write them to tests/benchmarks/README.md."""
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.oulad", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of the exported OULAD files")
    try:
        folder = parser.parse_args().folder
        report, next_week = train_on(folder), train_on(folder, NEXT_WEEK)
    except UndertowError as error:
        raise SystemExit(str(error)) from error
    out.width = ROOM  # results_table leaves metrics out of a narrower table; the file gets all of them
    printed = [part for each in (report, next_week) for part in printed_parts(each)]
    for each in printed:
        out.print(each)
        out.print()
    out.print(finish("oulad", plain_text(*printed)))


def train_on(folder: Path, horizons: tuple[int, ...] = ()) -> TrainReport:
    """Train a model on the OULAD files in `folder`, in a temporary project, and return its report.

    `horizons`: days, ascending, the last of them the headline; those of the product where none are given.
    """
    with tempfile.TemporaryDirectory() as temporary, progress() as report_progress:
        write_project("oulad", folder, Path(temporary) / "project")
        settings = load_settings(Path(temporary) / "project")
        if horizons:
            training = settings.training.model_copy(update={"horizons": horizons, "headline": horizons[-1]})
            settings = settings.model_copy(update={"training": training})
        return train(settings, datetime.now(UTC).replace(tzinfo=None), report_progress)


def printed_parts(report: TrainReport) -> tuple[str, Table, str]:
    """Return what is printed of one training: on what, how good beside the baselines, and its notes."""
    notes = "\n".join(f"! {note}" for note in report.notes)
    return trained_on_sentence(report), results_table(report.results), notes


def trained_on_sentence(report: TrainReport) -> str:
    """Return a sentence with the numbers of snapshots, accounts and churners that the model was trained on."""
    learned, dates = report.learned, report.dates
    return (
        f"Trained on {learned['train_snapshots']:,} snapshots of {learned['train_accounts']:,} accounts, of which "
        f"{learned['train_churners']:,} left; held-out test at {dates.test[0]:%Y-%m-%d}."
    )


if __name__ == "__main__":
    main()
