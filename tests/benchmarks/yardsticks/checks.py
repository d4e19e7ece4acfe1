"""Claims that must hold on worlds made for them: no signal, planted leaks, planted causes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.benchmarks.yardsticks.trained import (
    Trained,
    account_numbers,
    make_project,
    make_trained,
)
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
MOST_SCORED = 150  # accounts of a planted cause: contributions take a while
WEB_SHARE = 0.6  # of use, from which an account is struck by a release on the web


@dataclass(frozen=True)
class Claim:
    """One claim, what was found, and whether it holds; None where it is only told."""

    claim: str
    found: str
    holds: bool | None


def noise(seed: int, folder: Path, tell: Progress) -> list[Claim]:
    """Where nothing foretells anything, nothing is found, and the chances are the base rate."""
    found = make_trained(WORLDS["noise"], seed, folder, tell)
    p = found.world.parameters
    claims = []
    for result in (one for one in found.report.results if one.model == MODEL):
        auroc = result.metrics["auroc"]
        error = (auroc.high - auroc.low) / 3.92
        claims.append(
            Claim(
                f"noise: AUROC at {result.horizon} days within 3 standard errors of 0.5",
                f"{auroc.value:.3f}, standard error {error:.3f}",
                abs(auroc.value - 0.5) <= 3 * error,
            )
        )
    rows = found.rows(found.report.dates.test)
    horizon = found.bundle.headline
    said = float(found.bundle.probability(rows)[:, found.bundle.ends.index(horizon)].mean())
    true = 1.0 - (1.0 - p.lottery_voluntary - p.lottery_involuntary) ** horizon
    claim = f"noise: mean chance at {horizon} days within a tenth of the true one"
    return [*claims, Claim(claim, f"{said:.4f} said, {true:.4f} true", abs(said / true - 1.0) <= 0.1)]


def leaks(seed: int, folder: Path, tell: Progress) -> list[Claim]:
    """Each planted leak is named by the audit, and nothing else in the data is."""
    settings = make_project(WORLDS["leak"], seed, folder, tell)
    report = audit(settings, _now(), folder / "data" / OLDER, 3, 0, tell)
    failures = [finding for finding in report.findings if finding.severity == "failure"]
    claims = []
    for leak in PLANTED:
        by = sorted({finding.check for finding in failures if finding.culprit == leak.culprit})
        claims.append(Claim(f"leak: {leak.culprit}, {leak.planted}", ", ".join(by) or "not found", bool(by)))
    return claims


def reasons(trained: Trained, folder: Path, tell: Progress) -> list[Claim]:
    """Plant causes three weeks before the newest day; say how often their family leads, and without them."""
    world = trained.world
    last = world.parameters.days
    shocks = (
        Shock(PlantedCause.card, last - 30), Shock(PlantedCause.habit, last - 21), Shock(PlantedCause.tickets, last - 21),
        Shock(PlantedCause.release, last - 21, 0.0),
    )  # fmt: skip
    planted = replace(world.parameters, shocks=shocks)
    settings = make_project(planted, world.seed, folder, tell)
    tables = load_tables(settings, _now(), tell)
    struck_world = run(planted, world.seed)
    with_cause = build_features(settings, tables, [trained.tables.until]).read()
    without = trained.rows([trained.tables.until])
    claims = []
    for which, (kind, family, struck) in enumerate(_planted(struck_world)):
        both = np.intersect1d(account_numbers(with_cause), account_numbers(without))
        chosen = both[struck(which)[both]][:MOST_SCORED]
        after = _explained(trained.bundle, _rows_of(with_cause, chosen))
        before = _explained(trained.bundle, _rows_of(without, chosen))
        claims.append(_reason_claim(f"reasons: {kind} -> {family}", family, after, before))
    return claims


@dataclass(frozen=True)
class _Explained:
    """Contributions by family, (n, len(ACTIONABLE)), and the families shown of each row."""

    by_family: np.ndarray
    shown: list[set[str]]


def _explained(bundle: Bundle, rows: pa.Table) -> _Explained:
    scores = bundle.score(rows)
    by_family = scores.probability_by_family[:, [FAMILIES.index(family) for family in ACTIONABLE]]
    told = [reasons_of(bundle, scores, row, values) for row, values in enumerate(rows.to_pylist())]
    return _Explained(by_family, [{reason.family for reason in found} for found in told])


def _reason_claim(claim: str, family: str, after: _Explained, before: _Explained) -> Claim:
    """Hold where the family leads for half of the accounts, and for more than without the cause."""
    position = ACTIONABLE.index(family)
    led, without = (np.mean(one.by_family.argmax(axis=1) == position) for one in (after, before))
    shown = np.mean([family in families for families in after.shown])
    rise = after.by_family - before.by_family
    most = np.mean(rise.argmax(axis=1) == position)
    found = (
        f"first for {led:.0%} of {len(rise)} accounts ({without:.0%} without it), shown for {shown:.0%}; "
        f"rises most for {most:.0%}"
    )
    return Claim(claim, found, bool(led > without and led >= 0.5))


def _planted(world: World) -> list[tuple[str, str, Callable[[int], Flags]]]:
    """Return each cause, the family that measures it, and who is struck at the end (given its position)."""
    end = world.frozen[world.parameters.days]
    return [
        ("a card in dunning", "billing", lambda which: struck_by(world, which) & (end.dunning_day > 0)),
        ("usage collapses", "usage", lambda which: struck_by(world, which) & end.active),
        ("a storm of tickets", "cx", lambda which: struck_by(world, which) & end.active),
        ("a broken release", "ux", lambda which: (world.static.mix[:, 0] > WEB_SHARE) & end.active),
    ]


def _rows_of(rows: pa.Table, accounts: np.ndarray) -> pa.Table:
    return rows.filter(pa.array(np.isin(account_numbers(rows), accounts)))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
