"""Claims on two other worlds: the model where nothing predicts churn, and the audit where leakage is planted."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.report import Claim
from tests.benchmarks.yardsticks.trained import make_project, now, train_on_world
from undertow.features.simulator import WORLDS
from undertow.features.simulator.leaks import OLDER, PLANTED
from undertow.features.sources.loaded import Progress
from undertow.training.evaluation.held_out import MODEL
from undertow.training.leakage.audit import audit


def noise_claims(seed: int, folder: Path, report_progress: Progress) -> list[Claim]:
    """Check the model on the noise world, where nothing predicts churn: AUROC near 0.5, and the true base rate."""
    trained = train_on_world(WORLDS["noise"], seed, folder, report_progress)
    p = trained.world.parameters
    claims = []
    for result in (one for one in trained.report.results if one.model == MODEL):
        auroc = result.metrics["auroc"]
        error = (auroc.high - auroc.low) / 3.92
        claims.append(
            Claim(
                f"noise: AUROC at {result.horizon} days within 3 standard errors of 0.5",
                f"{auroc.value:.3f}, standard error {error:.3f}",
                abs(auroc.value - 0.5) <= 3 * error,
            )
        )
    rows = trained.rows(trained.report.dates.test)
    horizon = trained.bundle.headline
    predicted = float(trained.bundle.probability(rows)[:, trained.bundle.ends.index(horizon)].mean())
    true = 1.0 - (1.0 - p.lottery_voluntary - p.lottery_involuntary) ** horizon
    text = f"noise: mean churn probability at {horizon} days within a tenth of the true one"
    return [*claims, Claim(text, f"{predicted:.4f} predicted, {true:.4f} true", abs(predicted / true - 1.0) <= 0.1)]


def leak_claims(seed: int, folder: Path, report_progress: Progress) -> list[Claim]:
    """Check that the audit names each leak that was planted in the leak world, and by which of its checks."""
    settings = make_project(WORLDS["leak"], seed, folder, report_progress)
    report = audit(settings, now(), folder / "data" / OLDER, 3, 0, report_progress)
    failures = [finding for finding in report.findings if finding.severity == "failure"]
    claims = []
    for leak in PLANTED:
        by = sorted({finding.check for finding in failures if finding.culprit == leak.culprit})
        claims.append(Claim(f"leak: {leak.culprit}, {leak.planted}", ", ".join(by) or "not found", bool(by)))
    return claims
