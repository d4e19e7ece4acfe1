"""The simulated business that many tests share, and a small model trained on it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from undertow.features.connectors import write_project
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.training.evaluation.report import TrainReport
from undertow.training.train import train

NOW = datetime(2024, 7, 2, 4)  # some hours after the record of 18 months ends
SMALL = "\n[training]\ntrees = 40\nseeds = 2\nbootstrap = 50\n"


def train_small(folder: Path, data: Path) -> tuple[Settings, TrainReport]:
    """Make a project of a copy of the simulated tables in `data`, and train a small model there."""
    shutil.copytree(data, folder / "data")
    write_project("demo", folder / "data", folder)
    with (folder / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(SMALL)
    settings = load_settings(folder)
    return settings, train(settings, NOW)
