"""Claims about the model and the audit, each checked on a simulated world: no signal, planted leaks, planted causes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.benchmarks.yardsticks.trained import TrainedWorld, account_numbers, make_project, train_on_world
from undertow.features.build import build_features
from undertow.features.catalogue.cards import FAMILIES
from undertow.features.simulator import WORLDS, PlantedCause, Shock, World, run
from undertow.features.simulator.history import struck_by
from undertow.features.simulator.leaks import OLDER, PLANTED
from undertow.features.simulator.state import Flags
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress
from undertow.serving.jobs.reasons import reasons_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import MODEL
from undertow.training.leakage.audit import audit

ACTIONABLE = tuple(family for family in FAMILIES if family != "profile")
MOST_SCORED = 150  # accounts per planted cause: contributions are slow to compute
WEB_SHARE = 0.6  # share of use on the web above which an account counts as hit by a broken web release


@dataclass(frozen=True)
class Claim:
    """One claim, the numbers that were measured for it, and whether it holds; None where it is not judged."""

    text: str
    measured: str
    holds: bool | None


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
    report = audit(settings, _now(), folder / "data" / OLDER, 3, 0, report_progress)
    failures = [finding for finding in report.findings if finding.severity == "failure"]
    claims = []
    for leak in PLANTED:
        by = sorted({finding.check for finding in failures if finding.culprit == leak.culprit})
        claims.append(Claim(f"leak: {leak.culprit}, {leak.planted}", ", ".join(by) or "not found", bool(by)))
    return claims


def reason_claims(trained: TrainedWorld, folder: Path, report_progress: Progress) -> list[Claim]:
    """Plant causes three weeks before the newest as_of; check how often the cause's family contributes most.

    The same accounts are scored in the same world without the cause, for comparison.
    """
    world = trained.world
    last = world.parameters.days
    shocks = (
        Shock(PlantedCause.card, last - 30), Shock(PlantedCause.habit, last - 21),
        Shock(PlantedCause.tickets, last - 21), Shock(PlantedCause.release, last - 21, 0.0),
    )  # fmt: skip
    parameters = replace(world.parameters, shocks=shocks)
    settings = make_project(parameters, world.seed, folder, report_progress)
    tables = load_tables(settings, _now(), report_progress)
    planted_world = run(parameters, world.seed)
    with_cause = build_features(settings, tables, [trained.tables.until]).read()
    without = trained.rows([trained.tables.until])
    claims = []
    for index, (cause, family, is_hit) in enumerate(_planted(planted_world)):
        both = np.intersect1d(account_numbers(with_cause), account_numbers(without))
        chosen = both[is_hit(index)[both]][:MOST_SCORED]
        after = _explain(trained.bundle, _rows_of(with_cause, chosen))
        before = _explain(trained.bundle, _rows_of(without, chosen))
        claims.append(_reason_claim(f"reasons: {cause} -> {family}", family, after, before))
    return claims


@dataclass(frozen=True)
class _Explained:
    """Contributions by family, shape (n, len(ACTIONABLE)), and the families shown as reasons of each row."""

    by_family: np.ndarray
    shown: list[set[str]]


def _explain(bundle: Bundle, rows: pa.Table) -> _Explained:
    scores = bundle.score(rows)
    by_family = scores.probability_by_family[:, [FAMILIES.index(family) for family in ACTIONABLE]]
    reasons = [reasons_of(bundle, scores, row, values) for row, values in enumerate(rows.to_pylist())]
    return _Explained(by_family, [{reason.family for reason in shown} for shown in reasons])


def _reason_claim(text: str, family: str, after: _Explained, before: _Explained) -> Claim:
    """Return a claim; it holds if the family contributes most for half of the accounts, and for more than before."""
    position = ACTIONABLE.index(family)
    first, without = (np.mean(one.by_family.argmax(axis=1) == position) for one in (after, before))
    shown = np.mean([family in families for families in after.shown])
    rise = after.by_family - before.by_family
    most = np.mean(rise.argmax(axis=1) == position)
    measured = (
        f"first for {first:.0%} of {len(rise)} accounts ({without:.0%} without it), shown for {shown:.0%}; "
        f"rises most for {most:.0%}"
    )
    return Claim(text, measured, bool(first > without and first >= 0.5))


def _planted(world: World) -> list[tuple[str, str, Callable[[int], Flags]]]:
    """Return (cause, feature family that measures it, function from the shock's index to the accounts hit by it)."""
    end = world.frozen[world.parameters.days]
    return [
        ("a card in dunning", "billing", lambda shock: struck_by(world, shock) & (end.dunning_day > 0)),
        ("usage collapses", "usage", lambda shock: struck_by(world, shock) & end.active),
        ("a storm of tickets", "cx", lambda shock: struck_by(world, shock) & end.active),
        ("a broken release", "ux", lambda shock: (world.static.mix[:, 0] > WEB_SHARE) & end.active),
    ]


def _rows_of(rows: pa.Table, accounts: np.ndarray) -> pa.Table:
    return rows.filter(pa.array(np.isin(account_numbers(rows), accounts)))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
