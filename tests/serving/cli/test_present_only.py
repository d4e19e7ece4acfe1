"""A mapping that shows only the present: checks and metrics work, training is refused, and the audit fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.connectors.company import hubspot, product_database, stripe_api, zendesk
from tests.features.connectors.company.company import simulate_company
from tests.serving.cli.typed import undertow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of Stripe's objects of today, beside exports that hold their history."""
    folder = tmp_path_factory.mktemp("present")
    company = simulate_company(folder / "canonical", accounts=60, months=10)
    for vendor in (hubspot, product_database, stripe_api, zendesk):
        target = folder / "exports" / vendor.__name__.rpartition(".")[2]
        target.mkdir(parents=True)
        vendor.write(company, target)
    result = undertow("init", "--data", str(folder / "exports"), "--project", str(folder / "project"), "--yes")
    assert result.exit_code == 0
    assert "! subscriptions: Stripe shows only the present, so nothing can be trained." in result.stdout
    return folder / "project"


@pytest.mark.parametrize("command", ["train", "backtest"])
def test_training_is_refused_with_the_reason_and_what_would_cure_it(project: Path, command: str) -> None:
    result = undertow(command, "--project", str(project))
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "subscriptions shows only the present ([data] present_only)" in said
    assert "webhook events, a history table, invoice lines" in said


def test_the_audit_fails_with_the_same_reason(project: Path) -> None:
    result = undertow("audit", "--project", str(project))
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "subscriptions shows only the present" in said
    assert "Clean" not in said


@pytest.mark.parametrize("command", ["check", "metrics"])
def test_checks_and_metrics_of_today_work(project: Path, command: str) -> None:
    assert undertow(command, "--project", str(project)).exit_code == 0
