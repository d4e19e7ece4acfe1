"""From a folder of exports to a printed list: minutes, questions and rows that came back, on a simulated company.

    python -m tests.benchmarks.exports --accounts 600

A simulated company is written as the exports of HubSpot, Stripe (archive of webhooks), Zendesk, PostHog, Qualtrics and
its own database; then the commands are typed that its team would type: init (every proposed answer but the time zone of
HubSpot), train, score, at-risk. A run on 600 accounts also rewrites the section `exports` of
tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import ModuleType

import pandas as pd

from tests.benchmarks.report import finish
from tests.features.connectors.company import (
    hubspot,
    posthog,
    product_database,
    qualtrics,
    stripe,
    stripe_expected,
    zendesk,
)
from tests.features.connectors.company.company import Company, simulate_company
from undertow.features.publishing.versions import current

FULL, MONTHS = 600, 18
VENDORS: Sequence[ModuleType] = (hubspot, product_database, stripe, zendesk, posthog, qualtrics)
COMMANDS = (("train",), ("score",), ("at-risk", "--limit", "3"))


def main() -> None:
    """Print what each command took, the questions, the rows that came back, and the head of the list."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        company = simulate_company(root / "canonical", accounts=arguments.accounts, months=MONTHS)
        for vendor in VENDORS:
            exports = root / "exports" / vendor.__name__.rpartition(".")[2]
            exports.mkdir(parents=True)
            vendor.write(company, exports)
        printed, seconds = _type_commands(root)
        results = results_text(printed, seconds, rows_back(company, root / "project"))
    print(results)
    partial = "" if arguments.accounts == FULL else f"not {FULL} accounts"
    print(finish("exports", f"```\n{results}\n```", partial))


def results_text(printed: dict[str, str], seconds: dict[str, float], back: Sequence[str]) -> str:
    """Return the results: seconds of each command, questions, rows that came back, and the head of the list."""
    taken = printed["init"].partition("Taken, as proposed:")[2].partition("\n\n")[0].strip().splitlines()
    each = ", ".join(f"{name} {number:.0f}" for name, number in seconds.items())
    lines = [f"From init to the list: {sum(seconds.values()):.0f} s ({each}), {len(taken)} questions"]
    return "\n".join([*lines, "", *back, "", printed["at-risk"].rstrip()])


def rows_back(company: Company, project: Path) -> list[str]:
    """Return a line per table: the rows that are expected, those that came back, and the largest difference of MRR."""
    expected = {
        "accounts": hubspot.expected_accounts(company),
        "users": company.users,
        "subscriptions": stripe_expected.expected_subscriptions(company),
        "invoices": pd.concat([stripe_expected.expected_invoices(company),
                               stripe_expected.expected_void_invoices(company)]),
        "payments": pd.concat([stripe_expected.expected_payments(company), stripe_expected.expected_refunds(company)]),
        "cards": stripe_expected.expected_cards(company),
        "tickets": zendesk.expected_tickets(company),
        "events": pd.concat([posthog.expected_events(company), posthog.expected_vitals_beside(company)]),
        "surveys": qualtrics.expected_surveys(company),
    }  # fmt: skip
    version = current(project / "store" / "tables")
    assert version is not None
    lines = []
    for name, rows in expected.items():
        found = [*version.glob(f"{name}.parquet"), *version.glob(f"{name}/**/*.parquet")]
        got = pd.concat([pd.read_parquet(path) for path in found])
        # a row of an account that went into another one is held for both, the second time as of the merge
        of_merge = ("account_id", "recorded_at", "end_reason")
        got = got.drop_duplicates([column for column in got if column not in of_merge])
        lines.append(f"{name}: {len(got):,} of {len(rows):,} rows came back")
        if name == "subscriptions":
            pairs = zip(_mrr(got, company), _mrr(rows, company), strict=True)
            off = max(abs(one - other) for one, other in pairs)
            lines[-1] += f"; MRR at month ends differs by {off:.2f} EUR at most"
    return lines


def _mrr(rows: pd.DataFrame, company: Company) -> list[float]:
    ends = pd.date_range(company.first_day, company.end, freq="MS")[1:]
    return [float(rows["mrr"][(rows["started_at"] <= end) & ~(rows["ended_at"] <= end)].sum()) for end in ends]


def _type_commands(root: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Return what each command printed, and the seconds it took."""
    project = ("--project", str(root / "project"))
    printed, seconds = {}, {}
    for words in (("init", "--data", str(root / "exports"), "--yes"), *COMMANDS):
        started = monotonic()
        printed[words[0]] = _typed(*words, *project)
        seconds[words[0]] = monotonic() - started
        if words[0] == "init":  # the one answer that the files do not hold
            accounts = root / "project" / "sql" / "accounts.sql"
            text = accounts.read_text(encoding="utf-8")
            zone = re.sub(r"timezone\('UTC'", f"timezone('{hubspot.VIEWERS_ZONE}'", text)
            assert zone != text
            accounts.write_text(zone, encoding="utf-8")
    return printed, seconds


def _typed(*words: str) -> str:
    command = [sys.executable, "-m", "undertow.serving.cli.commands", *words]
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.exports", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--accounts", type=int, default=FULL, help="accounts of the company; default: 600")
    return parser.parse_args()


if __name__ == "__main__":
    main()
