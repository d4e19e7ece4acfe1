"""Terminal output pasted into README.md: `make readme` writes it anew from the demo, and a test compares it.

A block is a code fence below a line `<!-- output: NAME -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from tests.docs import connectors
from tests.features.connectors.company import hubspot, product_database, qualtrics, stripe, zendesk
from tests.features.connectors.company.company import simulate_company
from undertow.features.publishing.versions import replace_text
from undertow.features.settings import load_settings
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import ScoreRequest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"(<!-- output: (?P<name>[\w-]+) -->\n```\n)(?P<text>.*?)(```\n)", re.S)


def at_risk(project: Path) -> str:
    """Return what `make demo` prints of its first account at risk, as lines of README."""
    printed = _printed("at-risk", "--project", str(project), "--limit", "1").rstrip("\n").split("\n")
    head, last = printed[:-2], re.sub("^1 of ", "10 of ", printed[-1])
    return "\n".join(["$ make demo", "…", *head, "…", last, "$ make test"]) + "\n"


def help_of_all(project: Path) -> str:
    """Return what `undertow --help` prints of its commands."""
    printed = _printed("--help")
    commands = [line.strip("│ ").rstrip() for line in printed.split("\n") if line.startswith("│")]
    first = next(number for number, line in enumerate(commands) if line.startswith("init"))
    listed = [line if line[:2].strip() else f"  {line}" for line in commands[first:]]
    return "\n".join(["$ undertow --help", "…", *listed]) + "\n"


def score(project: Path) -> str:
    """Return the answer of POST /v1/score for the first account at risk, cut to its first feature."""
    published = ScoresReader(load_settings(project).store_path()).latest()
    account = str(published.table["account_id"][0].as_py())
    answer = msgspec.to_builtins(published.score(ScoreRequest(account_ids=[account])))
    del answer["results"][0]["contributions"]["top_features"][1:]
    body = f'{{"account_ids": ["{account}"]}}'
    command = f"$ curl -s localhost:3000/v1/score -H 'Content-Type: application/json' -d '{body}'"
    return f"{command}\n{_as_lines(answer)}\n"


def init(_: Path) -> str:
    """Return what `undertow init` prints of the exports of a simulated company: who is who, and the tables."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        company = simulate_company(root / "canonical", accounts=90, months=12)
        for vendor in (hubspot, product_database, qualtrics, stripe, zendesk):
            (root / "exports" / vendor.__name__).mkdir(parents=True)
            vendor.write(company, root / "exports" / vendor.__name__)
        printed = _printed("init", "--data", str(root / "exports"), "--project", str(root / "project"), "--yes")
    shown = printed[printed.index("Whose account") : printed.index("Wrote ")].strip()
    return f"$ undertow init --data exports\n…\n{shown}\n…\n"


BLOCKS: dict[str, Callable[[Path], str]] = {"at-risk": at_risk, "init": init, "help": help_of_all, "score": score}


def pasted(text: str) -> dict[str, str]:
    """Return block name -> pasted output, of the text of a README."""
    return {match["name"]: match["text"] for match in BLOCK.finditer(text)}


def with_outputs(text: str, outputs: Mapping[str, str]) -> str:
    """Return the text of a README with these outputs in its blocks."""
    return BLOCK.sub(lambda match: match[1] + outputs[match["name"]] + match[4], text)


def _printed(*arguments: str) -> str:
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "undertow.serving.cli.commands", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return "\n".join(line.rstrip() for line in done.stdout.split("\n"))


def _as_lines(answer: dict[str, Any]) -> str:
    """Return an answer as JSON of about one line per field of a result, numbers rounded to 4 digits."""
    rounded = _rounded(answer)
    result = rounded.pop("results")[0]
    fields = [f'  "{name}": {_json(value)}' for name, value in result.items()]
    head = _json(rounded)[:-1]
    return f'{head}, "results": [{{\n' + ",\n".join(fields) + "\n}]}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def _json(value: Any) -> str:
    return re.sub(r'([:,])(?=["\d\[{-])', r"\1 ", msgspec.json.encode(value).decode())


if __name__ == "__main__":
    project = Path(sys.argv[1])
    replace_text(README, with_outputs(README.read_text(encoding="utf-8"), {n: b(project) for n, b in BLOCKS.items()}))
    replace_text(connectors.PAGE, connectors.page())
    print(f"Wrote {README.name} and the page of the connectors.")
