"""Programs that train or register a model, started as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REGISTER = """
import sys
from datetime import datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import register_judged

registry, bundle = open_registry(load_settings(Path(sys.argv[1]))), Bundle.load(Path(sys.argv[2]))
print("ready", flush=True)
with registry.start_run():
    print("started", flush=True)
    verdict = Verdict(True, "It replaces the champion.")
    print("registered", register_judged(registry, bundle, lambda: verdict, datetime(2024, 7, 2))[0], flush=True)
"""
TRAIN = """
import sys
from datetime import datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.training.train import train

def progress(what, share):
    print(what, share, flush=True)

report = train(load_settings(Path(sys.argv[1])), datetime(2024, 7, 2, 4), progress)
print("trained", report.number, report.verdict.promoted, report.verdict.text, flush=True)
"""
Process = subprocess.Popen[str]


def start(code: str, *arguments: Path) -> Process:
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def last_lines(processes: list[Process]) -> list[str]:
    """Wait for the end of the processes, which must be a good one, and return the last line of each."""
    said = [process.communicate(timeout=400) for process in processes]
    assert [(process.returncode, error) for process, (_, error) in zip(processes, said, strict=True)
            if process.returncode] == []  # fmt: skip
    return [output.splitlines()[-1] for output, _ in said]
