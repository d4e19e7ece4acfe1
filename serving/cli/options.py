"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Project = Annotated[Path, typer.Option("--project", help="Project folder, which holds undertow.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="Prediction time: a day, at midnight UTC; only what was known before it counts.",
    ),
]
Examples = Annotated[
    Path | None,
    typer.Option(
        "--examples",
        metavar="FILE",
        help="Feature rows of your own pipeline (Parquet or CSV), used instead of the tables: account_id, as_of and "
        "a column per feature; to train, also churn_days with followed_days, or churned. [examples] of undertow.toml "
        "says what they mean.",
    ),
]
HERE = Path(".")
