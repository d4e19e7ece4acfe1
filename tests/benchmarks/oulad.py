"""Churn model performance on OULAD, real dated withdrawals from courses, beside the baselines.

Makes a project in a temporary folder with the oulad connector, trains on presentations 2013B and 2013J and evaluates
on the held-out 2014B, sixty days after its start. A run rewrites the section `oulad` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.report import finish, plain_text
from undertow.features.connectors import write_project
from undertow.features.errors import UndertowError
from undertow.features.settings import load_settings
from undertow.serving.cli.console import ROOM, out, progress
from undertow.serving.cli.print_model import results_table
from undertow.training.evaluation.report import TrainReport
from undertow.training.train import train


def main() -> None:
    """Train on OULAD, print the held-out results, and write them to tests/benchmarks/README.md."""
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.oulad", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of the exported OULAD files")
    try:
        report = train_on(parser.parse_args().folder)
    except UndertowError as error:
        raise SystemExit(str(error)) from error
    out.width = ROOM  # results_table leaves metrics out of a narrower table; the file gets all of them
    notes = "\n".join(f"! {note}" for note in report.notes)
    printed = trained_on_sentence(report), results_table(report.results), notes
    for each in printed:
        out.print(each)
        out.print()
    out.print(finish("oulad", plain_text(*printed)))


def train_on(folder: Path) -> TrainReport:
    """Train a model on the OULAD files in `folder`, in a temporary project, and return its report."""
    with tempfile.TemporaryDirectory() as temporary, progress() as report_progress:
        write_project("oulad", folder, Path(temporary) / "project")
        settings = load_settings(Path(temporary) / "project")
        return train(settings, datetime.now(UTC).replace(tzinfo=None), report_progress)


def trained_on_sentence(report: TrainReport) -> str:
    """Return a sentence with the numbers of snapshots, accounts and churners that the model was trained on."""
    learned, dates = report.learned, report.dates
    return (
        f"Trained on {learned['train_snapshots']:,} snapshots of {learned['train_accounts']:,} accounts, of which "
        f"{learned['train_churners']:,} left; held-out test at {dates.test[0]:%Y-%m-%d}."
    )


if __name__ == "__main__":
    main()
