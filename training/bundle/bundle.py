"""The bundle: what training hands to serving. LightGBM text models and plain JSON, no pickle.

    bundle/
      bundle.json            columns, categories, grid, baselines, typical values, settings of value
      voluntary-0.txt ...    one LightGBM text model a cause and a member of the bag
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import FAMILIES, Column, Family, definition_id
from undertow.features.errors import ModelRefusal, RequestError
from undertow.features.settings import Value
from undertow.training.bundle.attribution import along_path, by_group
from undertow.training.churn import curves
from undertow.training.examples.encoding import ModelColumn, encode, unseen
from undertow.training.examples.person_periods import COVARIATES, Known, covariates, with_covariates
from undertow.training.value.subscription import lifetime_value, value_if_kept

FILE = "bundle.json"
FORMAT = 2


@dataclass(frozen=True)
class Scores:
    """What is said of each of n accounts.

    `probability`: (n, H), P(churn within each horizon). `by_cause`: (n, H, 2), voluntary and
    involuntary, adding up to it. `clv`, `clv_if_kept`, `value_at_risk`: (n,), money over 12 months.
    `probability_by_feature`: (n, J), probability points at the headline horizon; with
    `baseline_probability` they add up to the score. `log_odds_by_family` likewise in log-odds.
    `first_family`: (n, members), position in FAMILIES of the family that raises the score most,
    by each member of the bag alone; profile is never among them.
    """

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray
    clv_if_kept: np.ndarray
    value_at_risk: np.ndarray
    baseline_probability: float
    baseline_log_odds: float
    probability_by_feature: np.ndarray
    probability_by_family: np.ndarray
    log_odds_by_family: np.ndarray
    first_family: np.ndarray


@dataclass(frozen=True)
class CauseModel:
    """The hazard of one cause: a bag of boosters, or a constant where events were too few.

    `baseline`: log-odds, shape (K,), of a typical account in each period.
    """

    cause: str
    boosters: tuple[lgb.Booster, ...]
    baseline: tuple[float, ...]


@dataclass(frozen=True)
class Bundle:
    """A trained model with all that scoring needs."""

    version: str
    trained_until: str  # ISO date up to which outcomes were read
    ends: tuple[int, ...]  # period ends, days; also the horizons
    headline: int  # days; the horizon of contributions
    season: bool  # whether the month of the year is one of the inputs
    columns: tuple[ModelColumn, ...]
    causes: tuple[CauseModel, ...]
    typical: dict[str, dict[str, float]]  # segment ("" for all) -> column -> median in training
    value: Value

    # --- what is in it ---

    @property
    def horizons(self) -> tuple[int, ...]:
        """Return the horizons served, days."""
        return self.ends

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """Return the J names behind contributions: the columns, then the period's covariates."""
        return (*(column.name for column in self.columns), *(name for name, _, _ in COVARIATES))

    @property
    def contribution_families(self) -> tuple[Family, ...]:
        """Return the family of each of `contribution_names`."""
        return (*(column.family for column in self.columns), *(family for _, family, _ in COVARIATES))

    def changed(self, columns: Iterable[Column]) -> list[str]:
        """Return the cards that are gone, or defined otherwise, since the model was trained."""
        today = {column.name: definition_id(column.feature) for column in columns}
        strange = [column.card for column in self.columns if today.get(column.name) != column.definition_id]
        return list(dict.fromkeys(strange))

    def typical_value(self, column: str, segment: str | None) -> float | None:
        """Return the median of a column among accounts like this one, as found in training."""
        of_segment = self.typical.get(segment or "", self.typical[""])
        return of_segment.get(column)

    def unseen(self, rows: pa.Table) -> dict[str, int]:
        """Return text column -> number of rows whose value training never saw."""
        return unseen(self.columns, rows)

    def top_features(self, scores: Scores, row: int, most: int = 5) -> list[tuple[str, Family, float]]:
        """Return (name, family, probability points) of the contributions that move a score most."""
        shares = scores.probability_by_feature[row].tolist()
        told = zip(self.contribution_names, self.contribution_families, shares, strict=True)
        return sorted(told, key=lambda each: -abs(each[2]))[:most]

    # --- scoring ---

    def log_odds(self, rows: pa.Table) -> np.ndarray:
        """Return the bag's log-odds of leaving, shape (n, K, C)."""
        return self._log_odds(self._period_matrix(rows, self.ends), len(self.ends))

    def probability(self, rows: pa.Table) -> np.ndarray:
        """Return P(churn within each horizon), shape (n, H), without contributions (much faster)."""
        return 1.0 - curves.survival(self.log_odds(rows))

    def score(self, rows: pa.Table) -> Scores:
        """Score rows that hold `as_of` (timestamp) and every one of `columns`.

        Raises RequestError naming what is missing. Nulls are read as unknown.
        """
        needed = ("as_of", *(column.name for column in self.columns))
        missing = [name for name in needed if name not in rows.column_names]
        if missing:
            raise RequestError(f"Rows lack the columns {', '.join(missing[:5])}; give null where unknown.")
        log_odds = self.log_odds(rows)
        stays = curves.survival(log_odds)
        by_cause = curves.incidence(log_odds)
        mrr = np.nan_to_num(_numbers(rows, "mrr"))
        clv = lifetime_value(stays, self.ends, mrr, self.value)
        kept = value_if_kept(mrr, self.value)
        return Scores(
            probability=1.0 - stays,
            by_cause=by_cause,
            clv=clv,
            clv_if_kept=kept,
            value_at_risk=kept - clv,
            **self._contributions(rows),
        )

    def _contributions(self, rows: pa.Table) -> dict[str, Any]:
        """Contributions at the headline horizon, in probability and in log-odds."""
        ends = tuple(end for end in self.ends if end <= self.headline)
        baseline = np.array([model.baseline[: len(ends)] for model in self.causes]).T
        members = self._members(self._period_matrix(rows, ends), len(ends), baseline)
        bag = members.mean(axis=0)
        probability = along_path(baseline, bag, curves.probability, curves.probability_gradient)
        log_odds = along_path(baseline, bag, curves.log_odds_of_probability, curves.log_odds_gradient)
        start = curves.probability(baseline[None])
        families = self.contribution_families
        return {
            "baseline_probability": float(start[0]),
            "baseline_log_odds": float(curves.logit(start)[0]),
            "probability_by_feature": probability,
            "probability_by_family": by_group(probability, families, FAMILIES),
            "log_odds_by_family": by_group(log_odds, families, FAMILIES),
            "first_family": self._first_families(members, baseline),
        }

    def _first_families(self, members: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        firsts = []
        for member in members:
            shares = along_path(baseline, member, curves.probability, curves.probability_gradient)
            grouped = by_group(shares, self.contribution_families, FAMILIES)
            grouped[:, FAMILIES.index("profile")] = -np.inf
            firsts.append(grouped.argmax(axis=1))
        return np.stack(firsts, axis=1)

    def _period_matrix(self, rows: pa.Table, ends: tuple[int, ...]) -> np.ndarray:
        return with_covariates(encode(self.columns, rows), covariates(known_of(rows), ends, self.season))

    def _log_odds(self, matrix: np.ndarray, periods: int) -> np.ndarray:
        found = np.empty((len(matrix) // periods, periods, len(self.causes)))
        for c, model in enumerate(self.causes):
            if model.boosters:
                raw = np.mean([_raw(booster, matrix) for booster in model.boosters], axis=0)
                found[:, :, c] = raw.reshape(-1, periods)
            else:
                found[:, :, c] = model.baseline[:periods]
        return found

    def _members(self, matrix: np.ndarray, periods: int, baseline: np.ndarray) -> np.ndarray:
        """Return each member's contributions, shape (members, n, J, K, C), around `baseline`.

        TreeSHAP's own base value is moved to the typical account of the period: the difference
        is what the calendar contributes on average, and is taken out of the `period` covariate.
        """
        n, width = len(matrix) // periods, matrix.shape[1]
        size = max(1, *(len(model.boosters) for model in self.causes))
        found = np.zeros((size, n, width, periods, len(self.causes)))
        period = self.contribution_names.index("period")
        for c, model in enumerate(self.causes):
            for m, booster in enumerate(model.boosters):
                shap = np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=0))
                shaped = shap.reshape(n, periods, width + 1)
                found[m, :, :, :, c] = shaped[:, :, :-1].transpose(0, 2, 1)
                found[m, :, period, :, c] += shaped[:, :, -1] - baseline[None, :, c]
        return found

    # --- keeping ---

    def save(self, folder: Path) -> None:
        """Write the bundle into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for model in self.causes:
            for number, booster in enumerate(model.boosters):
                booster.save_model(folder / f"{model.cause}-{number}.txt")
        written = {
            "format": FORMAT,
            "version": self.version,
            "trained_until": self.trained_until,
            "ends": self.ends,
            "headline": self.headline,
            "season": self.season,
            "columns": [asdict(column) for column in self.columns],
            "causes": [
                {"cause": model.cause, "members": len(model.boosters), "baseline": model.baseline}
                for model in self.causes
            ],
            "typical": self.typical,
            "value": self.value.model_dump(mode="json"),
        }
        text = json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle back. Raises ModelRefusal where it was written in another format."""
        read = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if read["format"] != FORMAT:
            raise ModelRefusal(
                f"The model in {folder} is of format {read['format']}, this release reads {FORMAT}: train again."
            )
        return cls(
            version=read["version"],
            trained_until=read["trained_until"],
            ends=tuple(read["ends"]),
            headline=read["headline"],
            season=read["season"],
            columns=tuple(_read_column(column) for column in read["columns"]),
            causes=tuple(_read_cause(folder, cause) for cause in read["causes"]),
            typical=read["typical"],
            value=Value(**read["value"]),
        )


def known_of(rows: pa.Table) -> Known:
    """Return what the rows know of their accounts' future."""
    as_of = rows["as_of"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[M]")
    return Known(
        tenure_days=_numbers(rows, "tenure_days"),
        days_to_renewal=_numbers(rows, "days_to_renewal"),
        term_months=_numbers(rows, "term_months"),
        month=as_of.astype(int) % 12 + 1.0,
    )


def _numbers(rows: pa.Table, name: str) -> np.ndarray:
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


def _raw(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(matrix, raw_score=True))


def _read_column(read: dict[str, Any]) -> ModelColumn:
    categories = read.pop("categories")
    return ModelColumn(**read, categories=None if categories is None else tuple(categories))


def _read_cause(folder: Path, read: dict[str, Any]) -> CauseModel:
    files = [folder / f"{read['cause']}-{number}.txt" for number in range(read["members"])]
    boosters = tuple(lgb.Booster(model_file=file) for file in files)
    return CauseModel(read["cause"], boosters, tuple(read["baseline"]))


