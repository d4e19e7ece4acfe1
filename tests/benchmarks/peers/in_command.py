"""Runs the command `undertow features` on a project that was loaded before: `python -m ... JOB sixty|catalogue`.

"sixty": with the 60 columns in place of the catalogue; "catalogue": every column for which there are tables.
`python -m ... JOB load` loads the project first. The imports of the command are part of its work.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import datetime
from pathlib import Path
from time import process_time
from typing import Any

NOW = datetime(2026, 2, 1)  # after the last event


def load(job: dict[str, Any]) -> None:
    """Write the project and load its tables, unless that was done before."""
    from tests.benchmarks.peers.event_project import write_project
    from undertow.features.settings import load_settings
    from undertow.features.sources.load import load_tables

    project = Path(job["project"])
    write_project(project, Path(job["data"]), job["memory_limit"], job["as_ofs"])
    load_tables(load_settings(project), NOW)


def main(job: dict[str, Any], what: str) -> None:
    """Run the command and move the snapshots that it stored to the job's `out`."""
    from undertow.serving.cli.commands import app

    stored = Path(job["project"]) / "store" / "features"
    shutil.rmtree(stored, ignore_errors=True)
    if what == "sixty":
        _replace_catalogue()
    try:
        app(["features", "--project", job["project"]])
    except SystemExit as done:
        if done.code:
            raise
    [built] = stored.iterdir()
    built.rename(job["out"])


def _replace_catalogue() -> None:
    from tests.benchmarks.peers.columns import cards
    from undertow.features.build import feature_table
    from undertow.features.catalogue.choose import Catalogue

    feature_table.make_catalogue = lambda *_, **__: Catalogue(cards(), {})


if __name__ == "__main__":
    print(f"ready {process_time()}", flush=True)
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if sys.argv[2] == "load":
        load(given)
    else:
        main(given, sys.argv[2])
