"""The attack by schemathesis: requests drawn from the OpenAPI description, good and bad; no answer breaks it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.service.http import HOST

OPERATIONS = 16  # that are described
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)


def attack(port: int, cases: int, seed: int) -> tuple[str, bool]:
    """Send about so many requests; return what schemathesis counted, and whether it found nothing."""
    program = Path(sys.executable).absolute().with_name("schemathesis")
    of_each = max(1, cases // OPERATIONS)
    options = f"--phases fuzzing --continue-on-failure --checks {CHECKS} --max-examples {of_each} --seed {seed}"
    command = [str(program), "run", f"http://{HOST}:{port}/openapi.json", *options.split()]
    with TemporaryDirectory() as folder:  # it writes what it sent into the current one
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-6_000:], done.stderr[-2_000:], flush=True)
    counted = re.findall(r"(\d[\d,]*) generated.*", done.stdout)
    said = f"{counted[-1]} cases" if counted else f"exit {done.returncode}"
    return said + ("" if done.returncode == 0 else ", breaks found"), done.returncode == 0
