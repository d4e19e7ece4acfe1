"""Leakage check on fitted models: a column with most of the split gain, and an AUROC no honest champion has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import lightgbm as lgb
import numpy as np

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.language import measures
from undertow.features.replay.replay import Finding
from undertow.features.settings import Training
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn.trees import parameters
from undertow.training.evaluation.performance import FEW_CHURNERS
from undertow.training.examples.encoding import encode, fit_columns
from undertow.training.examples.person_periods import COVARIATES
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import Auroc, bands_of, how_many, micros
from undertow.training.leakage.columns import CHECK, FEW_COLUMNS, GAIN, PERFECT, ComparisonGroups, thinned
from undertow.training.leakage.end_states import source_of

SMALL = "a small model fitted for this"
TREES = 50  # of the small model that is fitted for its split gain


@dataclass(frozen=True)
class ModelAlarm:
    """The split gain shares of a small model, the largest first, and the AUROC per band of days to churn of a model."""

    model: str
    columns: int
    gains: tuple[tuple[str, float], ...]
    headline: Auroc | None = None
    bands: tuple[Auroc | None, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self) | {"gains": dict(self.gains)}


def with_champion(small: ModelAlarm | None, bundle: Bundle, examples: Examples, headline: int) -> ModelAlarm:
    """Return the gain shares of the small model beside a champion's AUROC per band on snapshots it never saw."""
    later = micros(examples) >= np.datetime64(bundle.trained_until, "us")
    unseen = examples.take(later & examples.outcomes.matured(headline))
    aurocs: list[Auroc | None] = []
    if len(unseen) and headline in bundle.ends:
        p = bundle.probability(unseen.rows)[:, bundle.ends.index(headline)]
        sides = ComparisonGroups.of(unseen, headline)
        aurocs = [sides.auroc("value", p, band | ~sides.left, band) for band in sides.bands]
    gains, columns = (small.gains, small.columns) if small else ((), len(bundle.columns))
    name = f"the champion ({bundle.version})"
    return ModelAlarm(name, columns, gains, aurocs[0] if aurocs else None, tuple(aurocs[1:]))


def fit_small(examples: Examples, columns: tuple[Column, ...], headline: int, settings: Training) -> ModelAlarm | None:
    """Fit a small model of churn within the horizon, for its gain shares; None where too few left."""
    matured = thinned(examples.take(examples.outcomes.matured(headline)))
    left = matured.outcomes.churned(headline)
    if how_many(matured.accounts[left]) < FEW_CHURNERS:
        return None
    chosen = fit_columns(columns, matured.rows)
    names = [column.name for column in chosen]
    data = lgb.Dataset(encode(chosen, matured.rows), label=left.astype(float), feature_name=names)
    how = parameters(len(left), int(left.sum()), len(names), settings, 0)
    booster = lgb.train(how, data, num_boost_round=TREES)
    return ModelAlarm(SMALL, len(chosen), _gain_shares([booster]))


def model_findings(alarm: ModelAlarm | None, columns: Iterable[Column], headline: int) -> list[Finding]:
    """Return the findings on the gain shares and the AUROC bands of a model."""
    if alarm is None or not alarm.gains:
        return [Finding("note", "gain", "no model", "not enough data to fit a model and read its split gain.")]
    clocks = {c.name for c in columns if any(m.statistic == "days until" for m in measures(c.feature.measure))}
    clocks |= {name for name, _, _ in COVARIATES}
    name, share = alarm.gains[0]
    findings = []
    if share > GAIN:
        honest = name in clocks or alarm.columns < FEW_COLUMNS
        text = f"{share:.0%} of the split gain of {SMALL}: one column decides nearly alone."
        findings.append(Finding("warning" if honest else "failure", "gain", source_of(name), text))
    for (start, end), one in zip(bands_of(headline), alarm.bands, strict=False):
        if one and one.strength > PERFECT:
            text = f"it predicts who leaves in {start} to {end} days almost perfectly: AUROC {one.text}."
            findings.append(Finding("warning" if start == 0 else "failure", CHECK, alarm.model, text))
    return findings


def _gain_shares(boosters: Sequence[lgb.Booster]) -> tuple[tuple[str, float], ...]:
    gained: dict[str, float] = {}
    for booster in boosters:
        gains = booster.feature_importance(importance_type="gain")
        for name, gain in zip(booster.feature_name(), gains, strict=True):
            gained[name] = gained.get(name, 0.0) + float(gain)
    whole = sum(gained.values())
    shares = [(name, gain / whole) for name, gain in gained.items() if whole > 0]
    return tuple(sorted(shares, key=lambda share: (-share[1], share[0])))
